//! Editing a config's draft: files, their states, and two people at once.

use http::Method;
use serde_json::{Value, json};

use super::client::{Answer, Api};
use super::server::{Stack, id};

/// A config, as somebody edits it.
struct Editor {
    api: Api,
    files: String,
}

impl Editor {
    async fn start(stack: &Stack) -> Self {
        let config = stack.config().await;
        Self { api: stack.api.clone(), files: stack.in_workspace(&format!("configs/{config}/files")) }
    }

    async fn list(&self) -> Value {
        self.api.get(&self.files).await.expect(200)
    }

    async fn get(&self, path: &str) -> Answer {
        self.api.get(&format!("{}/{path}", self.files)).await
    }

    async fn put(&self, path: &str, condition: Option<(&str, &str)>, content: impl Into<Vec<u8>>) -> Answer {
        let request = self.api.request(Method::PUT, &format!("{}/{path}", self.files)).body(content.into());
        self.api.send(condition.into_iter().fold(request, |request, (name, value)| request.header(name, value))).await
    }

    async fn create(&self, path: &str, content: impl Into<Vec<u8>>) -> Answer {
        self.put(path, Some(("if-none-match", "*")), content).await
    }

    async fn delete(&self, path: &str, etag: Option<&str>) -> Answer {
        let request = self.api.request(Method::DELETE, &format!("{}/{path}", self.files));
        self.api.send(etag.into_iter().fold(request, |request, etag| request.header("if-match", etag))).await
    }

    async fn rename(&self, from: &str, to: &str) -> Answer {
        self.api.post(&self.files.replace("/files", "/file-moves"), &json!({ "from": from, "to": to })).await
    }
}

fn etag(answer: &Answer) -> String {
    let etag = answer.header("etag").unwrap_or_else(|| panic!("no entity tag: {answer:?}")).to_owned();
    assert!(etag.starts_with('"') && etag.ends_with('"'), "{etag}");
    etag
}

#[tokio::test]
async fn a_file_lives_through_its_states() {
    let stack = Stack::start().await;
    let editor = Editor::start(&stack).await;
    let before = editor.list().await;
    assert!(before["files"].as_array().unwrap().iter().any(|file| file["path"] == "src/ade_config/__init__.py"), "{before:#}");

    let created = editor.create("docs/read me.md", "first").await;
    assert_eq!(created.expect(201)["path"], "docs/read me.md");
    assert!(created.header("location").unwrap().ends_with("/files/docs/read%20me.md"), "{created:?}");
    let first = etag(&created);
    let read = editor.get("docs/read%20me.md").await;
    assert_eq!((read.status, &read.body[..], read.header("content-type")), (200, &b"first"[..], Some("text/plain; charset=utf-8")));
    assert_eq!(etag(&read), first);
    assert_eq!(read.header("x-content-type-options"), Some("nosniff"));

    let replaced = editor.put("docs/read%20me.md", Some(("if-match", &first)), "second").await;
    assert_eq!(replaced.expect(200)["byte_size"], 6);
    let second = etag(&replaced);
    assert_ne!(second, first);

    let listed = editor.list().await;
    assert_ne!(listed["fileset_hash"], before["fileset_hash"]);
    assert_eq!(listed["file_count"].as_u64().unwrap(), before["file_count"].as_u64().unwrap() + 1);
    let entry = listed["files"].as_array().unwrap().iter().find(|file| file["path"] == "docs/read me.md").unwrap();
    assert_eq!((&entry["etag"], &entry["byte_size"]), (&json!(second), &json!(6)));
    let paths: Vec<_> = listed["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert!(paths.is_sorted(), "{paths:?}");

    let moved = editor.rename("docs/read me.md", "ABOUT.md").await;
    assert_eq!(moved.expect(200)["path"], "ABOUT.md");
    editor.get("docs/read%20me.md").await.refused(404, "config_file_not_found");
    assert_eq!(&editor.get("ABOUT.md").await.body[..], b"second");

    assert_eq!(editor.delete("ABOUT.md", Some(&etag(&moved))).await.status, 204);
    editor.get("ABOUT.md").await.refused(404, "config_file_not_found");
    editor.delete("ABOUT.md", Some(&second)).await.refused(404, "config_file_not_found");
    assert_eq!(editor.list().await["fileset_hash"], before["fileset_hash"], "what is the same has the same hash");
}

#[tokio::test]
async fn content_is_kept_byte_by_byte() {
    let stack = Stack::start().await;
    let editor = Editor::start(&stack).await;
    let everything: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let contents: [(&str, Vec<u8>); 6] = [
        ("assets/logo.png", everything),
        ("assets/empty.csv", Vec::new()),
        ("assets/mark.csv", b"\xEF\xBB\xBFname\n".to_vec()),
        ("assets/utf16.csv", b"\xFF\xFEn\0a\0".to_vec()),
        ("assets/large.bin", vec![0; 4 << 20]),
        ("assets/unicode.txt", "Grüße, 名前\r\n".into()),
    ];
    for (path, content) in contents {
        assert_eq!(editor.create(path, content.clone()).await.status, 201, "{path}");
        let read = editor.get(path).await;
        assert!(read.status == 200 && read.body == content, "{path}: {} of {} bytes", read.body.len(), content.len());
    }
}

#[tokio::test]
async fn who_has_a_state_already_is_not_sent_it_again() {
    let stack = Stack::start().await;
    let editor = Editor::start(&stack).await;
    let known = async |path: &str, tag: &str| {
        let request = editor.api.request(Method::GET, path).header("if-none-match", tag);
        editor.api.send(request).await
    };
    let listed = editor.api.get(&editor.files).await;
    let list_tag = etag(&listed);
    assert_eq!(list_tag, format!("\"{}\"", listed.json()["fileset_hash"].as_str().unwrap()));
    let again = known(&editor.files, &list_tag).await;
    assert_eq!((again.status, again.body.len(), etag(&again)), (304, 0, list_tag.clone()));
    let file = format!("{}/settings.toml", editor.files);
    let file_tag = etag(&editor.api.get(&file).await);
    for tag in [file_tag.clone(), format!("\"other\", {file_tag}"), format!("W/{file_tag}"), "*".to_owned()] {
        assert_eq!(known(&file, &tag).await.status, 304, "{tag}");
    }
    assert_eq!(known(&file, "\"other\"").await.status, 200);
    editor.put("settings.toml", Some(("if-match", &file_tag)), "# changed").await.expect(200);
    assert_eq!(known(&file, &file_tag).await.status, 200);
    assert_eq!(known(&editor.files, &list_tag).await.status, 200);
}

#[tokio::test]
async fn of_two_writers_one_wins_and_the_other_loses_nothing() {
    let stack = Stack::start().await;
    let editor = Editor::start(&stack).await;
    let start = etag(&editor.create("shared.txt", "start").await);
    let writers = (0..6).map(|writer| editor.put("shared.txt", Some(("if-match", start.as_str())), format!("writer {writer}")));
    let answers = futures::future::join_all(writers).await;
    let winners: Vec<_> = answers.iter().enumerate().filter(|(_, answer)| answer.status == 200).collect();
    let [(winner, answer)] = winners.as_slice() else { panic!("{answers:#?}") };
    for loser in answers.iter().filter(|answer| answer.status != 200) {
        loser.refused(412, "precondition_failed");
    }
    let now = editor.get("shared.txt").await;
    assert_eq!((&now.body[..], etag(&now)), (format!("writer {winner}").as_bytes(), etag(answer)));

    let creators = futures::future::join_all((0..6).map(|writer| editor.create("new.txt", format!("writer {writer}")))).await;
    assert_eq!(creators.iter().filter(|answer| answer.status == 201).count(), 1, "{creators:#?}");
    assert!(creators.iter().all(|answer| [201, 412].contains(&answer.status)));

    editor.delete("shared.txt", Some(&start)).await.refused(412, "precondition_failed");
    assert_eq!(editor.get("shared.txt").await.status, 200);
    assert_eq!(editor.delete("shared.txt", Some(&etag(&now))).await.status, 204);
    editor.put("shared.txt", Some(("if-match", &etag(&now))), "from the dead").await.refused(412, "precondition_failed");
}

#[tokio::test]
async fn changes_that_are_refused() {
    let stack = Stack::start().await;
    let editor = Editor::start(&stack).await;
    let before = editor.list().await;
    editor.put("a.txt", None, "x").await.refused(428, "precondition_required");
    editor.delete("settings.toml", None).await.refused(428, "precondition_required");
    for (name, value) in
        [("if-match", "*"), ("if-match", "bare"), ("if-match", "\"a\", \"b\""), ("if-match", "W/\"a\""), ("if-none-match", "\"a\"")]
    {
        editor.put("a.txt", Some((name, value)), "x").await.refused(400, "invalid_precondition");
    }
    editor.delete("settings.toml", Some("*")).await.refused(400, "invalid_precondition");
    editor.create("settings.toml", "x").await.refused(412, "precondition_failed");
    editor.put("a.txt", Some(("if-match", "\"0\"")), "x").await.refused(412, "precondition_failed");

    for path in ["a%5cb", "a%3ab", "a%00b", "a%0ab", ".git/config", "src/__pycache__/x.pyc", "a//b", &"x".repeat(121), &"a/".repeat(201)] {
        let problem = editor.create(path, "x").await.refused(422, "validation_failed");
        assert_eq!((&problem["errors"][0]["path"], &problem["errors"][0]["code"]), (&json!("path"), &json!("invalid_path")), "{path}");
        editor.get(path).await.refused(404, "config_file_not_found");
    }
    editor.create("settings.toml/below", "x").await.refused(409, "path_conflict");
    editor.create("src", "x").await.refused(409, "path_conflict");
    editor.create("src/large.py", vec![b'#'; (512 << 10) + 1]).await.refused(413, "payload_too_large");
    editor.create("large.bin", vec![0; (4 << 20) + 1]).await.refused(413, "payload_too_large");
    editor.create("huge.bin", vec![0; 7 << 20]).await.refused(413, "payload_too_large");

    editor.rename("nowhere.txt", "b.txt").await.refused(404, "config_file_not_found");
    editor.rename("settings.toml", "pyproject.toml").await.refused(409, "file_exists");
    editor.rename("settings.toml", "settings.toml").await.refused(409, "file_exists");
    editor.rename("settings.toml", "src").await.refused(409, "path_conflict");
    let problem = editor.rename("../settings.toml", "a/../b").await.refused(422, "validation_failed");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 2);
    assert_eq!(editor.list().await, before, "nothing was changed");

    let missing = "cfg_01JZX3Q4T5V6W7X8Y9ZABCDEFG";
    let gone = Editor { api: editor.api.clone(), files: stack.in_workspace(&format!("configs/{missing}/files")) };
    gone.api.get(&gone.files).await.refused(404, "config_not_found");
    gone.create("a.txt", "x").await.refused(404, "config_not_found");
    let other = id(&stack.api.post("/workspaces", &json!({ "name": "Other", "slug": "other" })).await.expect(201));
    let stranger = Editor { api: stack.api.with_key(Some(&stack.key_in(&other, "admin").await)), files: editor.files.clone() };
    stranger.get("settings.toml").await.refused(404, "config_not_found");
    stranger.create("a.txt", "x").await.refused(404, "config_not_found");
    assert_eq!(editor.list().await, before);
}

#[tokio::test]
async fn a_full_draft_takes_no_more() {
    let stack = Stack::start().await;
    let editor = Editor::start(&stack).await;
    for number in 0..15 {
        assert_eq!(editor.create(&format!("data/{number}.bin"), vec![0; 4 << 20]).await.status, 201);
    }
    editor.create("data/last.bin", vec![0; 4 << 20]).await.refused(422, "config_too_large");
    assert_eq!(editor.create("data/small.bin", "x").await.status, 201);
}
