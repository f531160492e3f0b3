//! MariaDB beside mariadb-dump, mariadb, mydumper and myloader.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use super::contest::{Contender, Discipline, Place, Server};
use super::report::{Bar, Bound, Subject};
use super::{Options, tpch};
use crate::servers::mysql::{MARIADB_10_11, Release};
use crate::servers::{Choice, Raised, Settings, State};
use crate::{process, project, workplace};

const OURS: &str = "cadangkan backup";
/// Loads what the others load.
const OUR_RESTORE: &str = "cadangkan restore --no-check";
/// Also reads all rows back and compares their fingerprints.
const PROVED_RESTORE: &str = "cadangkan restore";
const GZIP: &str = "mariadb-dump, gzip";
const PIPE: &str = "mariadb-dump, zstd -3 -T0";
const ONE_THREAD: &str = "mariadb-dump, zstd -3";
const PLAIN: &str = "mariadb-dump";
/// Debian's has zlib alone. Without ranges of rows one thread would have the largest table.
const FOLDER: &str = "mydumper -t 2 -c";
const THEIR_RESTORE: &str = "zstd -dc, mariadb";
const FOLDER_RESTORE: &str = "myloader -t 2";

/// `3 times as fast` is 0.333 of the time.
const SUBJECT: Subject = Subject {
    title: "MariaDB",
    bars: &[
        Bar::Time { ours: OURS, theirs: GZIP, at_most: 0.333 },
        Bar::Time { ours: OURS, theirs: PIPE, at_most: 0.769 },
        Bar::Time { ours: OURS, theirs: FOLDER, at_most: 1.0 },
        Bar::Size { ours: OURS, theirs: ONE_THREAD, at_most: 1.05 },
        Bar::Time { ours: OUR_RESTORE, theirs: THEIR_RESTORE, at_most: 0.5 },
        Bar::Time { ours: OUR_RESTORE, theirs: FOLDER_RESTORE, at_most: 1.0 },
        Bar::Pace { ours: OURS, at_most: 60.0 },
        Bar::Pace { ours: PROVED_RESTORE, at_most: 120.0 },
    ],
    peak_mb: 200.0,
    bound: Some(Bound { ours: OURS, uncompressed: PLAIN, compressor: ONE_THREAD }),
    programs: &[
        &["mariadb-dump", "--version"],
        &["mydumper", "--version"],
        &["gzip", "--version"],
        &["zstd", "--version"],
    ],
};

const RELEASES: &[Release] = &[MARIADB_10_11];
const SETTINGS: Settings = Settings { fsync: true, shared_buffers: "1GB" };

/// The size of TPC-H at scale 1 as a database without indexes but the primary keys; the table of documents is the rest.
const TPCH_BYTES: u64 = 1_400_000_000;
const BYTES_OF_DOCUMENT: u64 = 2_700;

pub(super) fn run(options: &Options, folder: &Path, work: PathBuf) -> Result<()> {
    workplace::install(workplace::FOR_BENCH_OF_MYSQL)?;
    let tables = tpch::tables(folder)?;
    let servers = Raised::up(Choice::mysql(RELEASES), SETTINGS, true)?;
    let state = State::read(servers.state().parent().context("the list is in a folder")?)?;
    let server = state.mysql.first().context("one server was started")?;
    let port = server.port.to_string();
    let place = Place {
        work,
        programs: vec![project::target()?.join(super::SHIPPED), server.bin.clone()],
        environment: vec![
            ("MYSQL_PWD", "pw".into()),
            // No program takes TLS to the server, as MariaDB's own of this release by themselves do not.
            ("SERVER", format!("mysql://{}@127.0.0.1:{port}", "root").into()),
            ("QUERY", "?ssl-mode=disabled".into()),
            ("WHERE", format!("--host=127.0.0.1 --port={port} --user=root").into()),
            ("TABLES", tables.into_os_string()),
            ("DOCUMENTS", documents(options.bytes).to_string().into()),
            ("SCRIPT", project::root()?.join("bench/generate_mysql.sql").into_os_string()),
        ],
        settle: "sh $WORK/settle.sh",
        verify: "sh $WORK/digest.sh restored
            diff $WORK/bench.digest $WORK/restored.digest >&2",
        server: Some(Server::Threads(server.pid)),
    };
    fs::write(place.work.join("digest.sh"), DIGEST)?;
    fs::write(place.work.join("settle.sh"), SETTLE)?;
    println!("loading the data (some minutes)");
    process::run(&mut place.shell("sh", &["-ec", LOAD]))?;
    let mut size = place.shell("sh", &["-ec", SIZE]);
    let bytes = process::capture(size.stdout(Stdio::piped()))?.trim().parse()?;
    let contenders = super::taking_part(backup().into_iter().chain(restore()), options);
    super::measure(&SUBJECT, &contenders, &place, options, bytes)?;
    servers.end()
}

const LOAD: &str = "mariadb $WHERE -e 'CREATE DATABASE bench'
cd $TABLES
mariadb $WHERE --local-infile --init-command=\"SET @documents = $DOCUMENTS\" bench < $SCRIPT
sh -e $WORK/settle.sh
mariadb $WHERE bench -e 'ANALYZE TABLE region, nation, supplier, customer, part, partsupp, orders, lineitem, documents'
sh $WORK/digest.sh bench
test -s $WORK/bench.digest";

const SIZE: &str =
    "mariadb $WHERE -BNe \"SELECT sum(file_size) FROM information_schema.innodb_sys_tablespaces
    WHERE name LIKE 'bench/%'\"";

/// What was changed is written to the tables, and the binary log begins again; a minute or two at most.
const SETTLE: &str = "set -e
mariadb $WHERE -e 'RESET MASTER; SET GLOBAL innodb_io_capacity_max = 20000;
    SET GLOBAL innodb_io_capacity = 20000, innodb_max_dirty_pages_pct = 0'
changed=\"SELECT variable_value FROM information_schema.global_status
    WHERE variable_name = 'innodb_buffer_pool_pages_dirty'\"
tries=0
while test $(mariadb $WHERE -BNe \"$changed\") -gt 100 && test $tries -lt 1000; do
    sleep 0.1
    tries=$((tries + 1))
done
mariadb $WHERE -e 'SET GLOBAL innodb_max_dirty_pages_pct = 90, innodb_io_capacity = 200;
    SET GLOBAL innodb_io_capacity_max = 2000'
";

/// Rows and their content, columns, definitions of keys and indexes, of the database that is named.
const DIGEST: &str = "set -e
mariadb $WHERE -BN $1 > $WORK/$1.full <<END
CHECKSUM TABLE region, nation, supplier, customer, part, partsupp, orders, lineitem, documents;
SELECT table_name, ordinal_position, column_name, column_type, is_nullable, column_default, collation_name
    FROM information_schema.columns WHERE table_schema = database() ORDER BY 1, 2;
SELECT table_name, index_name, seq_in_index, column_name, sub_part, non_unique, index_type
    FROM information_schema.statistics WHERE table_schema = database() ORDER BY 1, 2, 3;
SELECT table_name, constraint_name, ordinal_position, column_name, referenced_table_name, referenced_column_name
    FROM information_schema.key_column_usage WHERE table_schema = database() ORDER BY 1, 2, 3;
SELECT table_name, constraint_name, check_clause
    FROM information_schema.check_constraints WHERE constraint_schema = database() ORDER BY 1, 2;
END
sed \"s/^$1[.]//\" $WORK/$1.full > $WORK/$1.digest
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
        contender(
            GZIP,
            "rm -f $OUTPUT",
            "mariadb-dump $WHERE --single-transaction bench | gzip > $WORK/pipe.gz",
            "pipe.gz",
        ),
        contender(
            PIPE,
            "rm -f $OUTPUT",
            "mariadb-dump $WHERE --single-transaction bench | zstd -q -3 -T0 -o $WORK/pipe.zst",
            "pipe.zst",
        ),
        contender(
            ONE_THREAD,
            "rm -f $OUTPUT",
            "mariadb-dump $WHERE --single-transaction bench | zstd -q -3 --single-thread -o $WORK/one.zst",
            "one.zst",
        ),
        contender(
            PLAIN,
            "touch $OUTPUT",
            "mariadb-dump $WHERE --single-transaction bench | cat > /dev/null",
            "nothing",
        ),
        contender(
            FOLDER,
            "rm -rf $OUTPUT",
            "mydumper $WHERE --threads=2 --rows=500000 --compress --database=bench --outputdir=$WORK/folder --verbose=1",
            "folder",
        ),
        contender(
            OURS,
            "rm -rf $OUTPUT; mkdir $OUTPUT",
            "CADANGKAN_HOME=$WORK/home cadangkan backup --url $SERVER/bench$QUERY --to-dir $WORK/ours --quiet",
            "ours",
        ),
    ]
}

fn restore() -> Vec<Contender> {
    let contender = |name, script| Contender {
        discipline: Discipline::Restore,
        name,
        prepare: "mariadb $WHERE -e 'DROP DATABASE IF EXISTS restored; CREATE DATABASE restored'",
        script,
        output: "restored",
    };
    vec![
        contender(THEIR_RESTORE, "zstd -qdc $WORK/one.zst | mariadb $WHERE restored"),
        // Without its last option a server that is copied by its binary log would lose what is restored.
        contender(
            FOLDER_RESTORE,
            "myloader $WHERE --threads=2 --directory=$WORK/folder --database=restored --verbose=1 --enable-binlog",
        ),
        contender(
            OUR_RESTORE,
            "file=$(find $WORK/ours -type f -size +1M | head -n 1)
            CADANGKAN_HOME=$WORK/home cadangkan restore --no-check --file $file --to $SERVER/restored$QUERY --yes --quiet",
        ),
        contender(
            PROVED_RESTORE,
            "file=$(find $WORK/ours -type f -size +1M | head -n 1)
            CADANGKAN_HOME=$WORK/home cadangkan restore --file $file --to $SERVER/restored$QUERY --yes --quiet",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_fill_what_is_wanted() {
        assert_eq!(documents(TPCH_BYTES + 27_000), 10);
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
