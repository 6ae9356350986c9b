//! Errors as a person at a terminal sees them: what happened, and what to do next.

use std::fmt;
use std::process::ExitCode;

/// What the command's exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did not work: the run failed, the server refused, a file could not be written.
    Failed,
    /// It was asked for something that can't be: a missing file, an unknown config.
    Usage,
    /// The person stopped it (128 + SIGINT, as shells report it).
    Interrupted,
    /// What was followed ended with this exit code.
    Ended(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Interrupted => 130,
            Exit::Ended(code) => code,
        })
    }
}

/// A failure of a command: what happened, and what to do about it.
#[derive(Debug)]
pub struct CliError {
    /// What happened, as a sentence without its full stop.
    message: String,
    /// What to do about it.
    hint: String,
    /// How the command ends.
    pub exit: Exit,
    /// Whether it is the thing that was sent which is wrong: with another one it may work.
    pub(super) is_about_input: bool,
}

/// A failure that does not say yet what to do about it: only with [`Unhinted::hint`] it becomes an error that a person may see.
#[derive(Debug)]
#[must_use]
pub struct Unhinted {
    message: String,
    exit: Exit,
}

impl Unhinted {
    /// Says what to do next.
    pub fn hint(self, hint: impl fmt::Display) -> CliError {
        CliError { message: self.message, hint: hint.to_string(), exit: self.exit, is_about_input: false }
    }
}

impl CliError {
    /// Something did not work.
    pub fn failed(message: impl fmt::Display) -> Unhinted {
        Unhinted { message: message.to_string(), exit: Exit::Failed }
    }

    /// Something was asked for that can't be.
    pub fn usage(message: impl fmt::Display) -> Unhinted {
        Unhinted { message: message.to_string(), exit: Exit::Usage }
    }

    /// The person stopped the command.
    pub fn interrupted(message: impl fmt::Display) -> Unhinted {
        Unhinted { message: message.to_string(), exit: Exit::Interrupted }
    }

    /// What was followed did not end well.
    pub fn ended(code: u8, message: impl fmt::Display) -> Unhinted {
        Unhinted { message: message.to_string(), exit: Exit::Ended(code) }
    }

    /// Something of ADE itself is wrong: nobody else can do anything about it.
    pub fn fault(message: impl fmt::Display) -> Self {
        Self::failed(message).hint("this is a fault of ADE: `make test` may say more")
    }

    /// Says what it is about, first.
    #[must_use]
    pub fn about(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// Says something better to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = hint.to_string();
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  hint: {}", self.message, self.hint)
    }
}

impl std::error::Error for CliError {}

/// An error with everything that caused it, in one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
