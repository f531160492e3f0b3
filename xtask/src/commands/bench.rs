//! `cargo xtask bench sqlite`: our program beside the stock tools, whole processes, in turn, medians.

mod contest;
mod report;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;

use crate::{process, project, workplace};
use contest::{Contender, Place};

struct Options {
    size: String,
    bytes: u64,
    runs: usize,
    name: Option<String>,
}

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    match arguments.next()? {
        Some(Value(subject)) if subject == "sqlite" => {}
        _ => bail!("say what to measure: `cargo xtask bench sqlite`"),
    }
    let options = parse(arguments)?;
    workplace::install(workplace::FOR_BENCH)?;
    process::run(&mut project::cargo(&["build", "--release", "--quiet", "--package", "cadangkan"])?)?;

    let folder = project::cache()?.join("bench");
    let work = folder.join("work");
    if work.exists() {
        fs::remove_dir_all(&work)?;
    }
    fs::create_dir_all(&work)?;
    let data = data(&folder, &options)?;
    let place = Place { data, work, program: project::target()?.join("release/cadangkan") };

    let contenders: Vec<Contender> = contest::backup().into_iter().chain(contest::restore()).collect();
    let results = contest::hold(&contenders, &place, options.runs)?;
    let report = report::Report::new(&options.size, fs::metadata(&place.data)?.len(), results)?;
    print!("{}", report.markdown());
    let name = options.name.unwrap_or_else(|| format!("sqlite-{}", options.size));
    let stem = project::root()?.join("bench/results").join(format!("{}-{name}", report.date()));
    report.write(&stem)?;
    fs::remove_dir_all(&place.work)?;
    Ok(())
}

fn parse(arguments: &mut lexopt::Parser) -> Result<Options> {
    let mut options = Options { size: "1G".to_owned(), bytes: 1_000_000_000, runs: 5, name: None };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("size") => options.size = arguments.value()?.string()?,
            Long("runs") => options.runs = arguments.value()?.parse()?,
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

/// Returns the database to measure on, made once and kept in the cache folder.
fn data(folder: &Path, options: &Options) -> Result<PathBuf> {
    let script = project::root()?.join("bench/generate_sqlite.py");
    let kept = folder.join(format!("shop-{}.sqlite", options.size));
    let current = folder.join(format!("shop-{}.py", options.size));
    let same =
        fs::read(&current).is_ok_and(|made_by| fs::read(&script).is_ok_and(|script| script == made_by));
    if !(same && kept.is_file()) {
        println!("making {} (about a minute per GB, once)", kept.display());
        let partial = kept.with_extension("partial");
        if partial.exists() {
            fs::remove_file(&partial)?;
        }
        process::run(Command::new("python3").arg(&script).arg(&partial).arg(options.bytes.to_string()))?;
        fs::rename(&partial, &kept)?;
        fs::copy(&script, &current)?;
    }
    Ok(kept)
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
