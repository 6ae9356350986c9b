//! Sudden death: a process that writes is killed at random moments, again and again, on one data
//! directory. After each death every listed object must be whole, and every answered put must be
//! there.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use ade_local::embedded::Embedded;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};

use super::{BUCKET, bytes, files_below, s3, sha256};

const DEATHS: u64 = 24;
const WRITERS: u64 = 4;
/// Names the data directory to the writing process.
const DIR_VARIABLE: &str = "CRASH_TEST_DATA_DIR";

#[tokio::test]
async fn killed_writers_leave_only_whole_objects() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path()).await;
    let mut answered = HashMap::new();
    for death in 0..DEATHS {
        let lines = 1 + rand::random_range(0..120);
        answered.extend(write_and_die(dir.path(), death, lines));
        verify(dir.path(), &answered).await;
    }
    assert!(answered.len() as u64 > DEATHS, "the writers wrote next to nothing");
}

async fn prepare(dir: &Path) {
    let embedded = Embedded::start(dir).await.unwrap();
    let s3 = s3(&embedded.s3_url, &embedded.credentials);
    s3.create_bucket().bucket(BUCKET).send().await.unwrap();
    embedded.shutdown().await;
}

/// Starts this binary again as a writer and kills it after some answered puts, at whatever its other
/// writers are doing at that moment. Returns what was answered: keys and digests.
fn write_and_die(dir: &Path, death: u64, lines: usize) -> Vec<(String, String)> {
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

fn parse(line: &str) -> Option<(String, String)> {
    let (key, rest) = line.strip_prefix("put ")?.split_once(' ')?;
    Some((key.to_owned(), rest.strip_suffix(" .")?.to_owned()))
}

async fn verify(dir: &Path, answered: &HashMap<String, String>) {
    let embedded = Embedded::start(dir).await.unwrap();
    let s3 = s3(&embedded.s3_url, &embedded.credentials);
    let mut listed = HashMap::new();
    let mut blobs = 0;
    let mut pages = s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.unwrap().contents() {
            let key = object.key().unwrap();
            let got = s3.get_object().bucket(BUCKET).key(key).checksum_mode(ChecksumMode::Enabled);
            let got = got.send().await.unwrap();
            let digest = got.checksum_sha256().map(str::to_owned);
            let body = got.body.collect().await.unwrap().to_vec();
            assert_eq!(Some(body.len() as i64), object.size(), "{key}");
            if key.starts_with("multipart/") {
                blobs += 2;
                assert!(body == bytes(body.len(), body.len() as u64), "{key}");
            } else {
                // A copy shares the blob of its source, which is there for good.
                blobs += usize::from(body.len() > 64 * 1024 && !key.starts_with("copy/"));
                assert_eq!(digest, Some(sha256(&body)), "{key}");
                listed.insert(key.to_owned(), sha256(&body));
            }
        }
    }
    for (key, digest) in answered {
        assert_eq!(listed.get(key), Some(digest), "an answered put of {key} is missing");
    }
    // Nothing is left of what was not committed, except the parts of uploads that are still open.
    let uploads = 2 * (DEATHS * WRITERS) as usize;
    let files = files_below(&dir.join("s3/blobs"));
    assert!((blobs..=blobs + uploads).contains(&files), "{files} files for {blobs} blobs");
    embedded.shutdown().await;
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
        let size = [300, 64 * 1024, 5_000, 64 * 1024 + 1, 300_000][(n % 5) as usize];
        let key = format!("round/{round:02}/{writer}/{n:06}");
        let body = bytes(size, round * 1_000_000 + writer * 100_000 + n);
        let digest = sha256(&body);
        put(&s3, &key, body.clone()).await;
        writeln!(std::io::stdout(), "put {key} {digest} .").unwrap();
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

async fn multipart(s3: &aws_sdk_s3::Client, key: &str) {
    let whole = bytes((5 << 20) + 70_000, (5 << 20) + 70_000);
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
