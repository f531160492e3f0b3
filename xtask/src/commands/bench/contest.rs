//! Who is measured, how, and one measurement.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::process;

/// Which contest a contender is in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Discipline {
    Backup,
    Restore,
}

/// One way to do the work: scripts for `sh`, which know `$DATA`, `$WORK` and have `cadangkan` on their path.
pub(super) struct Contender {
    pub(super) discipline: Discipline,
    pub(super) name: &'static str,
    /// Not measured.
    pub(super) prepare: &'static str,
    pub(super) script: &'static str,
    /// The file or folder it makes, below `$WORK`.
    pub(super) output: &'static str,
}

/// The first of each discipline is what the others are compared with.
pub(super) fn backup() -> Vec<Contender> {
    let contender = |name, prepare, script, output| Contender {
        discipline: Discipline::Backup,
        name,
        prepare,
        script,
        output,
    };
    vec![
        contender(
            "zstd -3 -T0",
            "rm -f $WORK/stock.zst",
            "zstd -q -3 -T0 $DATA -o $WORK/stock.zst",
            "stock.zst",
        ),
        contender(
            "zstd -3 -T0, sync",
            "rm -f $WORK/synced.zst",
            "zstd -q -3 -T0 $DATA -o $WORK/synced.zst && sync $WORK/synced.zst",
            "synced.zst",
        ),
        contender(
            "sqlite3 .backup, zstd -3 -T0",
            "rm -f $WORK/copy $WORK/copy.zst",
            "sqlite3 $DATA \".backup '$WORK/copy'\" && zstd -q -3 -T0 $WORK/copy -o $WORK/copy.zst",
            "copy.zst",
        ),
        contender(
            "cadangkan backup --no-check",
            "export CADANGKAN_HOME=$WORK/plain; rm -rf $WORK/plain; cadangkan add sqlite bench --path $DATA --quiet",
            "CADANGKAN_HOME=$WORK/plain cadangkan backup bench --no-check --quiet",
            "plain/backups",
        ),
        contender(
            "cadangkan backup",
            "export CADANGKAN_HOME=$WORK/checked; rm -rf $WORK/checked; cadangkan add sqlite bench --path $DATA --quiet",
            "CADANGKAN_HOME=$WORK/checked cadangkan backup bench --quiet",
            "checked/backups",
        ),
        contender(
            "cadangkan backup --fingerprints",
            "export CADANGKAN_HOME=$WORK/proved; rm -rf $WORK/proved; cadangkan add sqlite bench --path $DATA --quiet",
            "CADANGKAN_HOME=$WORK/proved cadangkan backup bench --fingerprints --quiet",
            "proved/backups",
        ),
    ]
}

pub(super) fn restore() -> Vec<Contender> {
    let contender = |name, script, output| Contender {
        discipline: Discipline::Restore,
        name,
        prepare: "rm -rf $WORK/restored*",
        script,
        output,
    };
    vec![
        contender(
            "zstd -d, sync",
            "zstd -q -d $WORK/stock.zst -o $WORK/restored && sync $WORK/restored",
            "restored",
        ),
        contender(
            "cadangkan restore --no-check",
            "CADANGKAN_HOME=$WORK/plain cadangkan restore bench --to $WORK/restored.db --no-check --yes --quiet",
            "restored.db",
        ),
        contender(
            "cadangkan restore",
            "CADANGKAN_HOME=$WORK/plain cadangkan restore bench --to $WORK/restored.db --yes --quiet",
            "restored.db",
        ),
    ]
}

/// Where a contest is held.
pub(super) struct Place {
    pub(super) data: PathBuf,
    pub(super) work: PathBuf,
    pub(super) program: PathBuf,
}

impl Place {
    fn shell(&self, program: &str, arguments: &[&str]) -> Command {
        let folder = self.program.parent().unwrap_or(Path::new("/")).as_os_str().to_owned();
        let mut path = folder;
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.args(arguments).env("PATH", path).env("DATA", &self.data).env("WORK", &self.work);
        command.env("HOME", &self.work).current_dir(&self.work).stdout(Stdio::null());
        command
    }
}

/// One measurement of a whole process and all it starts.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) wall: Duration,
    /// The largest resident set of any process, in KiB.
    pub(super) peak_kib: u64,
}

/// What a contender did.
pub(super) struct Results {
    pub(super) contender: &'static str,
    pub(super) script: &'static str,
    pub(super) discipline: Discipline,
    pub(super) samples: Vec<Sample>,
    pub(super) output_bytes: u64,
}

/// Lets all contenders run in turn, so that what disturbs the machine disturbs all.
pub(super) fn hold(contenders: &[Contender], place: &Place, runs: usize) -> Result<Vec<Results>> {
    let start = |contender: &Contender| Results {
        contender: contender.name,
        script: contender.script,
        discipline: contender.discipline,
        samples: Vec::new(),
        output_bytes: 0,
    };
    let mut results: Vec<Results> = contenders.iter().map(start).collect();
    for run in 1..=runs {
        for (contender, result) in contenders.iter().zip(&mut results) {
            process::run(
                &mut place
                    .shell("sh", &["-ec", &format!("{}; sync; cat $DATA > /dev/null", contender.prepare)]),
            )
            .with_context(|| format!("cannot prepare {}", contender.name))?;
            let sample = measure(contender, place)?;
            println!("{run}/{runs}  {:32} {:8.2} s", contender.name, sample.wall.as_secs_f64());
            result.samples.push(sample);
            result.output_bytes = size_of(&place.work.join(contender.output))?;
            if contender.discipline == Discipline::Restore {
                let restored = place.work.join(contender.output);
                process::run(Command::new("cmp").arg(&place.data).arg(restored))
                    .with_context(|| format!("{} did not restore the same bytes", contender.name))?;
            }
        }
    }
    Ok(results)
}

fn measure(contender: &Contender, place: &Place) -> Result<Sample> {
    let usage = place.work.join("usage");
    let mut command = place.shell("time", &["--quiet", "--format", "%M", "--output"]);
    command.arg(&usage).args(["sh", "-ec", contender.script]);
    let start = Instant::now();
    process::run(&mut command).with_context(|| contender.name)?;
    let wall = start.elapsed();
    let peak = fs::read_to_string(&usage)?;
    let peak_kib = peak.trim().parse().with_context(|| format!("`time` printed {peak}"))?;
    Ok(Sample { wall, peak_kib })
}

fn size_of(path: &Path) -> Result<u64> {
    if !path.is_dir() {
        return Ok(fs::metadata(path).with_context(|| format!("no {}", path.display()))?.len());
    }
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        bytes += size_of(&entry?.path())?;
    }
    Ok(bytes)
}
