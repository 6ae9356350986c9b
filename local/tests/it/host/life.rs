use std::{
    collections::HashSet,
    io::{BufRead, BufReader},
    num::NonZeroUsize,
    time::Duration,
};

use ade_local::host::{Answer, Host, InvokeError};
use serde_json::{Value, json};

use super::{Stack, alive, config, eventually, lines};

const PATIENCE: Duration = Duration::from_mins(1);

async fn invoke(host: &Host, payload: &Value) -> Result<Value, InvokeError> {
    match host.invoke("test-event", payload.to_string(), PATIENCE).await? {
        Answer::Buffered(answer) => Ok(serde_json::from_slice(&answer).unwrap()),
        Answer::Streaming(_) => panic!("not a streaming function"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_serves_requests_that_follow_each_other() {
    // With a higher cap a second process may be started when this machine is too slow for the first to be back in time.
    let stack = Stack::start_with(|spec| spec.max_concurrency = NonZeroUsize::MIN).await;
    let mut pids = HashSet::new();
    for _ in 0..20 {
        pids.insert(invoke(&stack.host, &json!({})).await.unwrap()["pid"].as_i64().unwrap());
    }
    assert_eq!(pids.len(), 1);
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn load_starts_processes_up_to_the_cap_and_the_rest_waits() {
    let stack = Stack::start_with(|spec| spec.max_concurrency = NonZeroUsize::new(3).unwrap()).await;
    let journal = stack.file("journal");
    let payload = json!({"file": stack.file("gate"), "journal": journal});
    let invocations = futures::future::join_all((0..12).map(|_| invoke(&stack.host, &payload)));
    let open_gate = async {
        eventually("three run at once", || (lines(&journal).len() == 3).then_some(())).await;
        stack.make_file("gate");
    };
    let (answers, ()) = tokio::join!(invocations, open_gate);
    let pids: HashSet<_> = answers.into_iter().map(|answer| answer.unwrap()["pid"].as_i64().unwrap()).collect();
    assert_eq!(pids.len(), 3);
    let mut running = 0;
    let mut most = 0;
    for line in lines(&journal) {
        running += if line.starts_with("begin") { 1 } else { -1 };
        most = most.max(running);
    }
    assert_eq!((running, most), (0, 3));
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_without_patience_leaves_the_queue() {
    let stack = Stack::start_with(|spec| spec.max_concurrency = NonZeroUsize::MIN).await;
    let journal = stack.file("journal");
    let first = json!({"file": stack.file("gate"), "journal": journal});
    let impatient = async {
        eventually("the first runs", || (lines(&journal).len() == 1).then_some(())).await;
        let payload = json!({"journal": journal}).to_string();
        let refused = stack.host.invoke("test-event", payload, Duration::from_millis(1)).await;
        assert!(matches!(refused, Err(InvokeError::Overloaded)), "{refused:?}");
        stack.make_file("gate");
    };
    let (answer, ()) = tokio::join!(invoke(&stack.host, &first), impatient);
    answer.unwrap();
    invoke(&stack.host, &json!({})).await.unwrap();
    assert_eq!(lines(&journal).len(), 2);
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_process_is_stopped_and_started_again() {
    let stack = Stack::start_with(|spec| spec.idle_timeout = Duration::from_millis(1)).await;
    let first = invoke(&stack.host, &json!({})).await.unwrap()["pid"].as_i64().unwrap();
    eventually("the idle process ends", || (!alive(first)).then_some(())).await;
    let second = invoke(&stack.host, &json!({})).await.unwrap()["pid"].as_i64().unwrap();
    assert_ne!(first, second);
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_invocation_is_lost_between_work_and_idleness() {
    let stack = Stack::start_with(|spec| {
        spec.idle_timeout = Duration::from_micros(200);
        spec.max_concurrency = NonZeroUsize::new(2).unwrap();
    })
    .await;
    let callers = (0..4).map(|_| async {
        for _ in 0..25 {
            invoke(&stack.host, &json!({})).await.unwrap();
        }
    });
    futures::future::join_all(callers).await;
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_sees_its_own_environment_only() {
    let stack = Stack::start().await;
    let answer = invoke(&stack.host, &json!({})).await.unwrap();
    let names: HashSet<_> = answer["environment"].as_object().unwrap().keys().map(String::as_str).collect();
    let expected = [
        "AWS_ENDPOINT_URL_LAMBDA",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "FIXTURE",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "PATH",
        "TMPDIR",
        // Set by the runtime itself for each invocation.
        "_X_AMZN_TRACE_ID",
    ];
    assert_eq!(names, expected.into());
    assert_eq!(answer["environment"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_function_prints_is_in_its_log() {
    let stack = Stack::start().await;
    let id = invoke(&stack.host, &json!({})).await.unwrap()["request_id"].as_str().unwrap().to_owned();
    eventually("the line is written", || stack.log("test-event").contains(&format!("event {id}\n")).then_some(())).await;
    stack.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_leaves_no_process() {
    let stack = Stack::start().await;
    let idle = invoke(&stack.host, &json!({})).await.unwrap()["pid"].as_i64().unwrap();
    let journal = stack.file("journal");
    let payload = json!({"act": "hang", "journal": journal});
    let invocations = (0..3).map(|_| invoke(&stack.host, &payload));
    let hanging = futures::future::join_all(invocations);
    let running = eventually("all run", || {
        let lines = lines(&journal);
        (lines.len() == 3).then_some(lines)
    });
    // Started, but never awaited to the end: their callers go away.
    let running = tokio::select! {
        _ = hanging => panic!("they hang"),
        running = running => running,
    };
    stack.host.shutdown().await;
    let pids = running.iter().map(|line| line.rsplit(' ').next().unwrap().parse().unwrap());
    for pid in pids.chain([idle]) {
        assert!(!alive(pid), "{pid} is alive");
    }
}

#[test]
fn a_dropped_host_takes_its_processes_along() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pid = runtime.block_on(async {
        let stack = Stack::start().await;
        invoke(&stack.host, &json!({})).await.unwrap()["pid"].as_i64().unwrap()
    });
    drop(runtime);
    until_gone(pid);
}

#[test]
fn a_killed_host_takes_its_processes_along() {
    let directory = tempfile::tempdir().unwrap();
    let mut host = std::process::Command::new(super::fixture_binary())
        .env("FIXTURE", "host")
        .env("LOG_DIR", directory.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(host.stdout.take().unwrap()).read_line(&mut pid).unwrap();
    let pid = pid.trim().parse().unwrap();
    assert!(alive(pid));
    host.kill().unwrap();
    host.wait().unwrap();
    until_gone(pid);
}

fn until_gone(pid: i64) {
    let started = std::time::Instant::now();
    while alive(pid) {
        assert!(started.elapsed() < Duration::from_secs(20), "{pid} is alive");
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_before_anything_starts() {
    let directory = tempfile::tempdir().unwrap();
    let start = async |change: fn(&mut ade_local::host::HostConfig)| {
        let bound = Host::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let mut config = config(&bound, directory.path(), |_| {});
        change(&mut config);
        bound.start(config).err().unwrap().to_string()
    };
    let bad_name = start(|config| config.functions[0].name = "../x".to_owned()).await;
    assert!(bad_name.starts_with(r#""../x" cannot be a function's name"#), "{bad_name}");
    let duplicate = start(|config| config.functions.push(config.functions[0].clone())).await;
    assert_eq!(duplicate, r#"function "test-http" is declared twice"#);
    let missing = start(|config| drop(config.functions.remove(0))).await;
    assert_eq!(missing, r#"the API has the operation "http", but there is no function "test-http""#);
    let taken = Host::bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let error = Host::bind(taken.gateway_address()).await.err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot listen on {}", taken.gateway_address())), "{error}");
}
