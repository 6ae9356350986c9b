//! Differences as people read them and as `patch` does.

use console::style;
use serde_json::Value;

use crate::cli::display::{print_line, visible};

/// Prints the changes of files in unified format: in colours on a terminal, byte by byte elsewhere.
pub(super) fn print(files: &[Value]) {
    let is_terminal = console::user_attended();
    for file in files {
        match file["patch"].as_str() {
            Some(patch) if is_terminal => patch.lines().for_each(print_coloured),
            Some(patch) => print_line(patch.trim_end_matches('\n').as_bytes()),
            None => {
                let text = |name: &str| visible(file[name].as_str().unwrap_or_default());
                println!("{} {} (no text, or too long to be shown)", text("status"), text("path"));
            }
        }
    }
}

fn print_coloured(line: &str) {
    // A tab stays: text in columns would lose its shape.
    let shown = line.split('\t').map(visible).collect::<Vec<_>>().join("\t");
    let shown = match line.as_bytes().first() {
        _ if line.starts_with("+++ ") || line.starts_with("--- ") => style(shown).bold(),
        Some(b'+') => style(shown).green(),
        Some(b'-') => style(shown).red(),
        Some(b'@') => style(shown).cyan(),
        _ => style(shown),
    };
    println!("{shown}");
}
