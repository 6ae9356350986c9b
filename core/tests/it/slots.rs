//! How many runs of a workspace are worked on at once, and who is next.

use ade_core::id::RunId;
use ade_core::lease::{Claim, Lease};
use ade_core::run::{Run, RunStatus, Runs};
use ade_core::workspace::{ChangeWorkspace, WorkspaceSettings, Workspaces};

use crate::lease::outcome;
use crate::reaper::Sent;
use crate::stack::TestStack;

/// A stack whose workspaces have two slots.
async fn stack() -> (TestStack, Runs) {
    let stack = TestStack::start().await;
    let runs = Runs::new(stack.tables.clone(), 2, ade_core::safe_mode::SafeMode::new(stack.tables.clone()));
    (stack, runs)
}

async fn claimed(runs: &Runs, run: &Run) -> (Lease<Run>, Run) {
    match runs.claim(run.run_id).await.unwrap() {
        Claim::Won(won) => *won,
        other => panic!("{other:?}"),
    }
}

async fn waits(runs: &Runs, run: &Run) -> bool {
    matches!(runs.claim(run.run_id).await.unwrap(), Claim::Waits)
}

async fn finish(runs: &Runs, (lease, run): &(Lease<Run>, Run)) {
    runs.finish(lease, run, 1, RunStatus::Succeeded, outcome(RunStatus::Succeeded)).await.unwrap();
}

/// What is started when a slot of the stack's workspace has become free.
async fn started(stack: &TestStack, runs: &Runs) -> Vec<RunId> {
    let sent = Sent::default();
    runs.start_waiting(&sent, stack.workspace).await;
    sent.runs()
}

#[tokio::test]
async fn runs_above_the_limit_wait_and_start_in_order() {
    let (stack, runs) = stack().await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(stack.run().await);
    }
    let (first, second) = (claimed(&runs, &all[0]).await, claimed(&runs, &all[1]).await);
    assert!(waits(&runs, &all[3]).await && waits(&runs, &all[2]).await);
    assert!(started(&stack, &runs).await.is_empty(), "no slot is free");
    let queued = runs.get(all[2].run_id).await.unwrap().unwrap();
    assert_eq!((queued.status, queued.execution.attempt, queued.execution.fence), (RunStatus::Queued, 1, 0));

    finish(&runs, &first).await;
    assert!(waits(&runs, &all[4]).await, "the youngest does not get ahead");
    assert!(waits(&runs, &all[3]).await);
    assert_eq!(started(&stack, &runs).await, [all[2].run_id]);
    let third = claimed(&runs, &all[2]).await;
    // A canceled run is skipped.
    runs.cancel(runs.get(all[3].run_id).await.unwrap().unwrap()).await.unwrap();
    finish(&runs, &second).await;
    assert_eq!(started(&stack, &runs).await, [all[4].run_id]);
    let fifth = claimed(&runs, &all[4]).await;
    finish(&runs, &third).await;
    assert!(started(&stack, &runs).await.is_empty(), "nobody waits any more");
    finish(&runs, &fifth).await;
    let later = stack.run().await;
    claimed(&runs, &later).await;
}

#[tokio::test]
async fn a_slot_is_given_back_however_work_on_a_run_ends() {
    let (stack, runs) = stack().await;
    for _ in 0..3 {
        let given_back = claimed(&runs, &stack.run().await).await;
        given_back.0.give_back(&given_back.1).await.unwrap();
        finish(&runs, &claimed(&runs, &given_back.1).await).await;
        let lost = claimed(&runs, &stack.run().await).await;
        ade_core::lease::take_back(&stack.tables, &lost.1, lost.1.created).await.unwrap().unwrap();
        let failed = claimed(&runs, &lost.1).await;
        ade_core::lease::cut(&stack.tables, &failed.1, &ade_core::lease::Cut::canceled("test")).await.unwrap().unwrap();
    }
    let (first, second) = (stack.run().await, stack.run().await);
    claimed(&runs, &first).await;
    claimed(&runs, &second).await;
    assert!(waits(&runs, &stack.run().await).await);
}

#[tokio::test]
async fn of_many_claims_as_many_win_as_there_are_slots() {
    let (stack, runs) = stack().await;
    let mut all = Vec::new();
    for _ in 0..12 {
        all.push(stack.run().await);
    }
    let claims = futures::future::try_join_all(all.iter().map(|run| runs.claim(run.run_id))).await.unwrap();
    let won: Vec<_> = claims.into_iter().filter_map(|claim| if let Claim::Won(won) = claim { Some(*won) } else { None }).collect();
    assert_eq!(won.len(), 2);
    // As each ends, whoever is started next can be claimed, until all have been.
    let (mut working, mut done) = (won, 0);
    while let Some(ended) = working.pop() {
        finish(&runs, &ended).await;
        done += 1;
        for next in started(&stack, &runs).await {
            if let Claim::Won(won) = runs.claim(next).await.unwrap() {
                working.push(*won);
            }
        }
    }
    assert_eq!(done, 12);
}

#[tokio::test]
async fn a_workspace_may_allow_itself_fewer_slots() {
    let (mut stack, runs) = stack().await;
    let workspaces = Workspaces::new(stack.tables.clone());
    stack.workspace = workspaces.create("Test", None).await.unwrap().workspace_id;
    let allow = async |concurrent_runs| {
        let workspace = workspaces.get(stack.workspace).await.unwrap().unwrap();
        let settings = WorkspaceSettings { concurrent_runs, ..WorkspaceSettings::default() };
        workspaces.update(&workspace, ChangeWorkspace { settings: Some(settings), ..ChangeWorkspace::default() }).await.unwrap();
    };
    allow(Some(1)).await;
    let (first, second, third) = (stack.run().await, stack.run().await, stack.run().await);
    let first = claimed(&runs, &first).await;
    assert!(waits(&runs, &second).await && waits(&runs, &third).await);
    assert!(started(&stack, &runs).await.is_empty());
    // The installation allows two, whatever the workspace says.
    allow(Some(100)).await;
    assert_eq!(started(&stack, &runs).await, [second.run_id]);
    let second = claimed(&runs, &second).await;
    assert!(waits(&runs, &third).await);
    // Fewer than are taken: nothing starts until there is room again.
    allow(Some(1)).await;
    finish(&runs, &first).await;
    assert!(waits(&runs, &third).await && started(&stack, &runs).await.is_empty());
    finish(&runs, &second).await;
    assert_eq!(started(&stack, &runs).await, [third.run_id]);
    allow(None).await;
    claimed(&runs, &third).await;
}
