//! S3's operations.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, CorsConfiguration, CorsRule, Delete,
    MetadataDirective, ObjectIdentifier,
};

use super::{BUCKET, TestAws, bytes, files_below, sha256};

/// The status and the code of a failed call.
#[track_caller]
fn refusal<T, E>(result: Result<T, SdkError<E, aws_sdk_s3::config::http::HttpResponse>>) -> (u16, String)
where
    E: ProvideErrorMetadata + std::fmt::Debug + std::error::Error + 'static,
{
    let error = result.map(|_| ()).expect_err("the call succeeded");
    let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
    (status, error.code().unwrap_or_default().to_owned())
}

async fn put(s3: &aws_sdk_s3::Client, key: &str, body: Vec<u8>) -> String {
    let put = s3.put_object().bucket(BUCKET).key(key);
    let put = put.body(body.into()).send().await.unwrap();
    put.e_tag.unwrap()
}

async fn get(s3: &aws_sdk_s3::Client, key: &str) -> Vec<u8> {
    let got = s3.get_object().bucket(BUCKET).key(key).send().await.unwrap();
    got.body.collect().await.unwrap().to_vec()
}

/// Every key, page by page.
async fn keys(s3: &aws_sdk_s3::Client, prefix: &str, page: i32) -> Vec<String> {
    let mut pages = s3.list_objects_v2().bucket(BUCKET).prefix(prefix).into_paginator().page_size(page).send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().map(|o| o.key().unwrap().to_owned()));
    }
    keys
}

#[tokio::test]
async fn objects_of_every_size_come_back_as_they_were() {
    let (aws, s3) = TestAws::with_bucket().await;
    let sizes = [0, 1, 65_535, 65_536, 65_537, 131_073, 3_000_001];
    for size in sizes {
        let body = bytes(size, size as u64);
        put(&s3, &format!("sizes/{size}"), body.clone()).await;
        assert_eq!(get(&s3, &format!("sizes/{size}")).await, body);
    }
    // What is small enough is in the index; the others are files.
    assert_eq!(files_below(&aws.dir.path().join("s3/blobs")), 3);

    let aws = aws.restart().await;
    let s3 = aws.s3();
    for size in sizes {
        assert_eq!(get(&s3, &format!("sizes/{size}")).await, bytes(size, size as u64));
    }
}

#[tokio::test]
async fn attributes_and_metadata_come_back() {
    let (_aws, s3) = TestAws::with_bucket().await;
    s3.put_object()
        .bucket(BUCKET)
        .key("a")
        .body(ByteStream::from_static(b"hello"))
        .content_type("text/csv")
        .content_disposition("attachment; filename=\"a.csv\"")
        .cache_control("no-store")
        .content_language("de")
        .metadata("purpose", "test")
        .send()
        .await
        .unwrap();
    let head = s3.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(head.content_length(), Some(5));
    assert_eq!(head.content_type(), Some("text/csv"));
    assert_eq!(head.content_disposition(), Some("attachment; filename=\"a.csv\""));
    assert_eq!(head.cache_control(), Some("no-store"));
    assert_eq!(head.content_language(), Some("de"));
    // The SDK's own transfer encoding is no property of the object.
    assert_eq!(head.content_encoding(), None);
    assert_eq!(head.metadata().unwrap()["purpose"], "test");
    assert_eq!(head.e_tag(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
}

#[tokio::test]
async fn one_of_many_concurrent_conditional_puts_wins() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let attempts = (0..200_u64).map(|n| {
        let put = s3.put_object().bucket(BUCKET).key("slot").if_none_match("*");
        // Some inline, some as files.
        let size = if n % 10 == 0 { 70_000 } else { 100 };
        let put = put.body(bytes(size, n).into()).send();
        async move { put.await.map(|_| n) }
    });
    let results = futures::future::join_all(attempts).await;
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for result in lost {
        assert_eq!(refusal(result), (412, "PreconditionFailed".to_owned()));
    }
    let winner = *won[0].as_ref().unwrap();
    let size = if winner % 10 == 0 { 70_000 } else { 100 };
    assert_eq!(get(&s3, "slot").await, bytes(size, winner));
}

#[tokio::test]
async fn a_refused_put_leaves_no_bytes_behind() {
    let (aws, s3) = TestAws::with_bucket().await;
    put(&s3, "slot", bytes(70_000, 1)).await;
    for _ in 0..5 {
        let again = s3.put_object().bucket(BUCKET).key("slot").if_none_match("*");
        refusal(again.body(bytes(70_000, 2).into()).send().await);
    }
    put(&s3, "slot", bytes(70_000, 3)).await;
    // Closing waits for the removals.
    let aws = aws.restart().await;
    assert_eq!(files_below(&aws.dir.path().join("s3/blobs")), 1);
}

#[tokio::test]
async fn writes_obey_if_match() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let put_if = |etag: &str, body: &'static [u8]| {
        let put = s3.put_object().bucket(BUCKET).key("a").if_match(etag);
        put.body(ByteStream::from_static(body)).send()
    };
    assert_eq!(refusal(put_if("\"0\"", b"x").await), (404, "NoSuchKey".to_owned()));
    let first = put(&s3, "a", b"one".to_vec()).await;
    let second = put_if(&first, b"two").await.unwrap().e_tag.unwrap();
    assert_eq!(refusal(put_if(&first, b"x").await), (412, "PreconditionFailed".to_owned()));
    assert_eq!(get(&s3, "a").await, b"two");

    let delete = |etag: &str| s3.delete_object().bucket(BUCKET).key("a").if_match(etag).send();
    assert_eq!(refusal(delete(&first).await), (412, "PreconditionFailed".to_owned()));
    delete(&second).await.unwrap();
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("a").send().await), (404, "NoSuchKey".to_owned()));
}

#[tokio::test]
async fn reads_obey_their_preconditions() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let etag = put(&s3, "a", b"one".to_vec()).await;
    let get = || s3.get_object().bucket(BUCKET).key("a");
    get().if_match(&etag).send().await.unwrap();
    assert_eq!(refusal(get().if_match("\"other\"").send().await).0, 412);
    assert_eq!(refusal(get().if_none_match(&etag).send().await).0, 304);
    get().if_none_match("\"other\"").send().await.unwrap();
    let head = || s3.head_object().bucket(BUCKET).key("a");
    assert_eq!(refusal(head().if_none_match(&etag).send().await).0, 304);
    let modified = head().send().await.unwrap().last_modified.unwrap();
    assert_eq!(refusal(get().if_modified_since(modified).send().await).0, 304);
    get().if_unmodified_since(modified).send().await.unwrap();
}

#[tokio::test]
async fn ranges_give_exactly_their_bytes() {
    let (_aws, s3) = TestAws::with_bucket().await;
    for size in [1_000_usize, 400_000] {
        let body = bytes(size, 7);
        put(&s3, "a", body.clone()).await;
        let last = size - 1;
        let cases = [
            ("bytes=0-0".to_owned(), 0..1),
            ("bytes=10-19".to_owned(), 10..20),
            ("bytes=500-".to_owned(), 500..size),
            ("bytes=-7".to_owned(), size - 7..size),
            (format!("bytes={last}-{last}"), last..size),
            (format!("bytes=5-{}", size * 2), 5..size),
            (format!("bytes=-{}", size * 2), 0..size),
        ];
        for (range, expected) in cases {
            let got = s3.get_object().bucket(BUCKET).key("a").range(&range).send().await.unwrap();
            assert_eq!(got.content_range(), Some(&*format!("bytes {}-{}/{size}", expected.start, expected.end - 1)),);
            let got = got.body.collect().await.unwrap().to_vec();
            assert!(got == body[expected], "{range} of {size}");
        }
        let beyond = s3.get_object().bucket(BUCKET).key("a").range(format!("bytes={size}-"));
        assert_eq!(refusal(beyond.send().await), (416, "InvalidRange".to_owned()));
    }
}

#[tokio::test]
async fn listings_are_in_the_order_of_utf8_bytes() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let names = [
        "a",
        "a/b",
        "a/b/c",
        "a/",
        "a b",
        "a+b",
        "A",
        "ä",
        "z",
        "日本/語",
        "日本",
        "\u{FFFD}",
        "\u{10000}",
        "~",
        "a//b",
        "%41",
        "a?b",
        "a#b",
        "a&b=c",
        "..",
        "./x",
        "a/../b",
        "é",
        "e\u{301}",
    ];
    for name in names {
        put(&s3, name, name.as_bytes().to_vec()).await;
    }
    let mut expected: Vec<String> = names.map(str::to_owned).to_vec();
    expected.sort();
    for page in [1, 2, 7, 1_000] {
        assert_eq!(keys(&s3, "", page).await, expected);
    }
    for name in names {
        assert_eq!(get(&s3, name).await, name.as_bytes());
    }
    let after = s3.list_objects_v2().bucket(BUCKET).start_after("a/b").send().await.unwrap();
    let after: Vec<&str> = after.contents().iter().map(|o| o.key().unwrap()).collect();
    let greater: Vec<&str> = expected.iter().map(String::as_str).filter(|k| *k > "a/b").collect();
    assert_eq!(after, greater);
    assert_eq!(keys(&s3, "a/b", 1).await, ["a/b", "a/b/c"]);
    assert_eq!(keys(&s3, "日本", 10).await, ["日本", "日本/語"]);
    let old = s3.list_objects().bucket(BUCKET).marker("z").send().await.unwrap();
    assert_eq!(old.contents()[0].key(), Some("~"));
}

#[tokio::test]
async fn delimiters_group_keys_into_common_prefixes() {
    let (_aws, s3) = TestAws::with_bucket().await;
    for key in ["p/a/1", "p/a/2", "p/b", "p/c/1", "p/c0", "p/", "q/1"] {
        put(&s3, key, Vec::new()).await;
    }
    for page in [1, 2, 100] {
        let mut pages = s3.list_objects_v2().bucket(BUCKET).prefix("p/").delimiter("/").into_paginator().page_size(page).send();
        let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            objects.extend(page.contents().iter().map(|o| o.key().unwrap().to_owned()));
            prefixes.extend(page.common_prefixes().iter().map(|p| p.prefix().unwrap().to_owned()));
            assert_eq!(page.key_count(), Some((page.contents().len() + page.common_prefixes().len()) as i32));
        }
        assert_eq!(objects, ["p/", "p/b", "p/c0"]);
        assert_eq!(prefixes, ["p/a/", "p/c/"]);
    }
    let bad = s3.list_objects_v2().bucket(BUCKET).continuation_token("?").send().await;
    assert_eq!(refusal(bad), (400, "InvalidArgument".to_owned()));
}

#[tokio::test]
async fn copies_share_bytes_and_outlive_their_source() {
    let (aws, s3) = TestAws::with_bucket().await;
    let body = bytes(200_000, 3);
    s3.put_object().bucket(BUCKET).key("from/ä b").content_type("text/plain").body(body.clone().into()).send().await.unwrap();
    let copy = |to: &str| {
        let source = "ade-data/from/%C3%A4%20b";
        s3.copy_object().bucket(BUCKET).key(to).copy_source(source)
    };
    copy("to").send().await.unwrap();
    copy("typed").metadata_directive(MetadataDirective::Replace).content_type("text/csv").send().await.unwrap();
    assert_eq!(refusal(copy("to").if_none_match("*").send().await).0, 412);
    assert_eq!(refusal(copy("from/ä b").send().await), (400, "InvalidRequest".to_owned()));
    s3.delete_object().bucket(BUCKET).key("from/ä b").send().await.unwrap();
    assert_eq!(files_below(&aws.dir.path().join("s3/blobs")), 1);
    assert_eq!(get(&s3, "to").await, body);
    let types = ["to", "typed"].map(|key| s3.head_object().bucket(BUCKET).key(key).send());
    let types = futures::future::join_all(types).await;
    let types: Vec<_> = types.into_iter().map(|head| head.unwrap().content_type).collect();
    assert_eq!(types, [Some("text/plain".to_owned()), Some("text/csv".to_owned())]);
    assert_eq!(refusal(copy("x").send().await), (404, "NoSuchKey".to_owned()));

    s3.delete_object().bucket(BUCKET).key("to").send().await.unwrap();
    s3.delete_object().bucket(BUCKET).key("typed").send().await.unwrap();
    let aws = aws.restart().await;
    assert_eq!(files_below(&aws.dir.path().join("s3/blobs")), 0);
}

#[tokio::test]
async fn every_checksum_is_computed_shown_and_enforced() {
    let (_aws, s3) = TestAws::with_bucket().await;
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"].map(ChecksumAlgorithm::from) {
        for size in [11, 300_000] {
            let key = format!("{}/{size}", algorithm.as_str());
            let put = s3.put_object().bucket(BUCKET).key(&key);
            let put = put.checksum_algorithm(algorithm.clone());
            put.body(bytes(size, 1).into()).send().await.unwrap();
            let head = s3.head_object().bucket(BUCKET).key(&key);
            let head = head.checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
            let shown = [
                ("CRC32", head.checksum_crc32()),
                ("CRC32C", head.checksum_crc32_c()),
                ("CRC64NVME", head.checksum_crc64_nvme()),
                ("SHA1", head.checksum_sha1()),
                ("SHA256", head.checksum_sha256()),
            ];
            for (name, value) in shown {
                assert_eq!(value.is_some(), name == algorithm.as_str());
            }
            // The SDK verifies the checksum of what it gets.
            assert_eq!(get(&s3, &key).await, bytes(size, 1));
        }
    }
    let wrong = s3.put_object().bucket(BUCKET).key("wrong").checksum_sha256(sha256(b"other"));
    let wrong = wrong.body(ByteStream::from_static(b"body")).send().await;
    assert_eq!(refusal(wrong), (400, "BadDigest".to_owned()));
    let md5 = |md5: &str| {
        let put = s3.put_object().bucket(BUCKET).key("wrong").content_md5(md5);
        put.body(ByteStream::from_static(b"hello")).send()
    };
    assert_eq!(refusal(md5("XUFAKrxLKna5cZ2REBfFkg=").await), (400, "InvalidDigest".to_owned()));
    assert_eq!(refusal(md5("AAAAAAAAAAAAAAAAAAAAAA==").await), (400, "BadDigest".to_owned()));
    assert_eq!(refusal(s3.get_object().bucket(BUCKET).key("wrong").send().await).0, 404);
    md5("XUFAKrxLKna5cZ2REBfFkg==").await.unwrap();
}

#[tokio::test]
async fn multipart_uploads_become_one_object() {
    let (aws, s3) = TestAws::with_bucket().await;
    let kinds = [
        (None, None),
        (Some(ChecksumAlgorithm::Sha256), None),
        (Some(ChecksumAlgorithm::Crc32), Some(ChecksumType::FullObject)),
        (Some(ChecksumAlgorithm::Crc64Nvme), Some(ChecksumType::FullObject)),
    ];
    let parts = [bytes(5 << 20, 1), bytes((5 << 20) + 1, 2), bytes(100, 3)];
    let whole = parts.concat();
    for (algorithm, kind) in kinds {
        let begin = s3.create_multipart_upload().bucket(BUCKET).key("big").content_type("text/csv");
        let begin = begin.set_checksum_algorithm(algorithm.clone()).set_checksum_type(kind.clone());
        let id = begin.send().await.unwrap().upload_id.unwrap();
        let mut completed = Vec::new();
        for (number, part) in (1..).zip(&parts) {
            let upload = s3.upload_part().bucket(BUCKET).key("big").upload_id(&id);
            let upload = upload.set_checksum_algorithm(algorithm.clone());
            let sent = upload.part_number(number).body(part.clone().into()).send().await.unwrap();
            completed
                .push(CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag).set_checksum_sha256(sent.checksum_sha256).build());
        }
        // A part that is not named does not become part of the object.
        let extra = s3.upload_part().bucket(BUCKET).key("big").upload_id(&id).part_number(9);
        let extra = extra.set_checksum_algorithm(algorithm.clone());
        extra.body(bytes(70_000, 9).into()).send().await.unwrap();
        let listed = s3.list_parts().bucket(BUCKET).key("big").upload_id(&id).max_parts(2);
        let listed = listed.send().await.unwrap();
        assert_eq!((listed.parts().len(), listed.is_truncated()), (2, Some(true)));

        let complete = |parts| {
            let upload = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
            let complete = s3.complete_multipart_upload().bucket(BUCKET).key("big");
            complete.upload_id(&id).multipart_upload(upload).send()
        };
        let mut reversed = completed.clone();
        reversed.reverse();
        assert_eq!(refusal(complete(reversed).await), (400, "InvalidPartOrder".to_owned()));
        complete(completed.clone()).await.unwrap();
        assert_eq!(refusal(complete(completed).await), (404, "NoSuchUpload".to_owned()));

        let head = s3.head_object().bucket(BUCKET).key("big").checksum_mode(ChecksumMode::Enabled);
        let head = head.send().await.unwrap();
        assert_eq!(head.content_length(), Some(whole.len() as i64));
        assert_eq!(head.content_type(), Some("text/csv"));
        assert!(head.e_tag().unwrap().ends_with("-3\""));
        if algorithm.is_some() && kind.is_none() {
            assert_eq!(head.checksum_type(), Some(&ChecksumType::Composite));
            assert!(head.checksum_sha256().unwrap().ends_with("-3"));
        }
        // With a full-object checksum the SDK verifies it over what it gets.
        assert!(get(&s3, "big").await == whole);
        let seam = s3.get_object().bucket(BUCKET).key("big").range("bytes=5242870-5242890");
        let seam = seam.send().await.unwrap().body.collect().await.unwrap().to_vec();
        assert_eq!(seam, whole[5_242_870..=5_242_890]);
    }
    // The last object's two large parts; everything earlier is gone.
    let aws = aws.restart().await;
    assert_eq!(files_below(&aws.dir.path().join("s3/blobs")), 2);
}

#[tokio::test]
async fn multipart_uploads_can_be_refused_and_given_up() {
    let (aws, s3) = TestAws::with_bucket().await;
    let begin = s3.create_multipart_upload().bucket(BUCKET).key("big").send().await.unwrap();
    let id = begin.upload_id.unwrap();
    let upload = |number| {
        let part = s3.upload_part().bucket(BUCKET).key("big").upload_id(&id).part_number(number);
        part.body(bytes(100_000, 1).into()).send()
    };
    let etag = upload(1).await.unwrap().e_tag.unwrap();
    upload(2).await.unwrap();
    assert_eq!(refusal(upload(0).await), (400, "InvalidArgument".to_owned()));
    assert_eq!(refusal(upload(10_001).await), (400, "InvalidArgument".to_owned()));
    let complete = |parts: &[(i32, &str)]| {
        let parts = parts.iter().map(|(number, etag)| CompletedPart::builder().part_number(*number).e_tag(*etag).build());
        let upload = CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build();
        let complete = s3.complete_multipart_upload().bucket(BUCKET).key("big");
        complete.upload_id(&id).multipart_upload(upload).send()
    };
    assert_eq!(refusal(complete(&[(1, "\"0\"")]).await), (400, "InvalidPart".to_owned()));
    assert_eq!(refusal(complete(&[(3, &etag)]).await), (400, "InvalidPart".to_owned()));
    assert_eq!(refusal(complete(&[(1, &etag), (2, &etag)]).await), (400, "EntityTooSmall".to_owned()));
    // A refused completion changes nothing.
    let abort = || s3.abort_multipart_upload().bucket(BUCKET).key("big").upload_id(&id).send();
    abort().await.unwrap();
    assert_eq!(refusal(abort().await), (404, "NoSuchUpload".to_owned()));
    assert_eq!(refusal(upload(1).await), (404, "NoSuchUpload".to_owned()));
    let aws = aws.restart().await;
    assert_eq!(files_below(&aws.dir.path().join("s3/blobs")), 0);
}

#[tokio::test]
async fn many_objects_are_deleted_at_once() {
    let (_aws, s3) = TestAws::with_bucket().await;
    for n in 0..10 {
        put(&s3, &format!("k{n}"), vec![n]).await;
    }
    let identifiers = (0..12).map(|n| ObjectIdentifier::builder().key(format!("k{n}")).build().unwrap());
    let delete = Delete::builder().set_objects(Some(identifiers.skip(3).collect())).build().unwrap();
    let deleted = s3.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (9, 0));
    assert_eq!(keys(&s3, "", 100).await, ["k0", "k1", "k2"]);
}

#[tokio::test]
async fn buckets_are_made_listed_and_removed() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let again = s3.create_bucket().bucket(BUCKET).send().await;
    assert_eq!(refusal(again), (409, "BucketAlreadyOwnedByYou".to_owned()));
    s3.head_bucket().bucket(BUCKET).send().await.unwrap();
    assert_eq!(refusal(s3.head_bucket().bucket("missing").send().await).0, 404);
    let missing = s3.put_object().bucket("missing").key("a").send().await;
    assert_eq!(refusal(missing), (404, "NoSuchBucket".to_owned()));
    let missing = s3.get_object().bucket("missing").key("a").send().await;
    assert_eq!(refusal(missing), (404, "NoSuchBucket".to_owned()));
    s3.create_bucket().bucket("second").send().await.unwrap();
    let listed = s3.list_buckets().send().await.unwrap();
    let names: Vec<_> = listed.buckets().iter().map(|b| b.name().unwrap()).collect();
    assert_eq!(names, [BUCKET, "second"]);
    put(&s3, "a", Vec::new()).await;
    let full = s3.delete_bucket().bucket(BUCKET).send().await;
    assert_eq!(refusal(full), (409, "BucketNotEmpty".to_owned()));
    s3.delete_bucket().bucket("second").send().await.unwrap();

    let none = s3.get_bucket_cors().bucket(BUCKET).send().await;
    assert_eq!(refusal(none), (404, "NoSuchCORSConfiguration".to_owned()));
    let rule = CorsRule::builder().allowed_methods("PUT").allowed_origins("https://a.example");
    let rules = CorsConfiguration::builder().cors_rules(rule.build().unwrap()).build().unwrap();
    s3.put_bucket_cors().bucket(BUCKET).cors_configuration(rules).send().await.unwrap();
    let shown = s3.get_bucket_cors().bucket(BUCKET).send().await.unwrap();
    assert_eq!(shown.cors_rules()[0].allowed_methods(), ["PUT"]);
}

#[tokio::test]
async fn keys_reach_1024_bytes_and_no_further() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let longest = "ü".repeat(512);
    put(&s3, &longest, b"x".to_vec()).await;
    assert_eq!(get(&s3, &longest).await, b"x");
    let longer = format!("{longest}x");
    let refused = s3.put_object().bucket(BUCKET).key(longer).send().await;
    assert_eq!(refusal(refused), (400, "KeyTooLongError".to_owned()));
}

#[tokio::test]
async fn concurrent_writers_lose_nothing() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let writers = (0..16_u64).map(|writer| {
        let s3 = s3.clone();
        async move {
            for n in 0..25 {
                let size = if n % 8 == 0 { 100_000 } else { 500 };
                put(&s3, &format!("w{writer:02}/{n:02}"), bytes(size, writer * 100 + n)).await;
                // A name that all of them write.
                put(&s3, "shared", bytes(500, writer)).await;
            }
        }
    });
    futures::future::join_all(writers).await;
    let listed = keys(&s3, "w", 90).await;
    assert_eq!(listed.len(), 400);
    for writer in 0..16_u64 {
        for n in 0..25 {
            let size = if n % 8 == 0 { 100_000 } else { 500 };
            let got = get(&s3, &format!("w{writer:02}/{n:02}")).await;
            assert!(got == bytes(size, writer * 100 + n));
        }
    }
    let shared = get(&s3, "shared").await;
    assert!((0..16).any(|writer| shared == bytes(500, writer)));
}

#[tokio::test]
async fn what_is_not_offered_answers_501() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let tagging = s3.get_bucket_tagging().bucket(BUCKET).send().await;
    assert_eq!(refusal(tagging), (501, "NotImplemented".to_owned()));
    put(&s3, "a", b"a".to_vec()).await;
    let part = s3.get_object().bucket(BUCKET).key("a").part_number(1).send().await;
    assert_eq!(refusal(part), (501, "NotImplemented".to_owned()));
}

#[tokio::test]
async fn a_stopped_service_answers_503() {
    let (aws, _s3) = TestAws::with_bucket().await;
    let service = aws.embedded.s3_service.clone();
    let pair = aws.embedded.credentials.clone();
    aws.embedded.shutdown().await;
    let mounted = super::presigned::mount(service).await;
    let s3 = super::s3(&mounted, &pair);
    let refused = s3
        .list_buckets()
        .customize()
        .config_override(aws_sdk_s3::config::Builder::new().retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled()));
    assert_eq!(refusal(refused.send().await), (503, "ServiceUnavailable".to_owned()));
}
