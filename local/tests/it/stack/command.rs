//! The `ade` command as a person or a script runs it.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::client::assert_whole_log;
use super::fixtures::{ENCRYPTED, MESSY, PEOPLE};
use super::server::{Stack, ade};

/// Runs the command without a terminal.
fn output(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().unwrap()
}

/// The command, told which ADE to talk to.
fn connected(stack: &Stack, arguments: &[&str], here: &Path) -> Command {
    let mut command = ade(arguments);
    command.current_dir(here).env("ADE_URL", stack.url()).env("ADE_API_KEY", stack.key());
    command.args(["--workspace", &stack.workspace]);
    command
}

fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    assert!(!text.contains('\u{1b}') && !text.contains('\r'), "no terminal, no escapes: {text:?}");
    text
}

#[track_caller]
fn assert_refused(output: &Output, exit: i32, words: &[&str]) {
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{stderr}");
    assert!(stderr.contains("error: "), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word:?} in {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run_cleans_files_and_says_how_it_went() {
    let stack = Stack::start().await;
    let here = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| std::fs::write(here.path().join(name), content).unwrap();
    file("return.xlsx", MESSY);
    file("people.csv", PEOPLE);
    file("secret.xlsx", ENCRYPTED);

    let first = output(&mut connected(&stack, &["run", "return.xlsx", "--out", "clean"], here.path()));
    let (stdout, stderr) = (text(&first.stdout), text(&first.stderr));
    assert_eq!(first.status.code(), Some(0), "{stderr}");
    assert!(stderr.lines().count() >= 5, "progress is told line by line: {stderr}");
    assert!(stdout.contains("artifact.json") && stdout.contains("Run succeeded"), "{stdout}");
    assert!(here.path().join("clean/artifact.json").is_file());
    let workbooks = std::fs::read_dir(here.path().join("clean"))
        .unwrap()
        .filter(|e| e.as_ref().unwrap().path().extension().is_some_and(|x| x == "xlsx"));
    assert_eq!(workbooks.count(), 1);

    let json = output(&mut connected(&stack, &["run", "people.csv", "--json"], here.path()));
    assert_eq!(json.status.code(), Some(0), "{}", text(&json.stderr));
    let mut lines: Vec<Value> = text(&json.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let result = lines.pop().unwrap();
    assert_whole_log(&lines, "run");
    assert_eq!((&result["object"], &result["status"]), (&"ade.cli.result".into(), &"succeeded".into()));
    assert!(
        Path::new(result["artifact"].as_str().unwrap()).is_absolute() || here.path().join(result["artifact"].as_str().unwrap()).is_file()
    );
    for output in result["outputs"].as_array().unwrap() {
        assert!(here.path().join(output["path"].as_str().unwrap()).is_file(), "{output:#}");
    }

    let dry = &["run", "return.xlsx", "--dry-run", "--sheet", "New this quarter", "--json"];
    let dry = output(&mut connected(&stack, dry, here.path()));
    assert_eq!(dry.status.code(), Some(0), "{}", text(&dry.stderr));
    let result: Value = serde_json::from_str(text(&dry.stdout).lines().last().unwrap()).unwrap();
    assert_eq!((&result["status"], &result["outputs"]), (&"succeeded".into(), &serde_json::json!([])));
    let artifact = std::fs::read(here.path().join(result["artifact"].as_str().unwrap())).unwrap();
    let artifact: Value = serde_json::from_slice(&artifact).unwrap();
    let sheets: Vec<_> = artifact["tables"].as_array().unwrap().iter().map(|table| &table["source_sheet"]).collect();
    assert_eq!(sheets, ["New this quarter"]);

    let missing = output(&mut connected(&stack, &["run", "no-such-file.xlsx"], here.path()));
    assert_refused(&missing, 2, &["no-such-file.xlsx", "hint: "]);
    let unknown = output(&mut connected(&stack, &["run", "people.csv", "--config", "nobody"], here.path()));
    assert_refused(&unknown, 2, &["nobody", "hint: "]);
    assert_eq!(output(&mut connected(&stack, &["run"], here.path())).status.code(), Some(2));
    let encrypted = output(&mut connected(&stack, &["run", "secret.xlsx"], here.path()));
    assert_refused(&encrypted, 1, &["password", "document_encrypted"]);
    let wrong_key = output(connected(&stack, &["run", "people.csv"], here.path()).env("ADE_API_KEY", "ade_nonsense"));
    assert_refused(&wrong_key, 1, &["hint: ", "ADE_API_KEY"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_exit_code_1() {
    let stack = Stack::start_with_test_engine().await;
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("people.csv"), PEOPLE).unwrap();
    // Without metadata the test engine does not know what to do.
    let failed = output(&mut connected(&stack, &["run", "people.csv"], here.path()));
    assert_refused(&failed, 1, &["the run failed", "hint: ", "ade runs logs run_"]);
}

#[test]
fn nothing_to_talk_to_is_said() {
    let here = tempfile::tempdir().unwrap();
    std::fs::write(here.path().join("people.csv"), PEOPLE).unwrap();
    assert_refused(&output(ade(&["run", "people.csv"]).current_dir(here.path())), 2, &["hint: ", "ade up"]);
    let unreachable = &["run", "people.csv", "--url", "http://127.0.0.1:9", "--api-key", "x"];
    assert_refused(&output(ade(unreachable).current_dir(here.path())), 1, &["http://127.0.0.1:9", "hint: "]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_server_on_the_same_data_is_refused() {
    let stack = Stack::start().await;
    let again = output(ade(&["up", "--port", "0", "--data-dir"]).arg(stack.data_dir()));
    assert_refused(&again, 1, &["another ade is using", &stack.data_dir().display().to_string()]);
    let address = stack.url().rsplit(':').next().unwrap().to_owned();
    let elsewhere = tempfile::tempdir().unwrap();
    let taken = output(ade(&["up", "--port", &address, "--data-dir"]).arg(elsewhere.path()));
    assert_refused(&taken, 1, &[&address, "hint: "]);
    let misspelt = output(ade(&["up", "--port", "0", "--data-dir"]).arg(elsewhere.path()).env("ADE_BUKET", "x"));
    assert_refused(&misspelt, 1, &["ADE_BUKET", "ADE_BUCKET"]);
}

#[test]
fn the_demo_ends_with_a_checked_workbook() {
    let here = tempfile::tempdir().unwrap();
    let demo = output(ade(&["demo"]).current_dir(here.path()));
    let (stdout, stderr) = (text(&demo.stdout), text(&demo.stderr));
    assert_eq!(demo.status.code(), Some(0), "{stdout}{stderr}");
    assert!(stdout.contains("artifact.json") && stdout.contains(".xlsx"), "{stdout}");
}
