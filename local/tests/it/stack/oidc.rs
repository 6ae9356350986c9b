//! People who sign in with access tokens, from an identity provider that is in this process.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::fixtures::PEOPLE;
use super::server::{Stack, id};

const AUDIENCE: &str = "ade-console";

enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
}

/// A key that signs tokens.
struct Signer {
    id: &'static str,
    pair: Pair,
}

impl Signer {
    fn rsa(id: &'static str) -> Self {
        Self { id, pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    fn p256(id: &'static str) -> Self {
        Self { id, pair: Pair::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()) }
    }

    fn algorithm(&self) -> &'static str {
        match self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::P256(_) => "ES256",
        }
    }

    fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair) => {
                // RFC 8017, A.1.1: a sequence of two integers, the modulus of 2048 bits and the exponent.
                let der = pair.public_key().as_ref();
                let (n, e) = der.strip_prefix(b"\x30\x82\x01\x0a\x02\x82\x01\x01\0").unwrap().split_at(256);
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.id, "n": text(n), "e": text(&e[2..]) })
            }
            Pair::P256(pair) => {
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "use": "sig", "kid": self.id, "x": text(x), "y": text(y) })
            }
        }
    }

    fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.algorithm(), "kid": self.id, "typ": "JWT" });
        let message = [header.to_string(), claims.to_string()].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
                signature
            }
            Pair::P256(pair) => pair.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// An identity provider, as far as we ask it anything: it publishes keys.
struct Provider {
    url: String,
    keys: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Provider {
    async fn start(signers: &[&Signer]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (keys, asked) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicUsize::new(0)));
        let provider = Self { url, keys: Arc::clone(&keys), asked: Arc::clone(&asked) };
        provider.publish(signers);
        tokio::spawn(async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                asked.fetch_add(1, Ordering::SeqCst);
                let mut request = [0; 4096];
                let length = connection.read(&mut request).await.unwrap();
                assert!(request[..length].starts_with(b"GET /.well-known/jwks.json "));
                let body = keys.lock().unwrap().clone();
                let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
                let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        provider
    }

    fn publish(&self, signers: &[&Signer]) {
        let keys: Vec<_> = signers.iter().map(|signer| signer.jwk()).collect();
        *self.keys.lock().unwrap() = json!({ "keys": keys }).to_string();
    }

    /// What a token of this provider says about a subject, valid for an hour.
    fn claims(&self, subject: &str) -> Value {
        json!({ "iss": self.url, "sub": subject, "aud": [AUDIENCE, "others"], "iat": now(), "exp": now() + 3600, "name": "Ada Okafor" })
    }

    fn with(&self, subject: &str, changes: &Value) -> Value {
        let mut claims = self.claims(subject);
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    }
}

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_with_access_tokens() {
    let (rsa, p256, stranger) = (Signer::rsa("one"), Signer::p256("two"), Signer::rsa("one"));
    let provider = Provider::start(&[&rsa, &p256]).await;
    let settings = [("ADE_OIDC_ISSUER", provider.url.as_str()), ("ADE_OIDC_AUDIENCE", AUDIENCE), ("ADE_OIDC_ADMINS", "root, boss")];
    let stack = Stack::start_with(&settings).await;
    let member = async |subject: &str, role: &str| {
        let request = stack.api.request(Method::PUT, &stack.in_workspace(&format!("members/{subject}")));
        stack.api.send(request.json(&json!({ "role": role, "name": "x" }))).await.expect(200);
    };
    member("ada", "operator").await;
    let ada = stack.api.with_key(Some(&rsa.token(&provider.claims("ada"))));
    let seen = ada.get("/workspaces").await.expect(200);
    assert_eq!(seen["data"].as_array().unwrap().iter().map(id).collect::<Vec<_>>(), [stack.workspace.as_str()]);
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let run = ada.post(&format!("/configs/{config}/runs"), &json!({ "input_documents": [document] })).await.expect(201);
    assert_eq!(run["submitted_by"], json!({ "type": "user", "id": "ada", "name": "Ada Okafor" }));
    ada.post(&stack.in_workspace("configs"), &json!({ "name": "x", "source": { "type": "template" } }))
        .await
        .refused(403, "permission_denied");
    let mine = ada.get(&stack.in_workspace("runs?submitted_by=ada")).await.expect(200);
    assert_eq!(mine["data"].as_array().unwrap().len(), 1);

    // Roles count from the next request on, and so does their end.
    member("ada", "viewer").await;
    ada.post(&format!("/runs/{}/retry", id(&run)), &json!({})).await.refused(403, "permission_denied");
    let path = stack.in_workspace("members/ada");
    assert_eq!(stack.api.send(stack.api.request(Method::DELETE, &path)).await.status, 204);
    ada.get(&format!("/runs/{}", id(&run))).await.refused(404, "run_not_found");
    assert_eq!(ada.get("/workspaces").await.expect(200)["data"], json!([]));
    let root = stack.api.with_key(Some(&p256.token(&provider.claims("root"))));
    root.post("/workspaces", &json!({ "name": "Another" })).await.expect(201);
    let cognito = provider.with("boss", &json!({ "aud": null, "client_id": AUDIENCE, "token_use": "access" }));
    stack.api.with_key(Some(&rsa.token(&cognito))).get("/meta").await.expect(200);

    let refused = [
        ("another key", stranger.token(&provider.claims("root"))),
        ("expired", rsa.token(&provider.with("root", &json!({ "exp": now() - 90 })))),
        ("not yet", rsa.token(&provider.with("root", &json!({ "nbf": now() + 90 })))),
        ("no end", rsa.token(&provider.with("root", &json!({ "exp": null })))),
        ("another issuer", rsa.token(&provider.with("root", &json!({ "iss": "https://issuer.example" })))),
        ("another audience", rsa.token(&provider.with("root", &json!({ "aud": "others" })))),
        ("no audience", rsa.token(&provider.with("root", &json!({ "aud": null })))),
        ("an id token", rsa.token(&provider.with("root", &json!({ "token_use": "id" })))),
        ("no subject", rsa.token(&provider.with("root", &json!({ "sub": "" })))),
        ("no token", "a.b.c".to_owned()),
        ("a long one", format!("a.b.{}", "c".repeat(7000))),
    ];
    for (why, token) in refused {
        let answer = stack.api.with_key(Some(&token)).get("/meta").await;
        assert_eq!((answer.status, why), (401, why));
        answer.refused(401, "unauthorized");
    }
    // Clocks may differ a little.
    for skewed in [json!({ "exp": now() - 30 }), json!({ "nbf": now() + 30 })] {
        stack.api.with_key(Some(&rsa.token(&provider.with("root", &skewed)))).get("/meta").await.expect(200);
    }
    stack.api.get("/meta").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_kept_and_new_ones_are_fetched() {
    let (old, new) = (Signer::rsa("old"), Signer::p256("new"));
    let provider = Provider::start(&[&old]).await;
    let stack = Stack::start_with(&[("ADE_OIDC_ISSUER", provider.url.as_str()), ("ADE_OIDC_ADMINS", "root")]).await;
    let with = |signer: &Signer| stack.api.with_key(Some(&signer.token(&provider.claims("root"))));
    for _ in 0..5 {
        with(&old).get("/meta").await.expect(200);
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1, "one function asks once");
    // A function that has asked just now does not ask again for a key that nobody has; another one finds the new key.
    for _ in 0..5 {
        with(&new).get("/meta").await.refused(401, "unauthorized");
    }
    assert_eq!(provider.asked.load(Ordering::SeqCst), 1);
    provider.publish(&[&old, &new]);
    with(&new).get("/system/safe-mode").await.expect(200);
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_said() {
    let stack = Stack::start_with(&[("ADE_OIDC_ISSUER", "http://127.0.0.1:9")]).await;
    let token = Signer::p256("x").token(&json!({ "iss": "x", "sub": "x", "exp": now() + 60 }));
    let problem = stack.api.with_key(Some(&token)).get("/meta").await;
    problem.refused(503, "identity_provider_unavailable");
    assert!(problem.header("retry-after").is_some());
    stack.api.get("/meta").await.expect(200);
}
