//! Executes runs; invoked with `{"run_id": …}`.

/// One thread: what it starts dies with the thread that started it, and that thread must live as long as the process.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    ade_executor::function::executor().await
}
