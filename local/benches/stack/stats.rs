//! Percentiles, and the table that is printed.

use std::fmt;
use std::time::Duration;

/// Rows of what was measured.
#[derive(Default)]
pub(crate) struct Table {
    rows: Vec<[String; 3]>,
}

impl Table {
    pub(crate) fn row(&mut self, what: &str, measured: String, target: &str) {
        eprintln!("  {what}: {measured}");
        self.rows.push([what.to_owned(), measured, target.to_owned()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | measured | target |\n|---|---|---|")?;
        for [what, measured, target] in &self.rows {
            writeln!(f, "| {what} | {measured} | {target} |")?;
        }
        Ok(())
    }
}

/// The sample below which a share of all samples lies.
pub(crate) fn percentile(samples: &[Duration], share: f64) -> Duration {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// `p50 1.2 ms, p99 3.4 ms (n = 100)`
pub(crate) fn summary(samples: &[Duration]) -> String {
    format!("p50 {}, p99 {} (n = {})", ms(percentile(samples, 0.5)), ms(percentile(samples, 0.99)), samples.len())
}

pub(crate) fn ms(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
