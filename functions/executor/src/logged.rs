//! A process whose output goes to an event log.

use crate::halt::{Brake, Halt};
use crate::process::{Excess, Exit, Program};
use crate::pump::{Pump, PumpError, Seen, Sink};
use crate::stop::{Stop, fault};

/// How a program ended that was not stopped, and what was noticed in its output.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// What it used too much of, and was ended for.
    pub excess: Option<Excess>,
    /// What was noticed in its output.
    pub seen: Seen,
}

/// Runs a program to its end, moving its output to `log`, and says how it ended and what was noticed in its output. Stops it when
/// the brake is pulled, and pulls the brake when its output can't be kept.
pub async fn run_logged(program: &Program, pump: &mut Pump, log: &impl Sink, brake: &Brake) -> Result<Finished, Stop> {
    let (process, stdout, stderr) = program.start().map_err(fault("start_process"))?;
    let mut halts = brake.halts();
    let supervising = async { process.supervise(&mut halts).await.map_err(fault("end_process")) };
    let pumping = async {
        let pumped = pump.run(log, stdout, stderr).await;
        if pumped.is_err() {
            brake.pull(Halt::LogClosed);
        }
        Ok(pumped)
    };
    let (ended, pumped) = tokio::try_join!(supervising, pumping)?;
    if let Some(halt) = ended.halted {
        return Err(Stop::Halted(halt));
    }
    match pumped {
        Ok(seen) => Ok(Finished { exit: ended.exit, excess: ended.excess, seen }),
        Err(PumpError::Log(closed)) => Err(closed.into()),
        Err(PumpError::Pipe(error)) => Err(fault("read_output")(error)),
    }
}
