//! What a page of a list costs, as DynamoDB counts it: as much in a large table as in a small one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use ade_core::id::{ConfigId, DocumentId, RunId};
use ade_core::run::{ListRuns, RunStatus, Runs};
use ade_core::safe_mode::SafeMode;
use ade_core::store::{PageRequest, Tables};
use aws_sdk_dynamodb::config::ConfigBag;
use aws_sdk_dynamodb::config::interceptors::{BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef};
use aws_sdk_dynamodb::config::{Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use dynoxide::{AttributeValue, ImportOptions};
use serde_json::json;

use crate::stack::TestStack;

/// Runs in the small table.
const SMALL: usize = 1_000;
/// Runs in the large one.
const LARGE: usize = 100_000;

/// Adds up what queries cost.
#[derive(Debug, Clone, Default)]
struct Meter(Arc<Mutex<f64>>);

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(input) = context.input_mut().downcast_mut::<QueryInput>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        }
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let output = context.output_or_error().and_then(Result::ok).and_then(|output| output.downcast_ref::<QueryOutput>());
        if let Some(units) = output.and_then(|output| output.consumed_capacity()?.capacity_units) {
            *self.0.lock().unwrap() += units;
        }
        Ok(())
    }
}

/// A table with so many runs of one workspace, one in a hundred of which failed and three of which are running.
async fn table_of(count: usize) -> (TestStack, Runs, Meter) {
    let stack = TestStack::start().await;
    let template = stack.runs.create(stack.new_run(ConfigId::generate(), vec![stack.document("a.csv").await])).await.unwrap();
    let (name, workspace) = (stack.tables.name(&ade_core::store::table::RUNS), stack.workspace);
    let stack = stack
        .filled(|tables| {
            let key = json!({ "run_id": { "S": template.run_id }, "item": { "S": "run" } });
            let get = serde_json::from_value(json!({ "TableName": name, "Key": key })).unwrap();
            let item = tables.get_item(get).unwrap().item.unwrap();
            let run = |n: usize| {
                let status = match n {
                    1..=3 => RunStatus::Running,
                    n if n.is_multiple_of(100) => RunStatus::Failed,
                    _ => RunStatus::Succeeded,
                };
                let id = RunId::first_at(template.created.millis() - i64::try_from(n).unwrap());
                let changes = [
                    ("run_id", id.to_string()),
                    ("status", status.word().to_owned()),
                    ("workspace_status", format!("{workspace}#{}", status.word())),
                ];
                let mut item = item.clone();
                item.extend(changes.map(|(name, value)| (name.to_owned(), AttributeValue::S(value))));
                item
            };
            let runs: Vec<_> = (1..count).collect();
            for some in runs.chunks(5_000) {
                tables.import_items(&name, some.iter().map(|n| run(*n)).collect(), ImportOptions::default()).unwrap();
            }
        })
        .await;
    let meter = Meter::default();
    let config = stack.tables.client().config().to_builder().interceptor(meter.clone()).build();
    let tables = Tables::new(aws_sdk_dynamodb::Client::from_conf(config), "test-");
    (stack, Runs::new(tables.clone(), 100, SafeMode::new(tables)), meter)
}

#[tokio::test]
async fn a_page_costs_the_same_in_a_large_table() {
    let statuses = |statuses: &[RunStatus]| ListRuns { statuses: statuses.iter().copied().collect::<BTreeSet<_>>(), ..ListRuns::default() };
    let wanted = [
        ("all", ListRuns::default()),
        ("failed", statuses(&[RunStatus::Failed])),
        ("under way", statuses(&[RunStatus::Queued, RunStatus::Running])),
        ("failed or under way", statuses(&[RunStatus::Failed, RunStatus::Running])),
        ("with a document", ListRuns { document_id: Some(DocumentId::generate()), ..ListRuns::default() }),
    ];
    let mut costs = Vec::new();
    for count in [SMALL, LARGE] {
        let (stack, runs, meter) = table_of(count).await;
        let page = async |wanted: &ListRuns, cursor| {
            *meter.0.lock().unwrap() = 0.0;
            let began = std::time::Instant::now();
            let page = runs.list(stack.workspace, wanted, PageRequest { limit: 10, cursor }).await.unwrap();
            (page, *meter.0.lock().unwrap(), began.elapsed())
        };
        let mut of_table = Vec::new();
        for (name, wanted) in &wanted {
            let (first, units, took) = page(wanted, None).await;
            eprintln!("{count} runs, {name}: {} items, {units} read units, {took:?}", first.items.len());
            of_table.push((*name, units));
        }
        let (mut at, mut cursor) = (0, None);
        while at < 500 {
            let (next, units, took) = page(&ListRuns::default(), cursor).await;
            at += 1;
            if at == 500 || next.next.is_none() {
                eprintln!("{count} runs, page {at}: {} items, {units} read units, {took:?}", next.items.len());
            }
            assert!(units <= of_table[0].1, "page {at} costs {units}");
            cursor = next.next;
            if cursor.is_none() {
                break;
            }
        }
        costs.push(of_table);
    }
    assert!(costs[0][0].1 > 0.0, "the meter measures");
    assert_eq!(costs[0], costs[1]);
}
