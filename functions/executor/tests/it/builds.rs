//! Builds, and using their archives elsewhere.

use ade_core::build::{BuildStatus, VersionChoice};
use ade_core::config::ConfigPath;
use ade_core::eventlog::FailureCode;
use ade_core::run::{RunOptions, RunStatus};
use bytes::Bytes;

use crate::stack::{Stack, test, test_with};

#[test]
fn an_environment_comes_back_from_its_archive() {
    test(async |stack: Stack| {
        let first = stack.run("import ade_config; print(ade_config.__file__)").await;
        let build = stack.build(&first.run).await;
        assert_eq!(build.status, BuildStatus::Active);
        assert_eq!(stack.keys(&format!("builds/{}/", build.build_id)).await.iter().filter(|key| !key.ends_with(".ndjson")).count(), 2);
        let venvs = stack.dir().join("venvs");
        let environment = venvs.join(build.workspace_id.to_string()).join(build.config_id.to_string()).join(build.build_id.to_string());
        let names = || std::fs::read_dir(&environment).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        assert_eq!(names(), [".venv"], "nothing unfinished is left");

        std::fs::remove_dir_all(&venvs).unwrap();
        let second = stack.run("import ade_config; print(ade_config.__file__)").await;
        assert_eq!(second.run.status, RunStatus::Succeeded, "{:?}", second.run.error_message);
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
        assert_eq!(second.run.status, RunStatus::Succeeded, "{:?}", second.run.error_message);
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
        assert_eq!(ended.run.failure.as_ref().unwrap().code, FailureCode::BuildFailed);
        let message = ended.run.error_message.unwrap();
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
            let message = ended.run.error_message.unwrap();
            assert!(message.contains(expected), "{message}");
        }
        let project = "[project]\nname = \"c\"\nversion = \"1\"\ndependencies = [\"ade-engine>=1\"]\n";
        let config = stack.config(&[("pyproject.toml", project), ("src/ade_config/__init__.py", "")]).await;
        let document = stack.document("in.csv", "print(1)").await;
        let id = stack.create(&config, vec![document], RunOptions::default()).await;
        assert_eq!(stack.execute(id).await.run.status, RunStatus::Succeeded, "the engine needs no installer");
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
        assert_eq!(ended.run.status, RunStatus::Succeeded, "{:?}", ended.run.error_message);
        stack.stop().await;
    });
}
