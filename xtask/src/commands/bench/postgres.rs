//! PostgreSQL beside pg_dump and pg_restore.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use super::contest::{Contender, Discipline, Place, Server};
use super::report::{Bar, Bound, Subject};
use super::{Options, tpch};
use crate::servers::{Choice, Raised, Settings, State};
use crate::{process, project};

const OURS: &str = "cadangkan backup";
/// Loads what pg_restore loads, and gathers statistics besides.
const OUR_RESTORE: &str = "cadangkan restore --no-check";
/// Also reads all rows back and compares their fingerprints.
const PROVED_RESTORE: &str = "cadangkan restore";
const CUSTOM: &str = "pg_dump -Fc";
const PIPE: &str = "pg_dump, zstd -3 -T0";
const FOLDER: &str = "pg_dump -Fd -j 2 zstd";
const ONE_THREAD: &str = "pg_dump, zstd -3";
const PLAIN: &str = "pg_dump";
const THEIR_RESTORE: &str = "pg_restore -j 2";
/// Does what ours does: statistics belong to a restore of ours.
const THEIR_WHOLE_RESTORE: &str = "pg_restore -j 2, vacuumdb -Z -j 2";

/// `2.5 times as fast` is 0.4 of the time. pgcopydb is not here: its `dump` writes definitions, no data.
const SUBJECT: Subject = Subject {
    title: "PostgreSQL",
    bars: &[
        Bar::Time { ours: OURS, theirs: CUSTOM, at_most: 0.4 },
        Bar::Time { ours: OURS, theirs: PIPE, at_most: 0.833 },
        Bar::Time { ours: OURS, theirs: FOLDER, at_most: 1.0 },
        Bar::Size { ours: OURS, theirs: ONE_THREAD, at_most: 1.05 },
        Bar::Time { ours: OUR_RESTORE, theirs: THEIR_RESTORE, at_most: 0.769 },
        Bar::Pace { ours: OURS, at_most: 60.0 },
        Bar::Pace { ours: PROVED_RESTORE, at_most: 120.0 },
    ],
    peak_mb: 200.0,
    bound: Some(Bound { ours: OURS, uncompressed: PLAIN, compressor: ONE_THREAD }),
    programs: &[&["pg_dump", "--version"], &["psql", "--version"], &["zstd", "--version"]],
};

/// The newest, whose pg_dump has parallel dumps with zstd.
const VERSION: u32 = 18;
const SETTINGS: Settings = Settings { fsync: true, shared_buffers: "1GB" };

/// The size of TPC-H at scale 1 as a database without indexes; the table of documents is the rest.
const TPCH_BYTES: u64 = 1_100_000_000;
const BYTES_OF_DOCUMENT: u64 = 2_000;

pub(super) fn run(options: &Options, folder: &Path, work: PathBuf) -> Result<()> {
    let tables = tpch::tables(folder)?;
    let servers = Raised::up(Choice::postgres(&[VERSION]), SETTINGS, true)?;
    let state = State::read(servers.state().parent().context("the list is in a folder")?)?;
    let server = state.servers.first().context("one server was started")?;
    let port = server.port.to_string();
    let place = Place {
        work,
        programs: vec![project::target()?.join(super::SHIPPED), server.bin.clone().context("no client programs")?],
        environment: vec![
            ("PGHOST", "127.0.0.1".into()),
            ("PGPORT", port.clone().into()),
            ("PGUSER", "postgres".into()),
            ("PGPASSWORD", "pw".into()),
            ("SERVER", format!("postgres://{}@127.0.0.1:{port}", "postgres").into()),
            ("TABLES", tables.into_os_string()),
            ("DOCUMENTS", documents(options.bytes).to_string().into()),
            ("SCRIPT", project::root()?.join("bench/generate_postgres.sql").into_os_string()),
        ],
        settle: "psql -Xqc CHECKPOINT",
        verify: "for database in bench restored; do psql -Xqf $WORK/digest.sql $database > $WORK/$database.digest; done
            test -s $WORK/bench.digest
            diff $WORK/bench.digest $WORK/restored.digest >&2",
        server: Some(Server::Processes(server.pid)),
    };
    fs::write(place.work.join("digest.sql"), DIGEST)?;
    println!("loading the data (some minutes)");
    process::run(&mut place.shell("sh", &["-ec", LOAD]))?;
    let mut size = place.shell("psql", &["-XqAtc", "SELECT pg_database_size('bench')"]);
    let bytes = process::capture(size.stdout(Stdio::piped()))?.trim().parse()?;
    let contenders = super::taking_part(backup().into_iter().chain(restore()), options);
    super::measure(&SUBJECT, &contenders, &place, options, bytes)?;
    servers.end()
}

const LOAD: &str = "psql -Xqc 'CREATE DATABASE bench'
psql -Xq -v ON_ERROR_STOP=1 -v documents=$DOCUMENTS -f $SCRIPT bench
psql -Xqc 'VACUUM (ANALYZE)' bench";

/// Rows and their content, definitions of keys and indexes.
const DIGEST: &str = "
SELECT format('SELECT %L, count(*), sum(hashtextextended(t::text, 0)) FROM %s t', oid::regclass, oid::regclass)
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname \\gexec
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname;
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2;
";

fn documents(bytes: u64) -> u64 {
    bytes.saturating_sub(TPCH_BYTES) / BYTES_OF_DOCUMENT
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
        contender(CUSTOM, "rm -f $OUTPUT", "pg_dump -Fc -f $WORK/custom bench", "custom"),
        contender(PIPE, "rm -f $OUTPUT", "pg_dump bench | zstd -q -3 -T0 -o $WORK/pipe.zst", "pipe.zst"),
        contender(
            FOLDER,
            "rm -rf $OUTPUT",
            "pg_dump -Fd -j 2 --compress=zstd:3 -f $WORK/folder bench",
            "folder",
        ),
        contender(
            ONE_THREAD,
            "rm -f $OUTPUT",
            "pg_dump bench | zstd -q -3 --single-thread -o $WORK/one.zst",
            "one.zst",
        ),
        contender(PLAIN, "touch $OUTPUT", "pg_dump bench | cat > /dev/null", "nothing"),
        contender(
            OURS,
            "rm -rf $OUTPUT; mkdir $OUTPUT",
            "CADANGKAN_HOME=$WORK/home cadangkan backup --url $SERVER/bench --to-dir $WORK/ours --quiet",
            "ours",
        ),
    ]
}

fn restore() -> Vec<Contender> {
    let contender = |name, script| Contender {
        discipline: Discipline::Restore,
        name,
        prepare: "psql -Xqc 'SET client_min_messages TO warning' -c 'DROP DATABASE IF EXISTS restored' -c 'CREATE DATABASE restored TEMPLATE template0'",
        script,
        output: "restored",
    };
    vec![
        contender(THEIR_RESTORE, "pg_restore -j 2 -d restored $WORK/custom"),
        contender(
            THEIR_WHOLE_RESTORE,
            "pg_restore -j 2 -d restored $WORK/custom; vacuumdb -q -Z -j 2 -d restored",
        ),
        contender(
            OUR_RESTORE,
            "file=$(find $WORK/ours -type f -size +1M | head -n 1)
            CADANGKAN_HOME=$WORK/home cadangkan restore --no-check --file $file --to $SERVER/restored --yes --quiet",
        ),
        contender(
            PROVED_RESTORE,
            "file=$(find $WORK/ours -type f -size +1M | head -n 1)
            CADANGKAN_HOME=$WORK/home cadangkan restore --file $file --to $SERVER/restored --yes --quiet",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_fill_what_is_wanted() {
        assert_eq!(documents(2_000_000_000), 450_000);
        assert_eq!(documents(1), 0);
    }

    #[test]
    fn every_bar_names_contenders_that_exist() {
        let names: Vec<&str> = backup().iter().chain(&restore()).map(|contender| contender.name).collect();
        for bar in SUBJECT.bars {
            let (Bar::Time { ours, .. } | Bar::Size { ours, .. } | Bar::Pace { ours, .. }) = bar;
            assert!(names.contains(ours), "{ours}");
            if let Bar::Time { theirs, .. } | Bar::Size { theirs, .. } = bar {
                assert!(names.contains(theirs), "{theirs}");
            }
        }
    }
}
