//! Sudden death: a process that writes is killed at random moments, again and again, on one data
//! directory. After each death every listed object must be whole, and every answered put must be
//! there.

use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use ade_local::embedded::Embedded;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};

use super::{BUCKET, bytes, files_below, s3, sha256};

const DEATHS: u64 = 24;
const WRITERS: u64 = 4;
/// The largest object that is kept in the index.
const INLINE: usize = 64 * 1024;
/// Names the data directory to the writing process.
const DIR_VARIABLE: &str = "CRASH_TEST_DATA_DIR";

#[tokio::test]
async fn killed_writers_leave_only_whole_objects() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path()).await;
    let mut answered = HashMap::new();
    for death in 0..DEATHS {
        let lines = rand::random_range(1..40);
        answered.extend(write_and_die(dir.path(), death, lines));
        // What this round wrote, and the names that every round replaces.
        let round = format!("round/{death:02}/");
        verify(dir.path(), &answered, |key| key.starts_with(&round) || !key.starts_with("round/")).await;
    }
    verify(dir.path(), &answered, |_| true).await;
    assert!(answered.len() as u64 > DEATHS, "the writers wrote next to nothing");
}

async fn prepare(dir: &Path) {
    let embedded = Embedded::start(dir).await.unwrap();
    let s3 = s3(&embedded.s3_url, &embedded.credentials);
    s3.create_bucket().bucket(BUCKET).send().await.unwrap();
    embedded.shutdown().await;
}

/// Starts this binary again as a writer and kills it after some answered puts, at whatever its other
/// writers are doing at that moment. Returns what was answered: keys, digests, sizes.
fn write_and_die(dir: &Path, death: u64, lines: usize) -> Vec<(String, (String, usize))> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["embedded::crash::writer", "--exact", "--ignored", "--nocapture"])
        .env(DIR_VARIABLE, dir)
        .env("CRASH_TEST_ROUND", death.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answered = Vec::new();
    while answered.len() < lines {
        let line = output.next().expect("the writer ended by itself").unwrap();
        answered.extend(parse(&line));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // What it had printed by then was answered too. The last line may be cut off.
    for line in output.map_while(Result::ok) {
        answered.extend(parse(&line));
    }
    answered
}

fn parse(line: &str) -> Option<(String, (String, usize))> {
    let mut words = line.strip_prefix("put ")?.strip_suffix(" .")?.split(' ');
    let key = words.next()?.to_owned();
    let digest = words.next()?.to_owned();
    Some((key, (digest, words.next()?.parse().ok()?)))
}

/// Reads every listed object that `read` chooses; the others must be listed with their size.
async fn verify(dir: &Path, answered: &HashMap<String, (String, usize)>, read: impl Fn(&str) -> bool) {
    let embedded = Embedded::start(dir).await.unwrap();
    let s3 = s3(&embedded.s3_url, &embedded.credentials);
    let mut listed = HashMap::new();
    let mut blobs = 0;
    let mut pages = s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.unwrap().contents() {
            let key = object.key().unwrap();
            let size = object.size().unwrap() as usize;
            blobs += match key {
                key if key.starts_with("multipart/") => 2,
                // A copy shares the blob of its source, which is there for good.
                key if key.starts_with("copy/") => 0,
                _ => usize::from(size > INLINE),
            };
            if read(key) {
                check(&s3, key, size).await;
            }
            listed.insert(key.to_owned(), size);
        }
    }
    for (key, (digest, size)) in answered {
        assert_eq!(listed.get(key), Some(size), "an answered put of {key} is missing");
        if read(key) {
            assert_eq!(shown_digest(&s3, key).await.as_ref(), Some(digest), "{key}");
        }
    }
    // Nothing is left of what was not committed, except the parts of uploads that are still open.
    let parts = 2 * (DEATHS * WRITERS) as usize;
    let files = files_below(&dir.join("s3/blobs"));
    assert!((blobs..=blobs + parts).contains(&files), "{files} files for {blobs} blobs");
    embedded.shutdown().await;
}

/// An object must have its size and its digest. The digest of multipart objects is that of the only
/// bytes they are ever made of.
async fn check(s3: &aws_sdk_s3::Client, key: &str, size: usize) {
    let body = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap().body;
    let body = body.collect().await.unwrap().to_vec();
    assert_eq!(body.len(), size, "{key}");
    if key.starts_with("multipart/") {
        assert!(body == multipart_bytes(), "{key}");
    } else {
        assert_eq!(shown_digest(s3, key).await, Some(sha256(&body)), "{key}");
    }
}

async fn shown_digest(s3: &aws_sdk_s3::Client, key: &str) -> Option<String> {
    let head = s3.head_object().bucket(BUCKET).key(key).checksum_mode(ChecksumMode::Enabled);
    head.send().await.unwrap().checksum_sha256
}

/// Not a test: the process that dies.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by killed_writers_leave_only_whole_objects"]
async fn writer() {
    let Ok(dir) = std::env::var(DIR_VARIABLE) else { return };
    let round: u64 = std::env::var("CRASH_TEST_ROUND").unwrap().parse().unwrap();
    let embedded = Embedded::start(Path::new(&dir)).await.unwrap();
    let s3 = s3(&embedded.s3_url, &embedded.credentials);
    println!();
    let writers = (0..WRITERS).map(|writer| write(s3.clone(), round, writer));
    futures::future::join_all(writers).await;
}

async fn write(s3: aws_sdk_s3::Client, round: u64, writer: u64) {
    for n in 0..u64::MAX {
        let size = [300, INLINE, 5_000, INLINE + 1, 150_000][(n % 5) as usize];
        let key = format!("round/{round:02}/{writer}/{n:06}");
        let body = bytes(size, round * 1_000_000 + writer * 100_000 + n);
        let digest = sha256(&body);
        put(&s3, &key, body.clone()).await;
        println!("put {key} {digest} {size} .");
        // Names that are replaced, copied and deleted over and over.
        let hot = format!("hot/{}", n % 3);
        put(&s3, &hot, body).await;
        if n % 4 == 1 {
            let copy = s3.copy_object().bucket(BUCKET).key(format!("copy/{writer}"));
            copy.copy_source(format!("{BUCKET}/{key}")).send().await.unwrap();
        }
        if n % 7 == 1 {
            s3.delete_object().bucket(BUCKET).key(&hot).send().await.unwrap();
        }
        if n % 10 == 3 {
            multipart(&s3, &format!("multipart/{writer}")).await;
        }
    }
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, body: Vec<u8>) {
    let put = s3.put_object().bucket(BUCKET).key(key).body(body.into());
    put.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
}

fn multipart_bytes() -> Vec<u8> {
    bytes((5 << 20) + 70_000, 1)
}

async fn multipart(s3: &aws_sdk_s3::Client, key: &str) {
    let whole = multipart_bytes();
    let begin = s3.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
    let id = begin.upload_id.unwrap();
    let mut parts = Vec::new();
    for (number, part) in (1..).zip(whole.chunks(5 << 20)) {
        let upload = s3.upload_part().bucket(BUCKET).key(key).upload_id(&id).part_number(number);
        let sent = upload.body(part.to_vec().into()).send().await.unwrap();
        parts.push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).build());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = s3.complete_multipart_upload().bucket(BUCKET).key(key).upload_id(id);
    complete.multipart_upload(parts).send().await.unwrap();
}
