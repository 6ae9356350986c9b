//! Answers as people read them, in tables, and as programs read them, in the server's own JSON.

use comfy_table::{ContentArrangement, Table, presets};
use console::style;
use serde_json::Value;

use super::display::{print_line, visible};

/// A column of a table: its heading, and what it shows of an item.
pub(super) type Column = (&'static str, fn(&Value) -> String);

/// Prints items: one JSON object a line, or a table, or that there are none.
pub(super) fn print_list(items: &[Value], json: bool, columns: &[Column], none: &str) {
    if json {
        for item in items {
            print_line(item.to_string().as_bytes());
        }
        return;
    }
    if items.is_empty() {
        println!("{none}");
        return;
    }
    let mut table = table();
    table.set_header(columns.iter().map(|(heading, _)| heading));
    for item in items {
        table.add_row(columns.iter().map(|(_, show)| show(item)));
    }
    println!("{table}");
}

/// Prints one item: its JSON, or what there is to say about it line by line.
pub(super) fn print_item(item: &Value, json: bool, rows: &[Column]) {
    if json {
        return print_line(item.to_string().as_bytes());
    }
    let mut table = table();
    for (name, show) in rows {
        let text = show(item);
        if !text.is_empty() {
            table.add_row([(*name).to_owned(), text]);
        }
    }
    println!("{table}");
}

/// Says that something was done; programs get the answer itself.
pub(super) fn print_done(answer: &Value, json: bool, words: &str) {
    if json {
        print_line(answer.to_string().as_bytes());
    } else {
        println!("{} {words}", style("✓").green());
    }
}

pub(super) fn table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// A text of an item, or nothing.
pub(super) fn text(item: &Value, pointer: &str) -> String {
    match item.pointer(pointer) {
        Some(Value::String(text)) => visible(text),
        None | Some(Value::Null) => String::new(),
        Some(other) => visible(&other.to_string()),
    }
}

/// Unix seconds of an item as a time in UTC, to the second.
pub(super) fn time(item: &Value, pointer: &str) -> String {
    let Some(seconds) = item.pointer(pointer).and_then(Value::as_i64) else { return String::new() };
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// A status, in the colour that people expect; without one where there is no terminal.
pub(super) fn status(item: &Value) -> String {
    let word = text(item, "/status");
    let word = match word.as_str() {
        "succeeded" | "active" | "ready" => style(word).green(),
        "failed" => style(word).red(),
        "canceled" => style(word).yellow(),
        "running" | "building" => style(word).cyan(),
        _ => style(word),
    };
    word.to_string()
}
