//! Builds, and using their archives elsewhere.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ade_core::build::{Build, BuildStatus, VersionChoice};
use ade_core::config::ConfigPath;
use ade_core::eventlog::{EventBody, FailureCode};
use ade_core::run::{RunOptions, RunStatus};
use ade_executor::base::Base;
use bytes::Bytes;

use crate::stack::{Ended, Stack, events, test, test_with};

#[test]
fn an_environment_comes_back_from_its_archive() {
    test(async |stack: Stack| {
        let first = stack.run("import ade_config; print(ade_config.__file__)").await;
        let build = stack.build(&first.run).await;
        assert_eq!(build.status, BuildStatus::Active);
        assert_eq!(stack.keys(&format!("builds/{}/", build.build_id)).await.iter().filter(|key| !key.ends_with(".ndjson")).count(), 3);
        let venvs = stack.dir().join("venvs");
        let environment = venvs.join(build.workspace_id.to_string()).join(build.config_id.to_string()).join(build.build_id.to_string());
        let names = || std::fs::read_dir(&environment).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(names(), [".venv"], "nothing unfinished is left");

        std::fs::remove_dir_all(&venvs).unwrap();
        let second = stack.run("import ade_config; print(ade_config.__file__)").await;
        assert_eq!(second.run.status, RunStatus::Succeeded, "{:?}", second.run.outcome.error_message);
        assert_eq!(second.run.build_id, first.run.build_id);
        assert_eq!(names(), [".venv"]);
        stack.stop().await;
    });
}

#[test]
fn a_missing_or_damaged_archive_is_built_again_once() {
    test(async |stack: Stack| {
        let first = stack.run("print(1)").await;
        let build = stack.build(&first.run).await;
        std::fs::remove_dir_all(stack.dir().join("venvs")).unwrap();
        stack.ade.objects.put(&ade_core::layout::build_archive(build.build_id), Bytes::from_static(b"damaged")).await.unwrap();
        let second = stack.run("print(2)").await;
        assert_eq!(second.run.status, RunStatus::Succeeded, "{:?}", second.run.outcome.error_message);
        assert_ne!(second.run.build_id, first.run.build_id);
        assert_eq!(stack.build(&second.run).await.config_version_id, build.config_version_id, "the same version");
        let config = stack.ade.configs.get(stack.config.config_id).await.unwrap().unwrap();
        assert_eq!((config.active_build_id, config.building_build_id), (second.run.build_id, None));
        stack.stop().await;
    });
}

#[test]
fn a_config_that_does_not_load_fails_its_build_and_the_run() {
    test(async |stack: Stack| {
        let config = stack.config(&[("src/ade_config/__init__.py", "import nothing_like_this")]).await;
        let document = stack.document("in.csv", "print(1)").await;
        let id = stack.create(&config, vec![document], RunOptions::default()).await;
        let ended = stack.execute(id).await;
        assert_eq!(ended.run.outcome.failure.as_ref().unwrap().code, FailureCode::BuildFailed);
        let message = ended.run.outcome.error_message.unwrap();
        assert!(message.contains("src/ade_config/__init__.py:1: ModuleNotFoundError"), "{message}");
        let config = stack.ade.configs.get(config.config_id).await.unwrap().unwrap();
        assert_eq!((config.active_build_id, config.building_build_id), (None, None), "the place is free and nothing is active");
        stack.stop().await;
    });
}

#[test]
fn the_draft_can_be_run_without_becoming_active() {
    test(async |stack: Stack| {
        let print = "import ade_config; print(getattr(ade_config, 'NAME', 'first'))";
        let first = stack.run(print).await;
        let path: ConfigPath = "src/ade_config/__init__.py".parse().unwrap();
        let key = format!("{}{path}", ade_core::layout::draft_prefix(stack.config.config_id));
        stack.ade.objects.put(&key, Bytes::from_static(b"NAME = 'second'")).await.unwrap();
        let draft = stack.run_with(print, RunOptions { version: VersionChoice::Draft, ..RunOptions::default() }).await;
        assert_ne!(draft.run.build_id, first.run.build_id);
        let active = stack.run(print).await;
        assert_eq!(active.run.build_id, first.run.build_id, "the pointer did not move");
        let forced = stack.run_with(print, RunOptions { force_rebuild: true, ..RunOptions::default() }).await;
        assert_ne!(forced.run.build_id, first.run.build_id);
        assert_eq!(forced.run.config_version_id, first.run.config_version_id);
        stack.stop().await;
    });
}

/// The build that a run waited for, whatever became of it.
async fn made(stack: &Stack, ended: &Ended) -> Build {
    let id = ended.events.iter().find_map(|event| event.build_id).unwrap();
    stack.ade.builds.get(id).await.unwrap().unwrap()
}

#[test]
fn requirements_that_can_not_be_met_say_why() {
    test_with(&[("ADE_UV", "/nowhere/uv")], async |stack: Stack| {
        let cases = [
            ("dependencies = [\"x @ file:///etc\"]", "names a file or URL"),
            ("dynamic = [\"dependencies\"]", "dynamic"),
            ("dependencies = [\"some-package\"]", "start_process failed"),
        ];
        for (line, expected) in cases {
            let project = format!("[project]\nname = \"c\"\nversion = \"1\"\n{line}\n");
            let config = stack.config(&[("pyproject.toml", &project), ("src/ade_config/__init__.py", "")]).await;
            let document = stack.document("in.csv", "print(1)").await;
            let id = stack.create(&config, vec![document], RunOptions::default()).await;
            let ended = stack.execute(id).await;
            let message = ended.run.outcome.error_message.unwrap();
            assert!(message.contains(expected), "{message}");
        }
        let config = stack.config(&[("pyproject.toml", ""), ("src/ade_config/__init__.py", "")]).await;
        let key = format!("{}pyproject.toml", ade_core::layout::draft_prefix(config.config_id));
        stack.ade.objects.put(&key, Bytes::from_static(b"[project]\nname = \"caf\xe9\"")).await.unwrap();
        let document = stack.document("in.csv", "print(1)").await;
        let id = stack.create(&config, vec![document], RunOptions::default()).await;
        let ended = stack.execute(id).await;
        assert_eq!(made(&stack, &ended).await.failure.unwrap().code, FailureCode::ConfigError);
        assert!(ended.run.outcome.error_message.unwrap().contains("UTF-8"));

        let project = "[project]\nname = \"c\"\nversion = \"1\"\ndependencies = [\"ade-engine>=1\"]\n";
        let config = stack.config(&[("pyproject.toml", project), ("src/ade_config/__init__.py", "")]).await;
        let document = stack.document("in.csv", "print(1)").await;
        let id = stack.create(&config, vec![document], RunOptions::default()).await;
        assert_eq!(stack.execute(id).await.run.status, RunStatus::Succeeded, "the engine needs no installer");
        stack.stop().await;
    });
}

/// Makes wheels `<name>-<version>-py3-none-any.whl` of one module that knows its version, and an installer that knows only them.
const WHEELS: &str = r#"
import sys, zipfile
for spec in sys.argv[2:]:
    name, version, *requires = spec.split(":")
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(f"{sys.argv[1]}/{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", f"VERSION = {version!r}")
        lines = "".join(f"Requires-Dist: {require}\n" for require in requires)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{lines}")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
"#;

/// The uv of this machine.
fn uv() -> PathBuf {
    let on_path = std::env::split_paths(&std::env::var_os("PATH").unwrap()).map(|dir| dir.join("uv")).collect::<Vec<_>>();
    let in_tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.ade/tools/bin/uv");
    let found = on_path.into_iter().chain([in_tools]).find(|uv| uv.is_file());
    found.expect("uv was not found: run `make tools`").canonicalize().unwrap()
}

#[test]
fn packages_are_installed_over_the_base_or_instead_of_it() {
    let tools = tempfile::tempdir().unwrap();
    let installer = tools.path().join("uv");
    let call = format!("#!/bin/sh\nexec '{}' \"$@\" --offline --no-index --find-links '{}'\n", uv().display(), tools.path().display());
    std::fs::write(&installer, call).unwrap();
    std::fs::set_permissions(&installer, std::fs::Permissions::from_mode(0o755)).unwrap();
    test_with(&[("ADE_UV", installer.to_str().unwrap())], async |mut stack: Stack| {
        // In this test's turn: whatever a turn leaves running is ended, and that is every child of this process.
        let wheels = ["shared:1.0", "shared:2.0", "own:1.5:shared", "picky:1.0:shared>=2"];
        let made = Command::new("python3").args(["-c", WHEELS]).arg(tools.path()).args(wheels).status().unwrap();
        assert!(made.success(), "{made}");
        std::fs::write(stack.base.dir.join("base.lock"), "shared==1.0\n").unwrap();
        // Settings of whoever has the directories around are not ours.
        std::fs::write(stack.dir().join("uv.toml"), "[[[").unwrap();
        std::fs::write(stack.base.site_packages().join("shared.py"), "VERSION = 'of the base'").unwrap();
        stack.base = Base::open(&stack.base.dir).unwrap();
        let run = async |dependencies: &str, code: &str| {
            let project = format!("[project]\nname = \"c\"\nversion = \"1\"\ndependencies = {dependencies}\n");
            let config = stack.config(&[("pyproject.toml", &project), ("src/ade_config/__init__.py", "")]).await;
            let document = stack.document("in.csv", code).await;
            let id = stack.create(&config, vec![document], RunOptions::default()).await;
            stack.execute(id).await
        };
        let printed = |ended: &Ended| {
            let line = |body: &EventBody| match body {
                EventBody::RunLog(line) => Some(line.message.clone()),
                _ => None,
            };
            (ended.events.iter().find_map(|event| line(&event.body)), ended.run.outcome.error_message.clone())
        };

        let over = run(r#"["own", "shared"]"#, "import own, shared; print(own.VERSION, shared.VERSION)").await;
        assert_eq!(printed(&over), (Some("1.5 of the base".to_owned()), None));
        assert!(over.events.iter().any(|event| matches!(&event.body, EventBody::BuildLog(line) if line.message.contains("own==1.5"))));
        let packages = stack.ade.objects.read(&ade_core::layout::build_packages(over.run.build_id.unwrap())).await.unwrap().unwrap();
        let packages: serde_json::Value = serde_json::from_slice(&packages).unwrap();
        assert_eq!((&packages["packages"][0]["name"], &packages["packages"][0]["shared"]), (&"own".into(), &false.into()));

        let instead = run(r#"["picky"]"#, "import picky, shared; print(picky.VERSION, shared.VERSION)").await;
        assert_eq!(printed(&instead), (Some("1.0 2.0".to_owned()), None));
        assert!(instead.events.iter().any(|event| matches!(
            &event.body,
            EventBody::BuildStep { message: Some(message), .. } if message.contains("conflict with the base environment")
        )));

        let neither = run(r#"["picky", "shared<2"]"#, "").await;
        assert_eq!(neither.run.outcome.failure.as_ref().unwrap().code, FailureCode::BuildFailed);
        let message = neither.run.outcome.error_message.unwrap();
        assert!(message.contains("No solution found") && message.contains("picky"), "{message}");

        let nothing = run(r#"["shared"]"#, "import shared; print(shared.VERSION)").await;
        assert_eq!(printed(&nothing), (Some("of the base".to_owned()), None));
        stack.stop().await;
    });
}

#[test]
fn another_engine_takes_the_place_of_the_bases() {
    let engine = tempfile::tempdir().unwrap();
    let package = engine.path().join("ade_engine");
    std::fs::create_dir(&package).unwrap();
    std::fs::write(package.join("__init__.py"), "").unwrap();
    std::fs::write(package.join("__main__.py"), "print('another engine')").unwrap();
    test_with(&[("ADE_ENGINE_SPEC", engine.path().to_str().unwrap())], async |stack: Stack| {
        let ended = stack.run("raise SystemExit(9)").await;
        assert_eq!(ended.run.status, RunStatus::Succeeded, "{:?}", ended.run.outcome.error_message);
        stack.stop().await;
    });
}

/// A module of the config's that Python imports whenever it starts leaves other files in the places of those that the builder reads.
#[test]
fn lists_of_packages_are_not_links_to_files_of_the_machine() {
    test(async |stack: Stack| {
        let marker = stack.dir().join("marker");
        std::fs::write(&marker, r#"{"packages": [], "secret": "of the machine"}"#).unwrap();
        let replace = format!(
            r#"
import atexit, os, sys

def replace():
    for place, _, names in os.walk(sys.prefix):
        for name in names:
            if name in ("packages.json", "sbom.json"):
                os.unlink(os.path.join(place, name))
                os.symlink({marker:?}, os.path.join(place, name))

if "ade_engine" not in sys.orig_argv:
    atexit.register(replace)
"#
        );
        let config = stack.config(&[("src/ade_config/__init__.py", ""), ("src/sitecustomize.py", &replace)]).await;
        let document = stack.document("in.csv", "print(1)").await;
        let id = stack.create(&config, vec![document], RunOptions::default()).await;
        let ended = stack.execute(id).await;
        assert_eq!(ended.run.outcome.failure.as_ref().unwrap().code, FailureCode::BuildFailed);
        let build = made(&stack, &ended).await;
        assert_eq!(build.failure.unwrap().code, FailureCode::ConfigError);
        assert!(stack.keys(&format!("builds/{}/", build.build_id)).await.iter().all(|key| key.ends_with(".ndjson")));
        stack.stop().await;
    });
}

#[test]
fn a_canceled_build_leaves_no_process() {
    test(async |stack: Stack| {
        let sleepers = r#"
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        print("sleeper", os.getpid(), flush=True)
time.sleep(600)
"#;
        let config = stack.config(&[("src/ade_config/__init__.py", sleepers)]).await;
        let document = stack.document("in.csv", "print(1)").await;
        let id = stack.create(&config, vec![document], RunOptions::default()).await;
        let sleeper = |body: &EventBody| match body {
            EventBody::BuildLog(line) => line.message.strip_prefix("sleeper ").map(str::to_owned),
            _ => None,
        };
        let cancel = async {
            let (build, pid) = loop {
                let found = events(&stack.ade, id).await.into_iter().find_map(|event| Some((event.build_id?, sleeper(&event.body)?)));
                match found {
                    Some(found) => break found,
                    None => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            let build = stack.ade.builds.get(build).await.unwrap().unwrap();
            stack.ade.builds.cancel(build).await.unwrap();
            pid
        };
        let (ended, pid) = tokio::join!(stack.execute(id), cancel);
        assert_eq!(made(&stack, &ended).await.status, BuildStatus::Canceled);
        assert!(!Path::new("/proc").join(&pid).exists(), "process {pid} is left");
        stack.stop().await;
    });
}

#[test]
fn a_machine_that_can_not_keep_environments_fails_the_build() {
    test(async |stack: Stack| {
        std::fs::create_dir_all(stack.dir().join("venvs")).unwrap();
        std::fs::write(stack.dir().join("venvs/.locks"), "in the way").unwrap();
        let ended = stack.run_with("print(1)", RunOptions { timeout_seconds: Some(20), ..RunOptions::default() }).await;
        assert_eq!(ended.run.outcome.failure.as_ref().unwrap().code, FailureCode::BuildFailed);
        assert_eq!(made(&stack, &ended).await.failure.unwrap().code, FailureCode::Internal);
        let config = stack.ade.configs.get(stack.config.config_id).await.unwrap().unwrap();
        assert_eq!(config.building_build_id, None, "the place is free");
        stack.stop().await;
    });
}
