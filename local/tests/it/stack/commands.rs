//! The commands that look after runs, builds, keys, members and the system.

use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::fixtures::{MESSY, PEOPLE};
use super::server::{Stack, ade, id, run_of};

/// A command that talks to the stack as its system admin.
pub(super) fn command(stack: &Stack, arguments: &[&str]) -> Command {
    let mut command = ade(arguments);
    command.env("ADE_URL", stack.url()).env("ADE_API_KEY", stack.key()).args(["--workspace", &stack.workspace]);
    command
}

/// What it prints, when it works.
#[track_caller]
pub(super) fn says(stack: &Stack, arguments: &[&str]) -> String {
    finished(command(stack, arguments), 0)
}

#[track_caller]
pub(super) fn finished(mut command: Command, exit: i32) -> String {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(exit), "{command:?}\n{stdout}\n{stderr}");
    assert!(!stdout.contains('\u{1b}') && !stderr.contains('\u{1b}'), "no terminal, no escapes: {stdout}{stderr}");
    assert!(exit == 0 || (stderr.contains("error: ") && stderr.contains("hint: ")), "{stderr}");
    if exit == 0 { stdout } else { stderr }
}

#[track_caller]
pub(super) fn lines(stack: &Stack, arguments: &[&str]) -> Vec<Value> {
    says(stack, arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_and_builds_are_looked_after() {
    let stack = Stack::start().await;
    let (config, document) = (stack.config().await, stack.document("member-return.xlsx", MESSY).await);
    assert!(says(&stack, &["runs", "list"]).contains("no such runs"));
    let stream = stack.run(&config, &document).await;
    let run = run_of(&stream);
    stream.rest().await;
    let listed = says(&stack, &["runs", "list"]);
    assert!(listed.contains(&run) && listed.contains("succeeded") && listed.contains("member-return.xlsx"), "{listed}");
    assert_eq!(lines(&stack, &["runs", "list", "--active", "--json"]), Vec::<Value>::new());
    assert_eq!(lines(&stack, &["runs", "list", "--status", "succeeded", "--status", "failed", "--json"]).len(), 1);
    let record = stack.api.get(&format!("/runs/{run}")).await.expect(200);
    assert_eq!(lines(&stack, &["runs", "show", &run, "--json"]), std::slice::from_ref(&record));
    assert!(says(&stack, &["runs", "show", &run]).contains(&config));

    let here = tempfile::tempdir().unwrap();
    let out = here.path().join("files");
    let saved = says(&stack, &["runs", "outputs", &run, "--out", out.to_str().unwrap()]);
    assert!(saved.lines().count() == 2 && out.join("artifact.json").is_file(), "{saved}");
    let named = lines(&stack, &["runs", "outputs", &run, "--json"]);
    assert!(out.join(named[0]["name"].as_str().unwrap()).is_file());
    let issues = lines(&stack, &["runs", "issues", &run, "--json", "--limit", "1"]);
    assert_eq!(issues.len(), 1);
    let field = issues[0]["field"].as_str().unwrap();
    assert!(says(&stack, &["runs", "issues", &run, "--field", field]).contains(issues[0]["cell"].as_str().unwrap()));

    let table = here.path().join("runs.csv");
    says(&stack, &["runs", "export", "--out", table.to_str().unwrap()]);
    let table = std::fs::read_to_string(table).unwrap();
    assert!(table.starts_with("id,status,") && table.contains(&run), "{table}");
    assert_eq!(says(&stack, &["runs", "export"]), table);

    let again = lines(&stack, &["runs", "retry", &run, "--json"]).remove(0);
    assert_eq!(again["retry_of_run_id"], run);
    finished(command(&stack, &["runs", "logs", "--follow", &id(&again)]), 0);

    let build = record["build_id"].as_str().unwrap();
    assert!(says(&stack, &["builds", "list", &config]).contains(build));
    let name = stack.api.get(&format!("/workspaces/{}/configs/{config}", stack.workspace)).await.expect(200)["name"].clone();
    let name = name.as_str().unwrap();
    assert!(says(&stack, &["builds", "list", name]).contains(build));
    assert!(says(&stack, &["runs", "list", "--config", name]).contains(&run));
    assert!(says(&stack, &["runs", "export", "--config", name]).contains(&run));
    let rules = here.path().join("rules");
    says(&stack, &["configs", "pull", rules.to_str().unwrap(), "--config", name]);
    assert!(says(&stack, &["runs", "list", "--config", rules.to_str().unwrap()]).contains(&run), "named by its directory");
    for unknown in [&["builds", "create", "nobody"][..], &["runs", "list", "--config", "nobody"]] {
        let refused = finished(command(&stack, unknown), 2);
        assert!(refused.contains("nobody") && refused.contains(name), "{refused}");
    }
    assert_eq!(lines(&stack, &["builds", "show", build, "--json"])[0]["status"], "active");
    finished(command(&stack, &["builds", "logs", "--follow", build]), 0);
    let made = lines(&stack, &["builds", "create", name, "--force", "--wait", "--json"]).remove(0);
    assert_eq!((&made["status"], &made["reused"]), (&json!("active"), &json!(false)));

    let missing = finished(command(&stack, &["runs", "show", "run_01JZX3Q4T5V6W7X8Y9ZABCDEFG"]), 1);
    assert!(missing.contains("run_not_found"), "{missing}");
}

#[tokio::test(flavor = "multi_thread")]
async fn following_a_run_ends_with_its_exit_code() {
    let stack = Stack::start_with_test_engine().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let stream = stack.engine_run(&config, &document, &json!({ "mode": "leave" })).await;
    let run = run_of(&stream);
    assert!(finished(command(&stack, &["runs", "logs", "-f", &run]), 7).contains("the run failed"));
    assert_eq!(command(&stack, &["runs", "logs", &run]).output().unwrap().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn following_goes_on_after_a_dropped_connection() {
    let stack = Stack::start_with_test_engine().await;
    let (config, document) = (stack.config().await, stack.document("people.csv", PEOPLE).await);
    let stream = stack.engine_run(&config, &document, &json!({ "mode": "ticks", "count": 40, "interval_ms": 25 })).await;
    let run = run_of(&stream);
    let cutter = Cutter::start(stack.url(), |_| 4000).await;
    let mut follow = command(&stack, &["runs", "logs", "-f", &run]);
    follow.env("ADE_URL", &cutter.url);
    let printed = tokio::task::spawn_blocking(move || finished(follow, 0)).await.unwrap();
    let ticks: Vec<_> = printed.lines().filter(|line| line.starts_with("tick ")).map(str::to_owned).collect();
    assert_eq!(ticks, (0..40).map(|n| format!("tick {n}")).collect::<Vec<_>>(), "each line once, in order");
    assert!(cutter.connections.load(Ordering::SeqCst) > 2, "it was cut more than once");
    drop(stream);
}

/// Servers close connections that they think nobody uses, at times just when the next question is on its way.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_whose_connection_breaks_is_asked_again_and_an_order_is_not() {
    let stack = Stack::start().await;
    let first_is_lost = |connection| if connection == 0 { 0 } else { u64::MAX };
    let cutter = Cutter::start(stack.url(), first_is_lost).await;
    let mut ask = command(&stack, &["keys", "list", "--json"]);
    ask.env("ADE_URL", &cutter.url);
    tokio::task::spawn_blocking(move || finished(ask, 0)).await.unwrap();
    assert_eq!(cutter.connections.load(Ordering::SeqCst), 2);

    let cutter = Cutter::start(stack.url(), first_is_lost).await;
    let mut order = command(&stack, &["keys", "create", "Nightly", "--role", "viewer"]);
    order.env("ADE_URL", &cutter.url);
    let said = tokio::task::spawn_blocking(move || finished(order, 1)).await.unwrap();
    assert!(said.contains(&cutter.url), "{said}");
    assert_eq!(cutter.connections.load(Ordering::SeqCst), 1, "it may have been done");
}

/// Passes connections on to a server and cuts each after some bytes of the answer: how many is asked with the connection's number, from 0.
struct Cutter {
    url: String,
    connections: Arc<AtomicUsize>,
}

impl Cutter {
    async fn start(server: &str, passed: impl Fn(usize) -> u64 + Send + 'static) -> Self {
        let server = server.strip_prefix("http://").unwrap().to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let (url, counter) = (format!("http://{own}"), Arc::clone(&connections));
        tokio::spawn(async move {
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let limit = passed(counter.fetch_add(1, Ordering::SeqCst));
                let mut upstream = TcpStream::connect(&server).await.unwrap();
                let mut request = vec![0; 8192];
                let length = client.read(&mut request).await.unwrap();
                // The server answers to its own name only.
                let request = String::from_utf8(request[..length].to_vec()).unwrap().replace(&own, &server);
                upstream.write_all(request.as_bytes()).await.unwrap();
                let mut answer = upstream.take(limit);
                // A client that goes away is its own affair.
                drop(tokio::io::copy(&mut answer, &mut client).await);
            }
        });
        Self { url, connections }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_members_and_the_system_are_managed() {
    let stack = Stack::start().await;
    let created = says(&stack, &["keys", "create", "Nightly", "--role", "viewer", "--expires-in", "30"]);
    let secret = created.lines().last().unwrap();
    let key = lines(&stack, &["keys", "list", "--json"]).remove(0);
    assert_eq!((&key["name"], &key["role"]), (&json!("Nightly"), &json!("viewer")));
    stack.api.with_key(Some(secret)).get("/workspaces").await.expect(200);
    assert!(says(&stack, &["keys", "list"]).contains("until 2"));
    says(&stack, &["keys", "revoke", &id(&key)]);
    assert!(says(&stack, &["keys", "list"]).contains("revoked 2"));
    let mut denied = command(&stack, &["keys", "list"]);
    denied.env("ADE_API_KEY", stack.key_of("viewer").await);
    assert!(finished(denied, 1).contains("permission_denied"));

    says(&stack, &["members", "put", "auth0|1", "--role", "editor", "--name", "Ada"]);
    assert!(says(&stack, &["members", "list"]).contains("auth0|1"));
    says(&stack, &["members", "remove", "auth0|1"]);
    assert!(says(&stack, &["members", "list"]).contains("no members yet"));

    says(&stack, &["safe-mode", "on", "--detail", "Moving house"]);
    assert!(says(&stack, &["safe-mode", "show"]).contains("Moving house"));
    assert_eq!(lines(&stack, &["safe-mode", "off", "--json"])[0]["enabled"], false);

    let workspace = lines(&stack, &["admin", "workspaces", "create", "Second", "--json"]).remove(0);
    says(&stack, &["admin", "workspaces", "update", &id(&workspace), "--slug", "two"]);
    assert!(says(&stack, &["admin", "workspaces", "list"]).contains("two"));
    says(&stack, &["admin", "workspaces", "delete", &id(&workspace)]);
    let bash = finished(ade(&["completions", "bash"]), 0);
    assert!(bash.contains("safe-mode") && bash.contains("_ade"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_comes_from_aws_credentials() {
    let stack = Stack::start().await;
    let mut bootstrap = ade(&["admin", "bootstrap", "--json"]);
    bootstrap.envs(stack.aws_environment().await);
    let key: Value = serde_json::from_str(&finished(bootstrap, 0)).unwrap();
    let root = stack.api.with_key(key["secret"].as_str());
    root.post("/workspaces", &json!({ "name": "By root" })).await.expect(201);

    let mut nowhere = ade(&["admin", "bootstrap", "--aws-endpoint-url", "http://127.0.0.1:9"]);
    nowhere.env("AWS_REGION", "us-east-1").env("AWS_ACCESS_KEY_ID", "x").env("AWS_SECRET_ACCESS_KEY", "x");
    assert!(finished(nowhere, 1).contains("ADE_TABLE_PREFIX"));
}
