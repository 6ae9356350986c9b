//! What rules may use inside the whole sandbox: polars with its threads, openpyxl, process pools.

use super::client::messages;
use super::fixtures::PEOPLE;
use super::server::Stack;

/// A hook that works with each of them, and says so.
const HOOK: &str = r#"
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import Lock, Pool, Queue, Value, get_context

import openpyxl
import polars as pl


def register(registry):
    registry.register_hook(work, hook="on_workbook_start", priority=0)


def square(n):
    return n * n


def work(*, logger, **_):
    rows = 400_000
    frame = pl.DataFrame({"n": range(rows)}).with_columns(pl.col("n").mod(1000).alias("group"))
    grouped = frame.lazy().group_by("group").agg(pl.col("n").sum()).sort("group").collect()
    assert grouped["n"].sum() == rows * (rows - 1) // 2
    joined = frame.join(grouped, on="group").sort("n")
    assert joined.height == rows
    tasks = len(os.listdir("/proc/self/task"))
    assert pl.thread_pool_size() == 1 or tasks > 1, tasks
    print(f"polars worked with {pl.thread_pool_size()} threads")

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(square, range(100))) == [n * n for n in range(100)]
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(2, mp_context=get_context(method)) as processes:
            assert list(processes.map(square, range(100))) == [n * n for n in range(100)]
        print(f"processes worked by {method}")
    try:
        get_context("forkserver")
    except ValueError as refusal:
        # It is reached by a socket, of which there are none.
        print(refusal)
    with Pool(2) as processes:
        assert processes.map(square, range(100)) == [n * n for n in range(100)]
    queue, lock, value = Queue(), Lock(), Value("i", 1)
    queue.put("x")
    with lock, value.get_lock():
        assert queue.get() == "x" and value.value == 1

    book = openpyxl.Workbook()
    book.active.append(["a", 1])
    book.save("own.xlsx")
    assert openpyxl.load_workbook("own.xlsx").active["A1"].value == "a"
    print("openpyxl worked")
"#;

#[tokio::test(flavor = "multi_thread")]
async fn rules_use_threads_processes_and_openpyxl_inside_the_whole_sandbox() {
    let stack = Stack::start_with(&[("ADE_SANDBOX", "on"), ("ADE_RUN_MEMORY_LIMIT", "2GiB")]).await;
    let config = stack.config().await;
    stack.bucket().put(&format!("configs/{config}/draft/src/ade_config/hooks/work.py"), HOOK.as_bytes()).await;
    let document = stack.document("people.csv", PEOPLE).await;
    let events = stack.run(&config, &document).await.rest().await;
    let last = &events[events.len() - 1];
    assert_eq!(last["status"], "succeeded", "{last:#}");
    let said = messages(&events, "stdout").join("\n");
    for words in ["polars worked", "by fork", "by spawn", "forkserver start method not available", "openpyxl worked"] {
        assert!(said.contains(words), "{words:?} in {said}");
    }
}
