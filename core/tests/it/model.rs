//! Executors, zombies, the reaper, people who cancel, slots and builders, in any order and two at a time: whatever they do, what the
//! lease protocol promises holds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ade_core::build::{Archive, Build, BuildStatus, CreatedBuild, Ended, NewBuild, VersionChoice};
use ade_core::config::Config;
use ade_core::eventlog::{Failure, FailureCode};
use ade_core::id::RunId;
use ade_core::lease::{Claim, LEASE, Lease};
use ade_core::reaper::Reaper;
use ade_core::run::{Outcome, Run, RunStatus, Runs};
use ade_core::store::table::{WORKSPACES, string_key};
use ade_core::time::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::builds::config;
use crate::reaper::Sent;
use crate::stack::TestStack;

const RUNS: usize = 4;
const SLOTS: u32 = 2;

/// What somebody does. Numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    Claim(usize),
    /// An owner, perhaps a former one, commits events, finishes, fails, gives back or renews.
    Commit(usize),
    Finish(usize),
    Fail(usize),
    GiveBack(usize),
    Renew(usize),
    Cancel(usize),
    /// The reaper comes by, perhaps after every lease has expired.
    Reap {
        late: bool,
    },
    Build,
    ClaimBuild,
    FinishBuild(usize),
    GiveBackBuild(usize),
    CancelBuild,
}

fn step() -> impl Strategy<Value = Step> {
    let whose = 0usize..16;
    prop_oneof![
        6 => whose.clone().prop_map(Step::Claim),
        4 => whose.clone().prop_map(Step::Commit),
        2 => whose.clone().prop_map(Step::Finish),
        1 => whose.clone().prop_map(Step::Fail),
        2 => whose.clone().prop_map(Step::GiveBack),
        2 => whose.clone().prop_map(Step::Renew),
        1 => whose.clone().prop_map(Step::Cancel),
        2 => any::<bool>().prop_map(|late| Step::Reap { late }),
        2 => Just(Step::Build),
        3 => Just(Step::ClaimBuild),
        1 => whose.clone().prop_map(Step::FinishBuild),
        1 => whose.prop_map(Step::GiveBackBuild),
        1 => Just(Step::CancelBuild),
    ]
}

type Owned<R> = (Lease<R>, R, u64);

struct World {
    stack: TestStack,
    runs: Runs,
    reaper: Reaper,
    config: Config,
    all: Vec<RunId>,
    owners: Mutex<Vec<Owned<Run>>>,
    builders: Mutex<Vec<Owned<Build>>>,
    builds: Mutex<Vec<Build>>,
}

#[derive(Debug, Default, Deserialize)]
struct Slots {
    #[serde(default)]
    taken: BTreeSet<RunId>,
}

/// Everything that is stored, at one moment.
#[derive(Debug, Clone, PartialEq)]
struct Seen {
    runs: Vec<Run>,
    builds: Vec<Build>,
}

impl World {
    async fn make(stack: TestStack) -> Self {
        let runs = Runs::new(stack.tables.clone(), SLOTS, ade_core::safe_mode::SafeMode::new(stack.tables.clone()));
        let reaper = Reaper::new(stack.tables.clone(), runs.clone(), Arc::new(Sent::default()), 3);
        let config = config(&stack, "A = 1\n").await;
        let mut all = Vec::new();
        for _ in 0..RUNS {
            all.push(stack.run().await.run_id);
        }
        Self { stack, runs, reaper, config, all, owners: Mutex::default(), builders: Mutex::default(), builds: Mutex::default() }
    }

    async fn owner(&self, n: usize) -> Option<Owned<Run>> {
        let owners = self.owners.lock().await;
        (!owners.is_empty()).then(|| owners[n % owners.len()].clone())
    }

    async fn builder(&self, n: usize) -> Option<Owned<Build>> {
        let builders = self.builders.lock().await;
        (!builders.is_empty()).then(|| builders[n % builders.len()].clone())
    }

    async fn take(&self, step: Step) {
        match step {
            Step::Claim(n) => {
                if let Claim::Won(won) = self.runs.claim(self.all[n % RUNS]).await.unwrap() {
                    let first = won.0.first_id();
                    self.owners.lock().await.push((won.0, won.1, first));
                }
            }
            Step::Commit(n) => {
                if let Some((lease, ..)) = self.owner(n).await {
                    let next = {
                        let mut owners = self.owners.lock().await;
                        let count = owners.len();
                        let next = &mut owners[n % count].2;
                        *next += 3;
                        *next
                    };
                    drop(lease.commit(next).await);
                }
            }
            Step::Finish(n) | Step::Fail(n) => {
                if let Some((lease, run, last)) = self.owner(n).await {
                    let status = if matches!(step, Step::Finish(_)) { RunStatus::Succeeded } else { RunStatus::Failed };
                    drop(self.runs.finish(&lease, &run, last, status, Outcome::default()).await);
                }
            }
            Step::GiveBack(n) => {
                if let Some((lease, run, _)) = self.owner(n).await {
                    drop(lease.give_back(&run).await);
                }
            }
            Step::Renew(n) => {
                if let Some((lease, ..)) = self.owner(n).await {
                    drop(lease.heartbeat().await);
                }
            }
            Step::Cancel(n) => {
                let run = self.runs.get(self.all[n % RUNS]).await.unwrap().unwrap();
                drop(self.runs.cancel(run).await);
            }
            Step::Reap { late } => {
                let later = if late { LEASE + Duration::from_secs(5) } else { Duration::ZERO };
                let reaped = self.reaper.reap(Timestamp::now() + later, Instant::now() + Duration::from_mins(1)).await.unwrap();
                assert_eq!(reaped.failed, 0);
            }
            Step::Build => {
                let version = self.stack.builds.resolve(&self.config, VersionChoice::Draft).await.unwrap();
                let new = NewBuild { version, force: true, activate: true, trace_id: "trace".to_owned() };
                if let CreatedBuild::New(build) = self.stack.builds.create(&self.config, new).await.unwrap() {
                    self.builds.lock().await.push(build);
                }
            }
            Step::ClaimBuild => {
                let newest = self.builds.lock().await.last().map(|build| build.build_id);
                if let Some(id) = newest
                    && let Claim::Won(won) = self.stack.builds.claim(id).await.unwrap()
                {
                    let first = won.0.first_id();
                    self.builders.lock().await.push((won.0, won.1, first));
                }
            }
            Step::FinishBuild(n) => {
                if let Some((lease, build, last)) = self.builder(n).await {
                    let ended = if n % 2 == 0 {
                        let archive = Archive { byte_size: 1, sha256: "0".repeat(64) };
                        let text = || "1".to_owned();
                        Ended::Active { archive, engine_version: text(), python_version: text(), summary: text() }
                    } else {
                        let failure = Failure { code: FailureCode::BuildFailed, stage: "test".to_owned() };
                        Ended::Without { status: BuildStatus::Failed, failure, message: "no".to_owned(), exit_code: None }
                    };
                    drop(self.stack.builds.finish(&lease, &build, last, ended).await);
                }
            }
            Step::GiveBackBuild(n) => {
                if let Some((lease, build, _)) = self.builder(n).await {
                    drop(lease.give_back(&build).await);
                }
            }
            Step::CancelBuild => {
                let newest = self.builds.lock().await.last().cloned();
                if let Some(build) = newest {
                    drop(self.stack.builds.cancel(build).await);
                }
            }
        }
    }

    async fn see(&self) -> Seen {
        let mut seen = Seen { runs: Vec::new(), builds: Vec::new() };
        for id in &self.all {
            seen.runs.push(self.runs.get(*id).await.unwrap().unwrap());
        }
        for build in self.builds.lock().await.iter() {
            seen.builds.push(self.stack.builds.get(build.build_id).await.unwrap().unwrap());
        }
        seen
    }

    /// What must hold at every moment, and from one to the next.
    async fn check(&self, before: &Seen, now: &Seen) {
        let working: BTreeSet<RunId> = now.runs.iter().filter(|run| run.status == RunStatus::Running).map(|run| run.run_id).collect();
        let key = string_key([("workspace_id", &self.stack.workspace.to_string()), ("item", "slots")]);
        let slots: Slots = self.stack.tables.get(&WORKSPACES, key).await.unwrap().unwrap_or_default();
        assert_eq!(slots.taken, working, "the slots that are taken are those of the runs that are worked on");
        assert!(working.len() <= SLOTS as usize);

        for (before, now) in before.runs.iter().zip(&now.runs) {
            if before.status.is_terminal() {
                assert_eq!(before, now, "what is over never changes");
            }
            let (old, new) = (&before.execution, &now.execution);
            assert!(old.last_event_id <= new.last_event_id && old.fence <= new.fence && old.attempt <= new.attempt);
            assert!(usize::try_from(new.fence).unwrap() == new.fences.len());
            assert!(new.fences.starts_with(&old.fences), "where an owner started never changes");
            assert!(new.fences.iter().all(|fence| fence.first_id <= new.last_event_id + 1));
            assert!(new.fences.is_sorted_by(|a, b| a.fence < b.fence && a.first_id <= b.first_id));
            assert_eq!(new.due_at.is_some(), !now.status.is_terminal(), "the reaper sees exactly what is not over: {now:?}");
            assert_eq!(now.completed_event().is_some(), now.status.is_terminal());
            assert!(!old.cancel_requested || new.cancel_requested, "a wish to cancel is not forgotten");
        }
        let open: Vec<_> = now.builds.iter().filter(|build| !build.status.is_terminal()).map(|build| build.build_id).collect();
        let config = self.stack.configs.get(self.config.config_id).await.unwrap().unwrap();
        assert_eq!(open, config.building_build_id.into_iter().collect::<Vec<_>>(), "a config's build under way is the one that is named");
        for (before, now) in before.builds.iter().zip(&now.builds) {
            assert!(!before.status.is_terminal() || before == now);
        }
        if let Some(active) = config.active_build_id {
            assert!(now.builds.iter().any(|build| build.build_id == active && build.status == BuildStatus::Active));
        }
    }

    /// From wherever it is, everything can be brought to its end.
    async fn drain(&self) {
        for _ in 0..RUNS * 4 {
            self.take(Step::Reap { late: true }).await;
            for id in &self.all {
                if let Claim::Won(won) = self.runs.claim(*id).await.unwrap() {
                    let last = won.0.first_id() - 1;
                    self.runs.finish(&won.0, &won.1, last, RunStatus::Succeeded, Outcome::default()).await.unwrap();
                }
            }
        }
        assert!(self.see().await.runs.iter().all(|run| run.status.is_terminal()));
    }
}

#[test]
fn no_order_of_events_breaks_a_promise() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = std::env::var("ADE_TEST_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let mut runner = TestRunner::new(Cases { cases, failure_persistence: None, max_shrink_iters: 200, ..Cases::default() });
    let steps = proptest::collection::vec((step(), proptest::option::of(step())), 1..40);
    let explored = runner.run(&steps, |steps| {
        runtime.block_on(async {
            let world = World::make(TestStack::start().await).await;
            let mut before = world.see().await;
            for (one, other) in steps {
                match other {
                    Some(other) => {
                        tokio::join!(world.take(one), world.take(other));
                    }
                    None => world.take(one).await,
                }
                let now = world.see().await;
                world.check(&before, &now).await;
                before = now;
            }
            world.drain().await;
        });
        Ok(())
    });
    explored.unwrap();
}
