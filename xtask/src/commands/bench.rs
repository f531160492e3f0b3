//! `cargo xtask bench sqlite`, `bench postgres`, `bench mysql` and `bench storage`: our program beside the stock tools, whole processes,
//! in turn, medians.

mod contest;
mod mysql;
mod postgres;
mod report;
mod sqlite;
mod storage;
mod tpch;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;

use crate::{process, project, workplace};
use contest::{Contender, Place};
use report::{Report, Subject};

struct Options {
    size: String,
    bytes: u64,
    runs: usize,
    name: Option<String>,
    /// Our program is left out.
    peers: bool,
}

/// The profile of what is shipped, and so of what is measured.
pub(super) const SHIPPED: &str = "dist";

/// Measures one engine, with a folder of data to keep and one to work in.
type Measure = fn(&Options, &Path, PathBuf) -> Result<()>;

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    let subject = match arguments.next()? {
        Some(Value(subject)) => subject.string()?,
        _ => String::new(),
    };
    let (measure, size): (Measure, &str) = match subject.as_str() {
        "sqlite" => (sqlite::run, "1G"),
        "postgres" => (postgres::run, "2G"),
        "mysql" => (mysql::run, "2G"),
        "storage" => (storage::run, "500M"),
        _ => bail!(
            "say what to measure: `cargo xtask bench sqlite`, `bench postgres`, `bench mysql` or `bench storage`"
        ),
    };
    let options = parse(arguments, size)?;
    workplace::install(workplace::FOR_BENCH)?;
    if !options.peers {
        process::run(&mut project::cargo(&[
            "build",
            "--profile",
            SHIPPED,
            "--quiet",
            "--package",
            "cadangkan",
        ])?)?;
    }

    let folder = project::cache()?.join("bench");
    let work = folder.join("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    measure(&options, &folder, work.clone())?;
    fs::remove_dir_all(&work)?;
    Ok(())
}

/// Leaves our program out when only its peers are asked for.
fn taking_part(all: impl Iterator<Item = Contender>, options: &Options) -> Vec<Contender> {
    all.filter(|contender| !(options.peers && contender.name.starts_with("cadangkan"))).collect()
}

/// Holds a contest, and writes the report; `bytes` is what the data takes where it lies.
fn measure(
    subject: &Subject,
    contenders: &[Contender],
    place: &Place,
    options: &Options,
    bytes: u64,
) -> Result<()> {
    let results = contest::hold(contenders, place, options.runs)?;
    let report = Report::new(subject, place, &options.size, bytes, results)?;
    print!("{}", report.markdown());
    let name = options.name.clone();
    let name = name.unwrap_or_else(|| format!("{}-{}", subject.title.to_lowercase(), options.size));
    report.write(&project::root()?.join("bench/results").join(format!("{}-{name}", report.date())))
}

fn parse(arguments: &mut lexopt::Parser, size: &str) -> Result<Options> {
    let mut options = Options { size: size.to_owned(), bytes: 0, runs: 5, name: None, peers: false };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("size") => options.size = arguments.value()?.string()?,
            Long("runs") => options.runs = arguments.value()?.parse()?,
            Long("peers") => options.peers = true,
            Long("name") => options.name = Some(arguments.value()?.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    options.bytes = bytes(&options.size).context("--size is a number and M or G, such as 1G")?;
    if options.runs == 0 {
        bail!("--runs is at least 1");
    }
    Ok(options)
}

/// Reads `200M` or `8G`, in powers of ten.
fn bytes(size: &str) -> Option<u64> {
    let unit = match size.chars().last()? {
        'M' => 1_000_000,
        'G' => 1_000_000_000,
        _ => return None,
    };
    size.trim_end_matches(['M', 'G']).parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_ten() {
        assert_eq!(bytes("1G"), Some(1_000_000_000));
        assert_eq!(bytes("200M"), Some(200_000_000));
        for wrong in ["", "G", "1", "1K", "-1G", "99999999999G"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }
}
