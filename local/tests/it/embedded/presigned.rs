//! Signatures: presigned URLs, wrong ones, and the service mounted under another address.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use ade_local::embedded::s3::S3Service;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::primitives::ByteStream;
use http::{HeaderValue, Request};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use reqwest::{Client, Method, Response, StatusCode};
use tokio::net::TcpListener;

use super::{BUCKET, TestAws, sha256};

/// Serves the S3 service the way a gateway does, under an address of its own.
pub(super) async fn mount(service: S3Service) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service.clone();
            let answer = service_fn(move |request: Request<hyper::body::Incoming>| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(service.call(request).await) }
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    });
    url
}

fn for_seconds(seconds: u64) -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(seconds)).unwrap()
}

/// Sends a presigned request as a browser would: its URL and its headers, nothing else.
async fn send(request: &PresignedRequest, body: &'static [u8]) -> Response {
    let method: Method = request.method().parse().unwrap();
    let mut sent = Client::new().request(method, request.uri());
    for (name, value) in request.headers() {
        sent = sent.header(name, value);
    }
    sent.body(body).send().await.unwrap()
}

async fn refusal(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    (status, code.map_or(String::new(), |(code, _)| code.to_owned()))
}

#[tokio::test]
async fn a_presigned_get_carries_its_disposition_under_the_mounted_address() {
    let (aws, s3) = TestAws::with_bucket().await;
    let put = s3.put_object().bucket(BUCKET).key("dir/ö x.csv");
    put.body(ByteStream::from_static(b"a,b")).send().await.unwrap();
    let gateway = mount(aws.embedded.s3_service.clone()).await;
    let public = super::s3(&gateway, &aws.embedded.credentials);
    let request = public
        .get_object()
        .bucket(BUCKET)
        .key("dir/ö x.csv")
        .response_content_disposition("attachment; filename=\"x.csv\"")
        .response_content_type("text/csv")
        .presigned(for_seconds(300))
        .await
        .unwrap();
    assert!(request.uri().starts_with(&format!("{gateway}/ade-data/dir/")));
    let got = send(&request, b"").await;
    assert_eq!(got.status(), StatusCode::OK);
    assert_eq!(got.headers()["content-disposition"], "attachment; filename=\"x.csv\"");
    assert_eq!(got.headers()["content-type"], "text/csv");
    assert_eq!(got.headers()["content-length"], "3");
    assert_eq!(got.bytes().await.unwrap(), "a,b");

    // A range of a download that broke off.
    let part = Client::new().get(request.uri()).header("range", "bytes=2-").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.bytes().await.unwrap(), "b");

    let elsewhere = request.uri().replace(&gateway, &aws.embedded.s3_url);
    let moved = Client::new().get(elsewhere).send().await.unwrap();
    assert_eq!(refusal(moved).await, (403, "SignatureDoesNotMatch".to_owned()));
    let other = Client::new().get(request.uri().replace("x.csv?", "y.csv?")).send().await.unwrap();
    assert_eq!(refusal(other).await, (403, "SignatureDoesNotMatch".to_owned()));
}

#[tokio::test]
async fn a_presigned_put_is_bound_to_size_checksum_and_absence() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let body: &[u8] = b"the document";
    let request = s3
        .put_object()
        .bucket(BUCKET)
        .key("documents/1")
        .content_length(body.len() as i64)
        .checksum_sha256(sha256(body))
        .if_none_match("*")
        .presigned(for_seconds(300))
        .await
        .unwrap();

    let longer = Client::new().put(request.uri());
    let longer =
        request.headers().fold(longer, |sent, (name, value)| if name == "content-length" { sent } else { sent.header(name, value) });
    let longer = longer.body("the document and more").send().await.unwrap();
    assert_eq!(refusal(longer).await, (403, "SignatureDoesNotMatch".to_owned()));
    let other = send(&request, b"other bytes!").await;
    assert_eq!(refusal(other).await, (400, "BadDigest".to_owned()));
    let bare = Client::new().put(request.uri()).body(body).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::FORBIDDEN);

    let taken = send(&request, b"the document").await;
    assert_eq!(taken.status(), StatusCode::OK);
    let again = send(&request, b"the document").await;
    assert_eq!(refusal(again).await, (412, "PreconditionFailed".to_owned()));
    let head = s3.head_object().bucket(BUCKET).key("documents/1");
    let head = head.checksum_mode(aws_sdk_s3::types::ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(head.checksum_sha256(), Some(&*sha256(body)));
}

#[tokio::test]
async fn a_presigned_put_cannot_be_turned_into_a_copy() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let put = s3.put_object().bucket(BUCKET).key("secret");
    put.body(ByteStream::from_static(b"secret")).send().await.unwrap();
    let request = s3.put_object().bucket(BUCKET).key("mine").presigned(for_seconds(300)).await.unwrap();
    let copy = Client::new().put(request.uri()).header("x-amz-copy-source", "ade-data/secret");
    assert_eq!(refusal(copy.send().await.unwrap()).await, (403, "AccessDenied".to_owned()));
    let mine = s3.head_object().bucket(BUCKET).key("mine").send().await;
    assert!(mine.is_err());
}

#[tokio::test]
async fn expired_and_overlong_urls_are_refused() {
    let (_aws, s3) = TestAws::with_bucket().await;
    let put = s3.put_object().bucket(BUCKET).key("a");
    put.body(ByteStream::from_static(b"a")).send().await.unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_hours(1);
    let expired = PresigningConfig::builder().start_time(an_hour_ago).expires_in(Duration::from_mins(1)).build().unwrap();
    let request = s3.get_object().bucket(BUCKET).key("a").presigned(expired).await.unwrap();
    assert_eq!(refusal(send(&request, b"").await).await, (403, "AccessDenied".to_owned()));
    let request = s3.get_object().bucket(BUCKET).key("a").presigned(for_seconds(60)).await.unwrap();
    let overlong = request.uri().replace("X-Amz-Expires=60", "X-Amz-Expires=604801");
    let overlong = Client::new().get(overlong).send().await.unwrap();
    assert_eq!(refusal(overlong).await, (400, "AuthorizationQueryParametersError".to_owned()));
}

#[tokio::test]
async fn requests_must_be_signed_in_one_right_way() {
    let (aws, s3) = TestAws::with_bucket().await;
    let url = format!("{}/{BUCKET}/a", aws.embedded.s3_url);
    let anonymous = Client::new().get(&url).send().await.unwrap();
    assert_eq!(refusal(anonymous).await, (403, "AccessDenied".to_owned()));
    let mut wrong = aws.embedded.credentials.clone();
    wrong.secret_access_key = "x".repeat(40);
    let denied = super::s3(&aws.embedded.s3_url, &wrong).list_buckets().send().await.unwrap_err();
    assert_eq!(denied.raw_response().unwrap().status().as_u16(), 403);
    wrong.access_key_id = "nobody".to_owned();
    let denied = super::s3(&aws.embedded.s3_url, &wrong).list_buckets().send().await.unwrap_err();
    assert_eq!(denied.raw_response().unwrap().status().as_u16(), 403);

    let request = s3.get_object().bucket(BUCKET).key("a").presigned(for_seconds(60)).await.unwrap();
    let both = Client::new().get(request.uri()).header("authorization", "AWS4-HMAC-SHA256 x");
    assert_eq!(refusal(both.send().await.unwrap()).await, (400, "InvalidRequest".to_owned()));
    let version_2 = Client::new().get(&url).header("authorization", "AWS key:signature");
    assert_eq!(refusal(version_2.send().await.unwrap()).await, (400, "InvalidRequest".to_owned()));
    let version_2 = format!("{url}?AWSAccessKeyId=a&Signature=b&Expires=1");
    let version_2 = Client::new().get(version_2).send().await.unwrap();
    assert_eq!(refusal(version_2).await, (400, "InvalidRequest".to_owned()));
    let form = Client::new().post(&url).header("content-type", "multipart/form-data; boundary=x");
    assert_eq!(refusal(form.body("--x--").send().await.unwrap()).await, (501, "NotImplemented".to_owned()));
}

#[tokio::test]
async fn only_named_origins_may_use_it_from_a_page() {
    let aws = TestAws::start().await;
    let origin = HeaderValue::from_static("https://ade.example");
    let url = mount(aws.embedded.s3_service.with_cors(vec![origin])).await;
    let preflight = |origin: &'static str| {
        Client::new()
            .request(Method::OPTIONS, format!("{url}/{BUCKET}/a"))
            .header("origin", origin)
            .header("access-control-request-method", "PUT")
            .header("access-control-request-headers", "x-amz-checksum-sha256")
            .send()
    };
    let allowed = preflight("https://ade.example").await.unwrap();
    assert_eq!(allowed.headers()["access-control-allow-origin"], "https://ade.example");
    assert_eq!(allowed.headers()["access-control-allow-headers"], "x-amz-checksum-sha256");
    let refused = preflight("https://evil.example").await.unwrap();
    assert!(!refused.headers().contains_key("access-control-allow-origin"));
}
