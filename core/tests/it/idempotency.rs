//! Marks of requests whose owner disappears.

use ade_core::id::ConfigId;
use ade_core::idempotency::{Begun, Idempotency, Mark};
use ade_core::store::table::IDEMPOTENCY;
use ade_core::time::Timestamp;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::stack::TestStack;

/// The owner that a request gets.
async fn begin(marks: &Idempotency) -> Mark {
    match marks.begin("request", "fingerprint").await.unwrap() {
        Begun::First(mark) => mark,
        other => panic!("{other:?}"),
    }
}

async fn is_in_flight(marks: &Idempotency) -> bool {
    matches!(marks.begin("request", "fingerprint").await.unwrap(), Begun::InFlight)
}

/// Until when the mark's owner has time, in milliseconds.
async fn in_flight_until(stack: &TestStack) -> i64 {
    let get = stack.tables.client().get_item().table_name(stack.tables.name(&IDEMPOTENCY)).consistent_read(true);
    let item = get.key("request", AttributeValue::S("request".to_owned())).send().await.unwrap().item.unwrap();
    item["in_flight_until"].as_n().unwrap().parse().unwrap()
}

/// Makes the mark as old as if this many milliseconds had passed.
async fn age(stack: &TestStack, millis: i64) {
    let until = in_flight_until(stack).await - millis;
    let update = stack.tables.client().update_item().table_name(stack.tables.name(&IDEMPOTENCY));
    let update = update.key("request", AttributeValue::S("request".to_owned())).update_expression("SET in_flight_until = :until");
    update.expression_attribute_values(":until", AttributeValue::N(until.to_string())).send().await.unwrap();
}

#[tokio::test]
async fn an_owner_that_disappears_is_replaced_after_a_minute_and_nothing_is_done_twice() {
    let stack = TestStack::start().await;
    let marks = Idempotency::new(stack.tables.clone());
    let before = Timestamp::now().millis();
    let lost = begin(&marks).await;
    let time = in_flight_until(&stack).await - before;
    assert!((60_000..70_000).contains(&time), "an owner has a minute: {time} ms");
    assert!(is_in_flight(&marks).await);
    let new = stack.new_run(ConfigId::generate(), vec![stack.document("a.csv").await]);
    let run = stack.runs.create_all(vec![new], Some(&lost)).await.unwrap().remove(0);

    age(&stack, 10_000).await;
    assert!(is_in_flight(&marks).await, "it still has time");
    age(&stack, 60_000).await;
    assert!(matches!(marks.begin("request", "other").await.unwrap(), Begun::Reused), "what it created is not another request's");
    let successor = begin(&marks).await;
    assert_eq!(successor.created, [run.run_id], "the successor finds what was created");
    assert!(is_in_flight(&marks).await, "and has a minute of its own");

    // The lost one comes back: nothing of it counts any more.
    lost.keep(b"too late").await.unwrap();
    let again = stack.new_run(ConfigId::generate(), vec![stack.document("b.csv").await]);
    stack.runs.create_all(vec![again], Some(&lost)).await.unwrap_err();
    assert!(is_in_flight(&marks).await);
    successor.keep(b"answer").await.unwrap();
    age(&stack, 3_600_000).await;
    let Begun::Answered(answer) = marks.begin("request", "fingerprint").await.unwrap() else { panic!("answers are kept for longer") };
    assert_eq!(answer, b"answer");
}

#[tokio::test]
async fn an_owner_that_disappears_before_it_did_anything_leaves_nothing() {
    let stack = TestStack::start().await;
    let marks = Idempotency::new(stack.tables.clone());
    begin(&marks).await;
    age(&stack, 60_001).await;
    let Begun::First(mark) = marks.begin("request", "another fingerprint").await.unwrap() else { panic!("the key is free") };
    assert_eq!(mark.created, []);
}
