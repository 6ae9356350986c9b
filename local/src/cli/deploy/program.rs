//! What a program asks of the machine that runs it, as its file says.

use object::elf::{EM_AARCH64, EM_X86_64, FileHeader64};
use object::read::elf::{FileHeader as _, VerneedIterator};
use object::{Endianness, Error};

use crate::cli::CliError;

/// The C library of Amazon Linux 2023, on which Lambda runs programs
/// ([runtimes](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html), [glibc](https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html)).
const GLIBC: Version = (2, 34);

/// Major and minor.
type Version = (u32, u32);
type Header = FileHeader64<Endianness>;

/// Refuses a program that Lambda could not start, on machines of this architecture.
pub(super) fn check(name: &str, program: &[u8], architecture: &str) -> Result<(), CliError> {
    check_against(name, program, architecture, GLIBC)
}

fn check_against(name: &str, program: &[u8], architecture: &str, glibc: Version) -> Result<(), CliError> {
    let no_program = |error: Error| {
        CliError::failed(format!("{name} is no program for Linux: {error}"))
            .hint("build it with cargo lambda, or name the directory of what was built")
    };
    let header = Header::parse(program).map_err(no_program)?;
    let machine = header.endian().map(|endian| header.e_machine.get(endian)).map_err(no_program)?;
    let built_for = match machine {
        EM_AARCH64 => "arm64",
        EM_X86_64 => "x86_64",
        _ => "another architecture",
    };
    if built_for != architecture {
        return Err(CliError::failed(format!("{name} is built for {built_for}, and the parameter Architecture is {architecture}"))
            .hint("build for that architecture, or set --parameter Architecture"));
    }
    match newest_glibc(header, program).map_err(no_program)? {
        Some(needed) if needed > glibc => {
            let ((major, minor), (has_major, has_minor)) = (needed, glibc);
            Err(CliError::failed(format!("{name} needs glibc {major}.{minor}; Lambda has {has_major}.{has_minor}"))
                .hint("build it with cargo lambda, or on an older Linux"))
        }
        _ => Ok(()),
    }
}

/// The newest version of glibc whose symbols a program uses; none when it uses none.
fn newest_glibc(header: &Header, program: &[u8]) -> Result<Option<Version>, Error> {
    let endian = header.endian()?;
    let sections = header.sections(endian, program)?;
    let Some((needs, names)) = sections.gnu_verneed(endian, program)? else { return Ok(None) };
    let names = sections.strings(endian, program, names)?;
    let mut needs: VerneedIterator<'_, Header> = needs;
    let mut newest = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, names)?;
            newest = newest.max(std::str::from_utf8(name).ok().and_then(glibc_version));
        }
    }
    Ok(newest)
}

/// `GLIBC_2.34`; patch levels are no symbol's version any more.
fn glibc_version(name: &str) -> Option<Version> {
    let mut parts = name.strip_prefix("GLIBC_")?.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cli::deploy::build::own_architecture;

    #[test]
    fn programs_are_told_by_what_they_need() {
        // This test is a program that was built here.
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let refused = |program: &[u8], architecture, glibc| check_against("get-run", program, architecture, glibc).unwrap_err().to_string();
        check_against("get-run", &program, own_architecture(), (2, 999)).unwrap();
        let old = refused(&program, own_architecture(), (2, 1));
        assert!(old.starts_with("get-run needs glibc 2.") && old.contains("; Lambda has 2.1\n"), "{old}");
        let other = if own_architecture() == "arm64" { "x86_64" } else { "arm64" };
        assert!(refused(&program, other, GLIBC).contains("the parameter Architecture is"));
        for broken in [&b""[..], b"#!/bin/sh\n", &program[..100]] {
            assert!(refused(broken, own_architecture(), GLIBC).starts_with("get-run is no program for Linux"));
        }
    }

    /// Where C is compiled against a newer C library this need not hold, so only the machine that promises it is asked: `.ci/run`.
    #[test]
    fn every_function_that_was_built_here_starts_on_lambda() {
        if std::env::var_os("TEST_STARTS_ON_LAMBDA").is_none() {
            return;
        }
        let own = std::env::current_exe().unwrap();
        let built = own.ancestors().nth(2).unwrap();
        for (function, _) in ade_infra::grants::GRANTS {
            check(function, &std::fs::read(built.join(function)).unwrap(), own_architecture()).unwrap();
        }
    }

    #[test]
    fn versions_of_glibc_are_read() {
        for (name, version) in [("GLIBC_2.34", Some((2, 34))), ("GLIBC_2.2.5", Some((2, 2))), ("GLIBC_PRIVATE", None), ("GCC_3.0", None)] {
            assert_eq!(glibc_version(name), version, "{name}");
        }
    }
}
