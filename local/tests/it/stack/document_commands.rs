//! The commands that look after documents.

use super::commands::{command, finished, lines, says};
use super::fixtures::{ENCRYPTED, MESSY, PEOPLE};
use super::server::{Stack, id};

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_uploaded_found_downloaded_and_deleted() {
    let stack = Stack::start().await;
    let here = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = here.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (people, messy) = (file("people.csv", PEOPLE), file("member return.xlsx", MESSY));
    let same = file("the same.csv", PEOPLE);
    let uploaded = lines(&stack, &["documents", "upload", &people, &messy, &same, "--json"]);
    assert_eq!(uploaded.len(), 3);
    assert_eq!((&uploaded[0]["status"], id(&uploaded[0])), (&"ready".into(), id(&uploaded[2])), "the same bytes are one document");
    let listed = lines(&stack, &["documents", "list", "--json"]);
    assert_eq!(listed.iter().map(id).collect::<Vec<_>>(), [id(&uploaded[1]), id(&uploaded[0])]);
    assert_eq!(id(&lines(&stack, &["documents", "upload", &same, "--json"])[0]), id(&uploaded[0]), "also the next time");
    let again = id(&lines(&stack, &["documents", "upload", &same, "--again", "--json"])[0]);
    assert_ne!(again, id(&uploaded[0]));

    let named = says(&stack, &["documents", "list", "--name", "RETURN", "--status", "ready"]);
    assert!(named.contains("member return.xlsx") && !named.contains("people.csv"), "{named}");
    let hash = uploaded[0]["sha256"].as_str().unwrap();
    assert_eq!(lines(&stack, &["documents", "list", "--sha256", hash, "--json"]).len(), 2);
    assert!(says(&stack, &["documents", "show", &again]).contains("the same.csv"));

    let workbook = id(&uploaded[1]);
    let sheets = lines(&stack, &["documents", "sheets", &workbook, "--json"]);
    let (first, last) = (sheets[0]["name"].as_str().unwrap(), sheets[sheets.len() - 1]["name"].as_str().unwrap());
    assert!(first != last && says(&stack, &["documents", "sheets", &workbook]).contains(last), "{sheets:#?}");
    let rows = lines(&stack, &["documents", "preview", &workbook, "--sheet", last, "--offset", "1", "--limit", "2", "--json"]).remove(0);
    assert_eq!((&rows["sheet"]["name"], &rows["offset"]), (&last.into(), &1.into()));
    assert!(says(&stack, &["documents", "preview", &id(&uploaded[0])]).contains("ada@example.com"));
    let unknown = finished(command(&stack, &["documents", "preview", &workbook, "--sheet", "nowhere"]), 1);
    assert!(unknown.contains("nowhere") || unknown.contains("sheet"), "{unknown}");

    let out = here.path().join("copies");
    let download = ["documents", "download", &id(&uploaded[0]), &id(&uploaded[1]), "--out", out.to_str().unwrap()];
    assert_eq!(says(&stack, &download).lines().count(), 2);
    assert_eq!(std::fs::read(out.join("member return.xlsx")).unwrap(), MESSY);
    let refused = finished(command(&stack, &download), 2);
    assert!(refused.contains("is there already") && refused.contains("--force"), "{refused}");
    says(&stack, &[&download[..], &["--force"]].concat());

    says(&stack, &["documents", "delete", &again, &id(&uploaded[1])]);
    assert!(finished(command(&stack, &["documents", "show", &again]), 1).contains("document_not_found"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_refused_does_not_keep_back_the_others() {
    let stack = Stack::start().await;
    let here = tempfile::tempdir().unwrap();
    for (name, content) in [("secret.xlsx", ENCRYPTED), ("people.csv", PEOPLE), ("empty.csv", b"")] {
        std::fs::write(here.path().join(name), content).unwrap();
    }
    let mut upload = command(&stack, &["documents", "upload", "secret.xlsx", "empty.csv", "people.csv"]);
    upload.current_dir(here.path());
    let refused = finished(upload, 1);
    assert!(refused.contains("secret.xlsx: ") && refused.contains("empty.csv: ") && refused.contains("2 of 3 files"), "{refused}");
    assert_eq!(lines(&stack, &["documents", "list", "--status", "ready", "--json"]).len(), 1);
    let missing = finished(command(&stack, &["documents", "upload", "nowhere.xlsx"]), 2);
    assert!(missing.contains("nowhere.xlsx does not exist"), "{missing}");
    let mut denied = command(&stack, &["documents", "upload", here.path().join("people.csv").to_str().unwrap(), "--again"]);
    denied.env("ADE_API_KEY", stack.key_of("viewer").await);
    assert!(finished(denied, 1).contains("permission_denied"));
}
