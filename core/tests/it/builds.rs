//! Versions by content, one build at a time, reuse by fingerprint.

use ade_core::build::{Archive, Build, BuildStatus, CreatedBuild, Ended, NewBuild, VersionChoice};
use ade_core::config::Config;
use ade_core::eventlog::{Failure, FailureCode};
use ade_core::lease::{Claim, Lease};
use bytes::Bytes;

use crate::stack::TestStack;

pub(crate) async fn config(stack: &TestStack, rule: &'static str) -> Config {
    let files = [("settings.toml", "engine = 2\n"), ("src/ade_config/__init__.py", rule)];
    let files = files.map(|(path, content)| (path.parse().unwrap(), Bytes::from_static(content.as_bytes())));
    stack.configs.create(stack.workspace, "Default", files).await.unwrap()
}

pub(crate) async fn create(stack: &TestStack, config: &Config, force: bool) -> CreatedBuild {
    let version = stack.builds.resolve(config, VersionChoice::Draft).await.unwrap();
    stack.builds.create(config, NewBuild { version, force, activate: true, trace_id: "trace".to_owned() }).await.unwrap()
}

pub(crate) fn new(created: CreatedBuild) -> Build {
    match created {
        CreatedBuild::New(build) => build,
        other => panic!("expected a new build, got {other:?}"),
    }
}

pub(crate) async fn claimed(stack: &TestStack, build: &Build) -> (Lease<Build>, Build) {
    match stack.builds.claim(build.build_id).await.unwrap() {
        Claim::Won(won) => *won,
        _ => panic!("the build was not claimable"),
    }
}

pub(crate) fn active() -> Ended {
    Ended::Active {
        archive: Archive { byte_size: 1, sha256: "0".repeat(64) },
        engine_version: "0.1.0".to_owned(),
        python_version: "3.11.0".to_owned(),
        summary: "built".to_owned(),
    }
}

#[tokio::test]
async fn a_build_becomes_active_and_is_reused() {
    let stack = TestStack::start().await;
    let config = config(&stack, "A = 1\n").await;
    let build = new(create(&stack, &config, false).await);
    let (lease, record) = claimed(&stack, &build).await;
    let finished = stack.builds.finish(&lease, &record, 9, active()).await.unwrap();
    assert_eq!((finished.status, finished.execution.last_event_id), (BuildStatus::Active, 10));

    let config = stack.configs.get(config.config_id).await.unwrap().unwrap();
    assert_eq!((config.active_build_id, config.building_build_id), (Some(build.build_id), None));
    assert!(matches!(create(&stack, &config, false).await, CreatedBuild::Reused(reused) if reused.build_id == build.build_id));
    let forced = new(create(&stack, &config, true).await);
    assert_eq!(forced.fingerprint, build.fingerprint);
    assert_ne!(forced.build_id, build.build_id);
}

#[tokio::test]
async fn of_many_requests_one_build_is_made() {
    let stack = TestStack::start().await;
    let config = config(&stack, "A = 1\n").await;
    let created = futures::future::join_all((0..30).map(|_| create(&stack, &config, false))).await;
    let (mut fresh, mut joined) = (Vec::new(), Vec::new());
    for outcome in created {
        match outcome {
            CreatedBuild::New(build) => fresh.push(build.build_id),
            CreatedBuild::InProgress(build) => joined.push(build.build_id),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(fresh.len(), 1);
    assert!(joined.iter().all(|id| *id == fresh[0]));
}

#[tokio::test]
async fn a_failed_build_leaves_the_active_one_and_frees_its_place() {
    let stack = TestStack::start().await;
    let config = config(&stack, "A = 1\n").await;
    let first = new(create(&stack, &config, false).await);
    let (lease, record) = claimed(&stack, &first).await;
    stack.builds.finish(&lease, &record, 2, active()).await.unwrap();

    let second = new(create(&stack, &config, true).await);
    assert!(matches!(create(&stack, &config, true).await, CreatedBuild::InProgress(other) if other.build_id == second.build_id));
    let (lease, record) = claimed(&stack, &second).await;
    let failure = Failure { code: FailureCode::BuildFailed, stage: "install_config".to_owned() };
    let ended = Ended::Without { status: BuildStatus::Failed, failure, message: "no such package".to_owned(), exit_code: Some(1) };
    let failed = stack.builds.finish(&lease, &record, 2, ended).await.unwrap();
    assert_eq!((failed.status, failed.exit_code), (BuildStatus::Failed, Some(1)));
    let config = stack.configs.get(config.config_id).await.unwrap().unwrap();
    assert_eq!((config.active_build_id, config.building_build_id), (Some(first.build_id), None));
    assert!(matches!(create(&stack, &config, false).await, CreatedBuild::Reused(reused) if reused.build_id == first.build_id));
}

#[tokio::test]
async fn versions_are_their_content() {
    let stack = TestStack::start().await;
    let (a, b, c) = (config(&stack, "A = 1\n").await, config(&stack, "A = 1\n").await, config(&stack, "A = 2\n").await);
    let [a, again, b, c] = [&a, &a, &b, &c].map(|config| stack.configs.snapshot(config));
    let (a, again, b, c) = (a.await.unwrap(), again.await.unwrap(), b.await.unwrap(), c.await.unwrap());
    assert_eq!(a, again, "an unchanged draft is the same version");
    assert_eq!(a.content_digest, b.content_digest);
    assert_ne!(a.content_digest, c.content_digest);
    assert_eq!((a.file_count, a.byte_size), (2, 17));
    assert_eq!(stack.configs.version_by_id(a.config_id, a.version_id).await.unwrap(), Some(a.clone()));
    assert_eq!(stack.configs.version_by_id(b.config_id, a.version_id).await.unwrap(), None, "a version belongs to its config");
}
