//! SQLite beside zstd and sqlite3.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::Options;
use super::contest::{Contender, Discipline, Place};
use super::report::{Bar, Subject};
use crate::{process, project};

const SUBJECT: Subject = Subject {
    title: "SQLite",
    bars: &[
        Bar::Time { ours: "cadangkan backup --no-check", theirs: "zstd -3 -T0", at_most: 1.15 },
        Bar::Time {
            ours: "cadangkan backup --no-check",
            theirs: "sqlite3 .backup, zstd -3 -T0",
            at_most: 1.0,
        },
        Bar::Time { ours: "cadangkan restore --no-check", theirs: "zstd -d, sync", at_most: 1.25 },
    ],
    peak_mb: 150.0,
    bound: None,
    programs: &[&["zstd", "--version"], &["sqlite3", "--version"]],
};

pub(super) fn run(options: &Options, folder: &Path, work: PathBuf) -> Result<()> {
    let data = data(folder, options)?;
    let bytes = fs::metadata(&data)?.len();
    let place = Place {
        work,
        programs: vec![project::target()?.join(super::SHIPPED)],
        environment: vec![("DATA", data.into_os_string())],
        settle: "cat $DATA > /dev/null",
        verify: "cmp $DATA $OUTPUT",
        server: None,
    };
    let contenders = super::taking_part(backup().into_iter().chain(restore()), options);
    super::measure(&SUBJECT, &contenders, &place, options, bytes)
}

fn backup() -> Vec<Contender> {
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

fn restore() -> Vec<Contender> {
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

/// Returns the database to measure on, made once and kept in the cache folder.
pub(super) fn data(folder: &Path, options: &Options) -> Result<PathBuf> {
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
