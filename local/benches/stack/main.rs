//! `make bench`: what a user waits for, measured on the release build through the front door.
//!
//! A real `ade up` is started in an empty data directory; every number comes from HTTP requests to it. Where a peer exists it
//! is measured in the same run: the platform's overhead is the time of a run beside the time of the bare engine process on the
//! same document. Timings are printed, never asserted.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod functions;
mod measures;
mod stack;
mod stats;

use std::io::Write as _;

use stats::Table;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    // As an engine, this program prints lines as fast as a pipe takes them.
    if let [_, mode, count] = arguments.as_slice()
        && mode == "emit"
    {
        emit(count.parse().expect("a number of lines"));
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(bench());
}

async fn bench() {
    let mut table = Table::default();
    functions::sizes(&mut table);
    {
        let stack = stack::Stack::start(None).await;
        functions::cold_starts(&stack, &mut table).await;
        let product = measures::prepare(&stack).await;
        measures::builds(&stack, &product, &mut table).await;
        measures::first_event(&stack, &product, &mut table).await;
        measures::get_run(&stack, &product, &mut table).await;
        measures::overhead(&stack, &product, &mut table).await;
    }
    {
        let stack = stack::Stack::start(Some(stack::fake_engine())).await;
        let product = measures::prepare(&stack).await;
        measures::latency(&stack, &product, &mut table).await;
        measures::cancel(&stack, &product, &mut table).await;
    }
    {
        let stack = stack::Stack::start_with(Some(stack::fake_engine()), "off").await;
        let product = measures::prepare(&stack).await;
        measures::throughput(&stack, &product, &mut table).await;
    }
    println!("{table}");
}

fn emit(count: u64) {
    let mut out = std::io::BufWriter::with_capacity(1 << 16, std::io::stdout().lock());
    for n in 0..count {
        writeln!(out, "line {n} of the engine's output").unwrap();
    }
}
