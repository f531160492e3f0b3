//! What a dump gives, for all shapes of database.

use std::path::Path;

use cadangkan_core::{Cancel, Control, ErrorKind, NoReporter, ObjectKind};
use cadangkan_engine::DumpRequest;
use cadangkan_testkit::FakeClock;
use rusqlite::Connection;

use crate::support::*;

const FILL: &str = "CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
    INSERT INTO t SELECT i, printf('row %d %.*c', i, i % 500, 'x') FROM n;";

/// Bytes as SQLite itself gives them, page by page.
fn by_pages(connection: &Connection) -> Vec<u8> {
    let mut statement = connection.prepare("SELECT data FROM sqlite_dbpage ORDER BY pgno").unwrap();
    let pages = statement.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    pages.flat_map(|page| page.unwrap()).collect()
}

#[test]
fn every_page_size_in_both_journal_modes() {
    for page_size in [512, 1024, 2048, 4096, 8192, 16384, 32768, 65536] {
        for mode in ["persist", "wal"] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.db");
            let writer =
                make(&path, &format!("PRAGMA page_size = {page_size}; PRAGMA journal_mode = {mode}; {FILL}"));
            writer
                .execute_batch("PRAGMA wal_autocheckpoint = 0; UPDATE t SET b = b || 'y' WHERE a % 7 = 0")
                .unwrap();
            let dumped = dump(&path).unwrap();
            assert!(dumped.image() == by_pages(&writer), "{page_size} {mode}");
            let copy = dumped.write(&folder.path().join("copy.db"));
            assert_eq!(integrity(&copy), "ok");
            assert_eq!(fingerprints(&copy), fingerprints(&path), "{page_size} {mode}");
            assert_eq!(dumped.start.attributes["page_size"], page_size);
            // Only WAL mode is a property of the file.
            let expected = if mode == "wal" { "wal" } else { "delete" };
            assert_eq!(dumped.start.attributes["journal_mode"], expected);
        }
    }
}

#[test]
fn settings_of_the_file_are_told_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    for (encoding, vacuum) in [("UTF-8", 0), ("UTF-16le", 1), ("UTF-16be", 2)] {
        let path = folder.path().join(format!("{encoding}.db"));
        let sql = format!(
            "PRAGMA encoding = '{encoding}'; PRAGMA auto_vacuum = {vacuum}; PRAGMA application_id = -7;
             PRAGMA user_version = -123456; {FILL} INSERT INTO t(b) VALUES ('αβγ 日本 🎉'); DELETE FROM t WHERE a < 2000"
        );
        drop(make(&path, &sql));
        let dumped = dump(&path).unwrap();
        assert!(dumped.image() == std::fs::read(&path).unwrap());
        let attributes = &dumped.start.attributes;
        assert_eq!((&attributes["encoding"], &attributes["auto_vacuum"]), (&encoding.into(), &vacuum.into()));
        assert_eq!(
            (&attributes["application_id"], &attributes["user_version"]),
            (&(-7).into(), &(-123_456).into())
        );
        assert_eq!(dumped.start.position["page_count"], attributes["page_count"]);
        assert_eq!(dumped.end.check.as_deref(), Some("quick_check"));
        assert_eq!(dumped.end.objects[0].rows, Some(1002));
    }
}

#[test]
fn frames_begin_at_fixed_places_and_stay_equal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("big.db");
    let writer = make(&path, "CREATE TABLE t(a INTEGER PRIMARY KEY, b)");
    let fill = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
                INSERT INTO t SELECT i, randomblob(3000) FROM n";
    writer.execute_batch(fill).unwrap();
    let first = dump(&path).unwrap();
    let again = dump(&path).unwrap();
    assert_eq!(first.frames, again.frames);
    assert_eq!(first.fingerprint, again.fingerprint);
    assert!(first.frames.len() >= 5);
    for (part, frame) in first.frames.iter().enumerate() {
        assert_eq!((frame.part, frame.rows), (part as u64, frame.data.len() as u64 / 4096));
        assert!(frame.data.len() == 4 << 20 || part == first.frames.len() - 1);
        assert_eq!(frame.object.name, "big");
    }
    writer.execute_batch("UPDATE t SET b = randomblob(3000) WHERE a = 2500").unwrap();
    let changed = dump(&path).unwrap();
    assert_ne!(changed.fingerprint, first.fingerprint);
    let differ = changed.frames.iter().zip(&first.frames).filter(|(new, old)| new != old).count();
    assert!(differ <= 2, "one changed row changed {differ} frames");
}

#[test]
fn a_log_that_was_never_checkpointed_is_in_the_dump() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let writer = make(&path, "PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0");
    writer.execute_batch(FILL).unwrap();
    let in_file = std::fs::metadata(&path).unwrap().len();
    assert!(in_file < 10_000, "all rows are in the log only");
    let alive = dump(&path).unwrap();
    assert_eq!(alive.end.objects[0].rows, Some(3000));
    // What a killed program leaves: the file and its log, without shared memory and without locks.
    let crashed = folder.path().join("crashed.db");
    std::fs::copy(&path, &crashed).unwrap();
    std::fs::copy(folder.path().join("x.db-wal"), folder.path().join("crashed.db-wal")).unwrap();
    let dead = dump(&crashed).unwrap();
    assert!(dead.image() == alive.image());
    assert_eq!(std::fs::metadata(&crashed).unwrap().len(), in_file, "a dump does not write to the database");
}

#[test]
fn no_file_is_left_beside_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(make(&path, &format!("PRAGMA journal_mode = WAL; {FILL}")));
    assert_eq!(names_in(folder.path()), ["x.db"]);
    dump(&path).unwrap();
    fingerprints(&path);
    assert_eq!(names_in(folder.path()), ["x.db"]);
}

#[test]
fn a_link_leads_to_its_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let writer = make(&path, &format!("PRAGMA journal_mode = WAL; {FILL}"));
    std::fs::create_dir(folder.path().join("links")).unwrap();
    let link = folder.path().join("links/y.db");
    std::os::unix::fs::symlink("../x.db", &link).unwrap();
    let dumped = dump(&link).unwrap();
    assert!(dumped.image() == by_pages(&writer));
    assert_eq!(dumped.frames[0].object.name, "y");
}

#[test]
fn names_that_must_be_quoted_are() {
    let folder = tempfile::tempdir().unwrap();
    // The folder's name is one that a URI would read as something else.
    let path = folder.path().join("file:x?mode=memory#%41.db");
    cadangkan_engine_sqlite::sample::create(&path, 1).unwrap();
    let dumped = dump(&path).unwrap();
    let odd = dumped
        .end
        .objects
        .iter()
        .find(|object| object.name.name == cadangkan_engine_sqlite::sample::ODD_TABLE);
    assert_eq!(odd.unwrap().rows, Some(8));
    let view = dumped.end.objects.iter().find(|object| object.name.name == "best_sellers").unwrap();
    assert_eq!((view.kind.clone(), view.rows), (ObjectKind::VIEW, None));
    let find = |name: &str| dumped.end.objects.iter().find(|object| object.name.name == name).unwrap();
    assert_eq!(find("product_search").fingerprint, None);
    assert!(find("product_search_data").fingerprint.is_some());
    let target = folder.path().join("restored ?#%.db");
    restore(&dumped.image(), &target, &request(Default::default())).unwrap();
    assert_eq!(fingerprints(&target), fingerprints(&path));
}

#[test]
fn cancelling_stops_each_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(make(&path, FILL));
    let (cancel, clock) = (Cancel::default(), FakeClock::default());
    let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &clock };
    let engine = engine(&path);
    let all = DumpRequest { check: true, fingerprints: true, ..DumpRequest::default() };
    let snapshot = engine.begin_snapshot(&all, &control).unwrap();
    cancel.cancel();
    let error = snapshot.dump(&snapshot.units()[0], &Frames::default(), &control).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(snapshot.end(&control).unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(engine.fingerprint(&select(&["t"]), &control).unwrap_err().kind(), ErrorKind::Cancelled);
}

/// Makes a file of more than 1 GiB that takes little space: most of it are holes that SQLite takes for free pages.
fn over_the_lock_byte(path: &Path) -> Connection {
    let connection = make(path, "PRAGMA page_size = 65536; CREATE TABLE t(a, b)");
    connection.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF").unwrap();
    let insert = "INSERT INTO t VALUES (?1, zeroblob(268435456))";
    for number in 0..4 {
        connection.execute(insert, [number]).unwrap();
    }
    connection.execute_batch("INSERT INTO t VALUES (5, randomblob(1000000))").unwrap();
    connection
}

#[test]
#[ignore = "writes 1 GiB: run with --ignored"]
fn the_page_that_holds_the_locks_is_zeros() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(over_the_lock_byte(&path));
    let dumped = dump_with(&path, &DumpRequest { check: true, ..DumpRequest::default() }, || {}).unwrap();
    let image = dumped.image();
    assert!(image == std::fs::read(&path).unwrap());
    let target = folder.path().join("copy.db");
    let (report, _) = restore(&image, &target, &request(Default::default())).unwrap();
    assert_eq!(report.image, Some(dumped.fingerprint));
    assert_eq!(number(&target, "SELECT sum(length(b)) FROM t"), 4 * 268_435_456 + 1_000_000);
}
