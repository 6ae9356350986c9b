//! Configs as zip archives: in, out, and refused.

use std::io::{Cursor, Write as _};

use http::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;

use super::client::{Answer, Api};
use super::server::{Stack, id};

/// A zip archive of text files.
pub(super) fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in files {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Announces and uploads an archive; its id.
async fn upload(stack: &Stack, content: &[u8]) -> String {
    let body = json!({ "byte_size": content.len(), "sha256": hex::encode(Sha256::digest(content)) });
    let announced = stack.api.post(&stack.in_workspace("config-uploads"), &body).await.expect(201);
    assert_eq!(stack.upload(&announced, content).await, 200);
    id(&announced)
}

async fn files(stack: &Stack, config: &str) -> Value {
    stack.api.get(&stack.in_workspace(&format!("configs/{config}/files"))).await.expect(200)
}

async fn hash(stack: &Stack, config: &str) -> String {
    files(stack, config).await["fileset_hash"].as_str().unwrap().to_owned()
}

async fn import(stack: &Stack, config: &str, upload: &str, hash: &str) -> Answer {
    let path = stack.in_workspace(&format!("configs/{config}/import"));
    let request = stack.api.request(Method::POST, &path).header("if-match", format!("\"{hash}\""));
    stack.api.send(request.json(&json!({ "upload_id": upload }))).await
}

async fn create(api: &Api, workspace: &str, source: &Value) -> Answer {
    api.post(&format!("/workspaces/{workspace}/configs"), &json!({ "name": "Made", "source": source })).await
}

fn paths(files: &Value) -> Vec<&str> {
    files["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn configs_go_out_and_come_back_in() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let export = async |query: &str| {
        let path = stack.in_workspace(&format!("configs/{config}/export{query}"));
        let download = stack.api.send(stack.api.request(Method::GET, &path).header("accept", "application/json")).await.expect(200);
        assert_eq!(download["name"], "Default.zip");
        let content = stack.api.http().get(download["url"].as_str().unwrap()).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(download["byte_size"], content.len());
        content
    };
    let packed = export("").await;
    assert_eq!(packed, export("?version=draft").await, "the same files are the same archive");
    let made = create(&stack.api, &stack.workspace, &json!({ "type": "archive", "upload_id": upload(&stack, &packed).await })).await;
    let made = id(&made.expect(201));
    let cloned = id(&create(&stack.api, &stack.workspace, &json!({ "type": "clone", "config_id": config })).await.expect(201));
    let original = files(&stack, &config).await;
    for copy in [&made, &cloned] {
        let copy = files(&stack, copy).await;
        assert_eq!((paths(&copy), &copy["byte_size"]), (paths(&original), &original["byte_size"]));
    }
    assert_eq!(stack.bucket().list("imports/").await, [], "an archive is used once");

    let before = hash(&stack, &config).await;
    let small = upload(&stack, &archive(&[("settings.toml", "x"), ("docs/new.md", "y")])).await;
    let imported = import(&stack, &config, &small, &before).await;
    assert_eq!(imported.header("etag").unwrap(), format!("\"{}\"", imported.json()["fileset_hash"].as_str().unwrap()));
    assert_eq!(paths(&imported.expect(200)), ["docs/new.md", "settings.toml"], "what is not in the archive is gone");
    let now = hash(&stack, &config).await;
    assert_eq!(imported.json()["fileset_hash"], now);
    import(&stack, &config, &small, &now).await.refused(409, "archive_not_uploaded");
    let back = upload(&stack, &packed).await;
    assert_eq!(paths(&import(&stack, &config, &back, &now).await.expect(200)), paths(&original));
    stack.api.get(&stack.in_workspace(&format!("configs/{config}/export?version=active"))).await.refused(404, "config_version_not_found");
    stack.api.get(&stack.in_workspace(&format!("configs/{config}/export?version=newest"))).await.refused(422, "validation_failed");
    stack.api.send(stack.api.request(Method::DELETE, &stack.in_workspace(&format!("configs/{config}")))).await;
    assert_eq!(stack.bucket().list("exports/").await, []);
}

#[tokio::test]
async fn of_two_who_replace_the_same_files_one_wins_and_nothing_is_lost() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let before = hash(&stack, &config).await;
    let contents: Vec<String> = (0..8).map(|writer| format!("of writer {writer}")).collect();
    let mut uploads = Vec::new();
    for (writer, content) in contents.iter().enumerate() {
        uploads.push(upload(&stack, &archive(&[("settings.toml", content), (&format!("only/{writer}.md"), content)])).await);
    }
    let all = futures::future::join_all(uploads.iter().map(|upload| import(&stack, &config, upload, &before))).await;
    let won: Vec<usize> = all.iter().enumerate().filter(|(_, answer)| answer.status == 200).map(|(writer, _)| writer).collect();
    assert_eq!(won.len(), 1, "{all:?}");
    for answer in all.iter().filter(|answer| answer.status != 200) {
        answer.refused(412, "precondition_failed");
    }
    let winner = won[0];
    assert_eq!(paths(&files(&stack, &config).await), [format!("only/{winner}.md"), "settings.toml".to_owned()]);
    let read = stack.api.get(&stack.in_workspace(&format!("configs/{config}/files/settings.toml"))).await;
    assert_eq!(read.body, contents[winner].as_bytes());

    // Somebody edits a file after the list was read: the archive stays, for another try.
    let stale = hash(&stack, &config).await;
    let path = stack.in_workspace(&format!("configs/{config}/files/settings.toml"));
    let edit = stack.api.request(Method::PUT, &path).header("if-match", read.header("etag").unwrap()).body("edited");
    stack.api.send(edit).await.expect(200);
    let loser = (winner + 1) % 8;
    import(&stack, &config, &uploads[loser], &stale).await.refused(412, "precondition_failed");
    assert_eq!(stack.api.get(&path).await.body, "edited");
    import(&stack, &config, &uploads[loser], &hash(&stack, &config).await).await.expect(200);
    let body = json!({ "upload_id": uploads[loser] });
    stack.api.post(&stack.in_workspace(&format!("configs/{config}/import")), &body).await.refused(428, "precondition_required");
}

#[tokio::test]
async fn archives_that_are_no_configs_leave_nothing() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let (before, bucket) = (hash(&stack, &config).await, stack.bucket());
    let objects = bucket.list("").await;
    let mut link = zip::ZipWriter::new(Cursor::new(Vec::new()));
    link.start_file("good.md", SimpleFileOptions::default()).unwrap();
    link.add_symlink("secrets", "/etc/passwd", SimpleFileOptions::default()).unwrap();
    let mut bomb = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for index in 0..17 {
        bomb.start_file(format!("{index}.bin"), SimpleFileOptions::default()).unwrap();
        bomb.write_all(&vec![0; 4 << 20]).unwrap();
    }
    let cases = [
        (
            archive(&[("good.md", ""), ("../up.py", ""), ("/etc/cron.d/x", "")]),
            vec![("../up.py", "invalid_path"), ("/etc/cron.d/x", "invalid_path")],
        ),
        (archive(&[("a.md", ""), ("A.md", "")]), vec![("A.md", "case_conflict")]),
        (link.finish().unwrap().into_inner(), vec![("secrets", "symlink")]),
        (bomb.finish().unwrap().into_inner(), vec![("", "too_large")]),
    ];
    for (content, wanted) in cases {
        let refused = import(&stack, &config, &upload(&stack, &content).await, &before).await.refused(422, "archive_refused");
        let told: Vec<_> = refused["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| (error["path"].as_str().unwrap(), error["code"].as_str().unwrap()))
            .collect();
        assert_eq!(told, wanted);
        let source = json!({ "type": "archive", "upload_id": upload(&stack, &content).await });
        create(&stack.api, &stack.workspace, &source).await.refused(422, "archive_refused");
    }
    import(&stack, &config, &upload(&stack, b"no archive").await, &before).await.refused(422, "archive_unreadable");
    assert_eq!(bucket.list("").await, objects, "nothing of them is left");
    let body = json!({ "byte_size": (64 << 20) + 1, "sha256": "x" });
    stack.api.post(&stack.in_workspace("config-uploads"), &body).await.refused(422, "validation_failed");
}

#[tokio::test]
async fn what_belongs_to_others_can_not_be_taken() {
    let stack = Stack::start().await;
    let config = stack.config().await;
    let upload = upload(&stack, &archive(&[("a.md", "")])).await;
    let other = id(&stack.api.post("/workspaces", &json!({ "name": "Other" })).await.expect(201));
    let stranger = stack.api.with_key(Some(&stack.key_in(&other, "admin").await));
    create(&stranger, &other, &json!({ "type": "clone", "config_id": config })).await.refused(404, "config_not_found");
    create(&stranger, &other, &json!({ "type": "archive", "upload_id": upload })).await.refused(409, "archive_not_uploaded");
    create(&stack.api, &other, &json!({ "type": "clone", "config_id": config })).await.expect(201);
}

/// An announced upload is presigned anew when it is asked for again.
#[tokio::test]
async fn an_upload_is_announced_once() {
    let stack = Stack::start().await;
    let content = archive(&[("a.md", "")]);
    let body = json!({ "byte_size": content.len(), "sha256": hex::encode(Sha256::digest(&content)) });
    let announce = || stack.api.request(Method::POST, &stack.in_workspace("config-uploads")).header("idempotency-key", "once").json(&body);
    let first = stack.api.send(announce()).await.expect(201);
    let again = stack.api.send(announce()).await;
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(id(&first), id(&again.expect(201)));
    assert_eq!(stack.upload(&again.json(), &content).await, 200);
    assert_ne!(stack.upload(&again.json(), &content).await, 200, "it is written once");
    assert_ne!(stack.upload(&first, b"other").await, 200);
}
