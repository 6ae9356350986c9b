//! What the end of an engine process means.

use ade_core::eventlog::FailureCode;
use nix::sys::signal::Signal;

use super::artifact::EngineError;
use crate::process::{Excess, Exit};
use crate::pump::Seen;
use crate::stop::Failed;

/// Everything that is known about how an engine process ended by itself.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub(super) exit: Exit,
    /// What it was ended for.
    pub(super) excess: Option<Excess>,
    pub(super) seen: &'a Seen,
    /// The failure that its artifact names.
    pub(super) error: Option<&'a EngineError>,
    /// A file has reached the limit.
    pub(super) file_at_limit: bool,
    /// It says nothing about how it went, though it says so whenever it comes to its end.
    pub(super) is_silent: bool,
}

const STAGE: &str = "engine";

/// `None` when it succeeded.
pub(super) fn verdict(evidence: &Evidence<'_>) -> Option<Failed> {
    match evidence.excess {
        Some(Excess::Memory) => return Some(Failed::new(FailureCode::OutOfMemory, STAGE, "the engine used more memory than a run may")),
        Some(Excess::Processes) => {
            return Some(Failed::new(
                FailureCode::ProcessLimitExceeded,
                STAGE,
                "the engine started more processes and threads than a run may",
            ));
        }
        Some(Excess::Cpu) => {
            return Some(Failed::new(FailureCode::CpuLimitExceeded, STAGE, "the engine used more CPU time than a run may"));
        }
        Some(Excess::Written) => {
            return Some(Failed::new(
                FailureCode::LimitExceeded,
                STAGE,
                "the engine wrote more into all its files together than a run may",
            ));
        }
        None => {}
    }
    let exit_code = match evidence.exit {
        Exit::Code(0) if evidence.is_silent => {
            let message = said("the engine was ended in the middle of its work, with exit code 0".to_owned(), evidence.seen);
            return Some(Failed { exit_code: Some(0), ..Failed::new(FailureCode::EngineError, STAGE, message) });
        }
        Exit::Code(0) => return None,
        Exit::Code(code) => Some(code),
        Exit::Signal(_) => None,
    };
    let (code, stage, message) = match (evidence.exit, evidence.error) {
        (Exit::Signal(signal), _) => signaled(signal, evidence),
        (Exit::Code(_), Some(error)) => (named(error, evidence), error.stage.as_str(), error.message.clone()),
        (Exit::Code(code), None) => (unnamed(evidence), STAGE, said(format!("the engine ended with exit code {code}"), evidence.seen)),
    };
    Some(Failed { exit_code, ..Failed::new(code, stage, message) })
}

/// Stages in which the config's code is at work, hooks aside: the engine's codes tell what came up, not in whose code it did.
const CONFIG_STAGES: [&str; 7] = ["settings", "load_config", "detect_rows", "detect_columns", "transform", "validate", "merge_tables"];

fn named(error: &EngineError, evidence: &Evidence<'_>) -> FailureCode {
    let blamed = match error.code.as_str() {
        "input_error" => return FailureCode::InputError,
        "config_error" => return FailureCode::ConfigError,
        "hook_error" => FailureCode::ConfigError,
        _ if CONFIG_STAGES.contains(&error.stage.as_str()) => FailureCode::ConfigError,
        _ => FailureCode::EngineError,
    };
    limit_in(&error.message).or_else(|| unexplained(evidence)).unwrap_or(blamed)
}

fn unnamed(evidence: &Evidence<'_>) -> FailureCode {
    unexplained(evidence).unwrap_or(FailureCode::EngineError)
}

/// The limit that explains an end for which the engine gives no reason.
fn unexplained(evidence: &Evidence<'_>) -> Option<FailureCode> {
    let written = evidence.file_at_limit.then_some(FailureCode::FileSizeLimitExceeded);
    written.or_else(|| evidence.seen.tail.iter().rev().find_map(|line| limit_in(line)))
}

fn signaled(signal: i32, evidence: &Evidence<'_>) -> (FailureCode, &'static str, String) {
    let limit = |code, what: &str| (code, STAGE, format!("the engine used more {what} than a run may"));
    let killed = || unexplained(evidence).unwrap_or(FailureCode::EngineKilled);
    match Signal::try_from(signal) {
        Ok(Signal::SIGXCPU) => limit(FailureCode::CpuLimitExceeded, "CPU time"),
        Ok(Signal::SIGXFSZ) => limit(FailureCode::FileSizeLimitExceeded, "room for one file"),
        // Nobody but the kernel kills an engine that was not told to stop: memory had run out.
        Ok(Signal::SIGKILL) => (FailureCode::OutOfMemory, STAGE, "the engine was killed because memory had run out".to_owned()),
        Ok(signal) => (killed(), STAGE, said(format!("the engine was ended by {signal}"), evidence.seen)),
        Err(_) => (killed(), STAGE, said(format!("the engine was ended by signal {signal}"), evidence.seen)),
    }
}

/// Which limit a message tells of. The kernel refuses what is beyond a limit with an error that Python and Rust put into words.
fn limit_in(message: &str) -> Option<FailureCode> {
    let any = |texts: &[&str]| texts.iter().any(|text| message.contains(text));
    if any(&["MemoryError", "memory allocation of", "Cannot allocate memory"]) {
        return Some(FailureCode::OutOfMemory);
    }
    if any(&["File too large"]) {
        return Some(FailureCode::FileSizeLimitExceeded);
    }
    if any(&["can't start new thread", "Resource temporarily unavailable"]) {
        return Some(FailureCode::ProcessLimitExceeded);
    }
    any(&["Too many open files"]).then_some(FailureCode::LimitExceeded)
}

fn said(what: String, seen: &Seen) -> String {
    match seen.tail.back() {
        Some(last) => format!("{what}: {last}"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(exit: Exit, error: Option<(&str, &str)>, tail: &[&str], file_at_limit: bool) -> Option<(FailureCode, String)> {
        judge_at("s", exit, error, tail, file_at_limit)
    }

    fn judge_at(stage: &str, exit: Exit, error: Option<(&str, &str)>, tail: &[&str], file_at_limit: bool) -> Option<(FailureCode, String)> {
        let error = error.map(|(code, message)| EngineError { code: code.into(), stage: stage.into(), message: message.into() });
        let seen = Seen { tail: tail.iter().map(|line| (*line).to_owned()).collect(), ..Seen::default() };
        let failed = verdict(&Evidence { exit, excess: None, seen: &seen, error: error.as_ref(), file_at_limit, is_silent: false })?;
        Some((failed.failure.code, failed.message))
    }

    #[test]
    fn each_end_has_its_code() {
        use FailureCode::{
            ConfigError, CpuLimitExceeded, EngineError, EngineKilled, FileSizeLimitExceeded, InputError, LimitExceeded, OutOfMemory,
            ProcessLimitExceeded,
        };
        assert_eq!(judge(Exit::Code(0), None, &["noise"], false), None);
        let cases = [
            (Exit::Code(1), Some(("input_error", "encrypted")), vec![], false, InputError),
            (Exit::Code(1), Some(("config_error", "x")), vec![], false, ConfigError),
            (Exit::Code(1), Some(("hook_error", "x")), vec![], false, ConfigError),
            (Exit::Code(1), Some(("unknown_error", "MemoryError: ")), vec![], false, OutOfMemory),
            (Exit::Code(1), Some(("unknown_error", "[Errno 27] File too large")), vec![], false, FileSizeLimitExceeded),
            (Exit::Code(1), Some(("unknown_error", "division by zero")), vec![], false, EngineError),
            (Exit::Code(1), Some(("unknown_error", "could not save")), vec![], true, FileSizeLimitExceeded),
            (Exit::Code(3), None, vec!["Traceback", "boom"], false, EngineError),
            (Exit::Code(1), None, vec!["RuntimeError: can't start new thread"], false, ProcessLimitExceeded),
            (Exit::Code(1), None, vec!["OSError: [Errno 24] Too many open files"], false, LimitExceeded),
            (Exit::Signal(9), None, vec![], false, OutOfMemory),
            (Exit::Signal(24), None, vec![], false, CpuLimitExceeded),
            (Exit::Signal(25), None, vec![], false, FileSizeLimitExceeded),
            (Exit::Signal(6), None, vec!["memory allocation of 99 bytes failed"], false, OutOfMemory),
            (Exit::Signal(11), None, vec![], false, EngineKilled),
            (Exit::Signal(64), None, vec![], false, EngineKilled),
        ];
        for (exit, error, tail, file, code) in cases {
            let found = judge(exit, error, &tail, file);
            assert_eq!(found.as_ref().map(|(code, _)| *code), Some(code), "{exit:?} {error:?} {tail:?}");
        }
    }

    #[test]
    fn the_stage_says_whose_fault_it_was() {
        use FailureCode::{ConfigError, EngineError, FileSizeLimitExceeded, InputError, OutOfMemory};
        let cases = [
            ("transform", "unknown_error", "division by zero", false, ConfigError),
            ("load_config", "unknown_error", "SyntaxError: invalid syntax", false, ConfigError),
            ("detect_rows", "pipeline_error", "Row detector failed", false, ConfigError),
            ("merge_tables", "pipeline_error", "Tables can't be merged", false, ConfigError),
            ("detect_rows", "input_error", "more tables than the limit", false, InputError),
            ("transform", "unknown_error", "MemoryError: ", false, OutOfMemory),
            ("on_sheet_end", "hook_error", "[Errno 27] File too large", false, FileSizeLimitExceeded),
            ("on_sheet_end", "hook_error", "could not save", true, FileSizeLimitExceeded),
            ("write", "pipeline_error", "The output can't be written", false, EngineError),
            ("engine", "unknown_error", "KeyError: 0", false, EngineError),
            ("unknown", "unknown_error", "KeyError: 0", false, EngineError),
        ];
        for (stage, code, message, file, expected) in cases {
            let found = judge_at(stage, Exit::Code(1), Some((code, message)), &[], file);
            assert_eq!(found.map(|(code, _)| code), Some(expected), "{stage} {code} {message}");
        }
    }

    #[test]
    fn the_message_says_what_was_printed_last() {
        let (_, message) = judge(Exit::Code(3), None, &["Traceback", "boom"], false).unwrap_or((FailureCode::Internal, String::new()));
        assert_eq!(message, "the engine ended with exit code 3: boom");
    }
}
