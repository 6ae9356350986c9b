//! `roles FILE`: compares what functions did during the tests, as FILE records it, with what their roles allow.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::error::Error;
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("which file?")?;
    let recorded = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let differences = ade_infra::uses::differences(&recorded)?;
    if differences.is_empty() {
        println!("Every role allows what its function did, and nothing else.");
        return Ok(ExitCode::SUCCESS);
    }
    for difference in &differences {
        eprintln!("{difference}");
    }
    eprintln!("infra/src/grants.rs says what functions may do; a test has to show what they need.");
    Ok(ExitCode::FAILURE)
}
