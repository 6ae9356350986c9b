//! What a person sees while a run happens: a live display on a terminal, plain lines elsewhere, or the events themselves.
//!
//! Progress goes to stderr and results to stdout, so that output can be piped while progress stays visible.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use ade_core::eventlog::{BuildStep, Event, EventBody, LogLevel, LogLine, StepStatus};
use console::style;
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::client::ReceivedEvent;

/// Steps of a build, for its bar.
const BUILD_STEPS: u64 = 7;

/// One of the three ways to show progress.
pub(super) enum Display {
    /// Bars and spinners that are redrawn.
    Live(Box<Live>),
    /// One line for each thing that happens.
    Plain,
    /// Each event as the server sent it, on stdout.
    Json,
}

impl Display {
    /// The display that fits: events when asked for, live on a terminal, plain lines otherwise.
    pub(super) fn new(json: bool) -> Self {
        if json {
            Self::Json
        } else if std::io::stderr().is_terminal() {
            Self::Live(Box::new(Live::new()))
        } else {
            Self::Plain
        }
    }

    /// Says something that stays on the screen.
    pub(super) fn say(&self, text: &str) {
        match self {
            Self::Live(live) => live.say(text),
            Self::Plain => eprintln!("{}", console::strip_ansi_codes(text)),
            Self::Json => {}
        }
    }

    /// A bar for sending `byte_size` bytes of `name`.
    pub(super) fn upload(&self, name: &str, byte_size: u64) -> ProgressBar {
        match self {
            Self::Live(live) => live.upload(name, byte_size),
            Self::Plain | Self::Json => ProgressBar::hidden(),
        }
    }

    /// Shows an event.
    pub(super) fn event(&mut self, received: &ReceivedEvent) {
        match (self, &received.event) {
            (Self::Json, _) => print_line(&received.line),
            (Self::Live(live), Some(event)) => live.event(event),
            (Self::Plain, Some(event)) => print_event(event),
            (_, None) => {}
        }
    }

    /// Takes away what is redrawn.
    pub(super) fn clear(&self) {
        if let Self::Live(live) = self {
            live.clear();
        }
    }
}

/// Writes a line to stdout. A reader that has gone away is nobody's loss: the run goes on and the exit code tells its result.
pub(super) fn print_line(line: &[u8]) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(line).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()));
}

/// The display on a terminal.
pub(super) struct Live {
    screen: MultiProgress,
    /// What is going on: a build step or a stage of the engine.
    activity: ProgressBar,
    /// The newest line of output, dimmed.
    output: ProgressBar,
    /// Steps of the build that are done.
    steps_done: u64,
}

impl Live {
    fn new() -> Self {
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr());
        // Hidden until there is something to tell; then they belong to the screen.
        let hidden = || ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        let activity = hidden().with_style(spinner());
        let output = hidden().with_style(template("    {wide_msg:.dim}"));
        Self { screen, activity, output, steps_done: 0 }
    }

    fn say(&self, text: &str) {
        // Nothing can be done about a terminal that takes no text.
        drop(self.screen.println(text));
    }

    fn upload(&self, name: &str, byte_size: u64) -> ProgressBar {
        let style = template("  {bar:28.cyan/dim} {bytes:>10} of {total_bytes}  {msg}").progress_chars("━╸─");
        let bar = self.screen.add(ProgressBar::new(byte_size).with_style(style));
        bar.set_message(name.to_owned());
        bar
    }

    fn show_activity(&self) {
        if self.activity.is_hidden() {
            self.screen.add(self.activity.clone());
            self.screen.add(self.output.clone());
            self.activity.enable_steady_tick(Duration::from_millis(90));
        }
    }

    fn event(&mut self, event: &Event) {
        match &event.body {
            EventBody::RunCreated { .. } => {
                self.show_activity();
                self.activity.set_message("waiting for an executor");
            }
            EventBody::BuildCreated { .. } => {
                self.steps_done = 0;
                self.activity.set_style(bar());
                self.activity.set_length(BUILD_STEPS);
                self.activity.set_message("building");
            }
            EventBody::BuildStep { step, status, .. } => {
                match status {
                    StepStatus::Started => self.activity.set_message(format!("building: {}", words(*step))),
                    StepStatus::Completed | StepStatus::Skipped => self.steps_done += 1,
                }
                self.activity.set_position(self.steps_done);
            }
            EventBody::BuildCompleted { status, summary, error_message, .. } => {
                self.build_completed(status, summary.as_deref(), error_message.as_deref());
            }
            EventBody::RunStarted { attempt } => {
                let again = if *attempt > 1 { format!(" (attempt {attempt})") } else { String::new() };
                self.activity.set_style(spinner());
                self.activity.set_message(format!("running{again}"));
            }
            EventBody::RunLog(line) => match Progress::of(line) {
                Some(progress) => self.progress(&progress),
                None => self.log(line),
            },
            EventBody::BuildLog(line) => self.log(line),
            EventBody::RunOutput { path, byte_size, .. } => {
                self.activity.set_style(spinner());
                self.activity.set_message(format!("saved {path} ({})", HumanBytes(*byte_size)));
            }
            EventBody::RunCompleted { .. } => self.clear(),
        }
    }

    fn build_completed(&self, status: &str, summary: Option<&str>, error: Option<&str>) {
        self.activity.set_style(spinner());
        self.activity.set_message("starting the engine");
        if status == "active" {
            self.say(&format!("{} {}", style("✓").green(), summary.unwrap_or("Built")));
        } else {
            let reason = error.or(summary).unwrap_or("no reason given");
            self.say(&format!("{} Build {status}: {reason}", style("✗").red()));
        }
    }

    fn progress(&self, progress: &Progress) {
        match progress.rows {
            Some((done, total)) if total > 0 => {
                self.activity.set_style(bar());
                self.activity.set_length(total);
                self.activity.set_position(done);
                self.activity.set_message(format!("{}  {} of {} rows", progress.stage, HumanCount(done), HumanCount(total)));
            }
            _ => {
                self.activity.set_style(spinner());
                self.activity.set_message(progress.stage.clone());
            }
        }
    }

    fn log(&self, line: &LogLine) {
        // Warnings and errors stay; everything else is only passing by.
        match line.level {
            Some(LogLevel::Error) => self.say(&format!("{} {}", style("error").red(), visible(&line.message))),
            Some(LogLevel::Warning) => self.say(&format!("{} {}", style("warning").yellow(), visible(&line.message))),
            _ => self.output.set_message(visible(&line.message)),
        }
    }

    fn clear(&self) {
        self.activity.finish_and_clear();
        self.output.finish_and_clear();
        // As above: a terminal that can't be written to can't be told either.
        drop(self.screen.clear());
    }
}

/// An event as a line for files, pipes and CI.
fn print_event(event: &Event) {
    let line = match &event.body {
        EventBody::RunCreated { .. } => event.run_id.map(|id| format!("run    {id} created")),
        EventBody::BuildCreated { .. } => event.build_id.map(|id| format!("build  {id} created")),
        EventBody::BuildStep { status: StepStatus::Started, .. } => None,
        EventBody::BuildStep { step, status, duration_ms, message } => {
            let took = duration_ms.map(|ms| format!(" ({})", seconds(Duration::from_millis(ms)))).unwrap_or_default();
            let what = if *status == StepStatus::Skipped { " skipped" } else { "" };
            let message = message.as_deref().map(|message| format!(": {message}")).unwrap_or_default();
            Some(format!("build  {}{what}{took}{message}", words(*step)))
        }
        EventBody::BuildLog(line) => Some(format!("build  | {}", visible(&line.message))),
        EventBody::BuildCompleted { status, summary, error_message, .. } => {
            let text = error_message.as_deref().or(summary.as_deref()).map(|text| format!(": {text}")).unwrap_or_default();
            Some(format!("build  {status}{text}"))
        }
        EventBody::RunStarted { attempt } => Some(format!("run    started, attempt {attempt}")),
        // Bars are for terminals; what a stage found is told by other lines.
        EventBody::RunLog(line) if Progress::of(line).is_some() => None,
        EventBody::RunLog(line) => Some(format!("run    | {}", visible(&line.message))),
        EventBody::RunOutput { path, byte_size, .. } => Some(format!("run    output {path} ({})", HumanBytes(*byte_size))),
        EventBody::RunCompleted { status, .. } => Some(format!("run    {status}")),
    };
    if let Some(line) = line {
        eprintln!("{line}");
    }
}

/// Where the engine is, from its `engine.progress` lines.
struct Progress {
    stage: String,
    rows: Option<(u64, u64)>,
}

impl Progress {
    fn of(line: &LogLine) -> Option<Self> {
        let data = line.data.as_ref().filter(|_| line.name.as_deref() == Some("engine.progress"))?;
        let count = |name| data.get(name).and_then(serde_json::Value::as_u64);
        let stage = data.get("stage")?.as_str()?.replace('_', " ");
        let sheet = data.get("sheet_name").and_then(|sheet| sheet.as_str()).map(|sheet| format!(" · {}", visible(sheet)));
        Some(Self { stage: format!("{}{}", visible(&stage), sheet.unwrap_or_default()), rows: count("rows_done").zip(count("rows_total")) })
    }
}

/// A step as people call it.
const fn words(step: BuildStep) -> &'static str {
    match step {
        BuildStep::CreateVenv => "create environment",
        BuildStep::UpgradePip => "upgrade pip",
        BuildStep::InstallEngine => "install engine",
        BuildStep::InstallConfig => "install config",
        BuildStep::VerifyImports => "verify imports",
        BuildStep::CollectMetadata => "list packages",
        BuildStep::Publish => "publish",
    }
}

/// A duration the way people say it.
pub(super) fn seconds(duration: Duration) -> String {
    match duration.as_millis() {
        ms @ 0..1000 => format!("{ms} ms"),
        ms @ 1000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        ms => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1000),
    }
}

/// Text from outside, without what would move a terminal's cursor or change its state.
pub(super) fn visible(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c == '\t' {
                ' '
            } else if c.is_control() {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn spinner() -> ProgressStyle {
    template("{spinner:.cyan} {wide_msg} {elapsed:.dim}")
}

fn bar() -> ProgressStyle {
    template("{spinner:.cyan} {bar:28.cyan/dim} {wide_msg} {elapsed:.dim}").progress_chars("━╸─")
}

fn template(text: &str) -> ProgressStyle {
    ProgressStyle::with_template(text).unwrap_or_else(|_| ProgressStyle::default_spinner()).tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_a_run_cannot_drive_the_terminal() {
        assert_eq!(visible("a\tb\u{1b}[2Jc\r"), "a b\u{fffd}[2Jc\u{fffd}");
    }

    #[test]
    fn durations_read_naturally() {
        assert_eq!(seconds(Duration::from_millis(840)), "840 ms");
        assert_eq!(seconds(Duration::from_millis(1260)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
