//! The data directory: ownership, format, credentials, reset.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ade_local::embedded::{Embedded, EmbeddedError, reset};

use super::TestAws;

#[tokio::test]
async fn a_directory_has_one_owner() {
    let aws = TestAws::start().await;
    let second = Embedded::start(aws.dir.path()).await.unwrap_err();
    let text = second.to_string();
    assert!(matches!(second, EmbeddedError::InUse { .. }));
    assert!(text.starts_with("another ade is using "), "{text}");
    assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
    assert!(matches!(reset(aws.dir.path()), Err(EmbeddedError::InUse { .. })));
    aws.restart().await;
}

#[tokio::test]
async fn credentials_are_private_and_stay_the_same() {
    let aws = TestAws::start().await;
    let first = aws.embedded.credentials.clone();
    let mode = |path: &str| {
        let path = aws.dir.path().join(path);
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode("credentials.json"), 0o600);
    assert_eq!(mode("s3"), 0o700);
    assert_eq!(mode("dynamodb"), 0o700);
    assert!(!format!("{first:?}").contains(&first.secret_access_key));
    let aws = aws.restart().await;
    assert_eq!(aws.embedded.credentials, first);
    let other = TestAws::start().await;
    assert_ne!(other.embedded.credentials, first);

    aws.embedded.shutdown().await;
    fs::write(aws.dir.path().join("credentials.json"), "{").unwrap();
    let damaged = Embedded::start(aws.dir.path()).await.unwrap_err();
    assert!(matches!(damaged, EmbeddedError::Credentials { .. }));
}

#[tokio::test]
async fn an_unknown_format_is_refused() {
    let aws = TestAws::start().await;
    aws.embedded.shutdown().await;
    fs::write(aws.dir.path().join("format"), "format: 2\n").unwrap();
    let refused = Embedded::start(aws.dir.path()).await.unwrap_err().to_string();
    assert!(refused.contains("format: 2") && refused.contains("format: 1"), "{refused}");
    fs::remove_file(aws.dir.path().join("format")).unwrap();
    let refused = Embedded::start(aws.dir.path()).await.unwrap_err();
    assert!(matches!(refused, EmbeddedError::UnknownFormat { .. }));
}

#[tokio::test]
async fn reset_empties_data_directories_and_nothing_else() {
    let (aws, s3) = TestAws::with_bucket().await;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kept"), "").unwrap();
    std::os::unix::fs::symlink(outside.path(), aws.dir.path().join("link")).unwrap();
    fs::write(aws.dir.path().join("local.json"), "{}").unwrap();
    drop(s3);
    aws.embedded.shutdown().await;
    reset(aws.dir.path()).unwrap();
    let left: Vec<_> = fs::read_dir(aws.dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
    assert!(outside.path().join("kept").exists());

    assert!(matches!(reset(outside.path()), Err(EmbeddedError::NotADataDir { .. })));
    assert!(outside.path().join("kept").exists());
    let fresh = Embedded::start(aws.dir.path()).await.unwrap();
    fresh.shutdown().await;
}
