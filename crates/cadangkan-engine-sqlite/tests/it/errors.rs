//! What goes wrong with a database to back up, each with its own words.

use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_engine::DumpRequest;
use rusqlite::Connection;

use crate::support::*;

fn refused(path: &Path) -> Error {
    with_hint(dump(path).unwrap_err())
}

const FILL: &str = "CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE INDEX i ON t(b);
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
    INSERT INTO t SELECT i, randomblob(100) FROM n";

fn overwrite(path: &Path, at: u64, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn paths_without_a_database() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.db");
    assert_eq!(refused(&missing).kind(), ErrorKind::NotFound);
    assert!(!missing.exists(), "looking for it does not make it");
    assert_eq!(refused(folder.path()).kind(), ErrorKind::Usage);
    assert_eq!(refused(Path::new("/dev/null")).kind(), ErrorKind::Unsupported);
    let empty = folder.path().join("empty.db");
    std::fs::write(&empty, "").unwrap();
    let error = refused(&empty);
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::DamagedSource, "the file is empty: it holds no database")
    );
    for (name, content) in [("text", &b"name,city\n"[..]), ("encrypted", &[0x93; 8192])] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        let error = refused(&path);
        assert_eq!(error.kind(), ErrorKind::DamagedSource);
        assert!(error.message().contains("not an SQLite database"), "{error:?}");
    }
}

#[test]
fn a_locked_database_says_so_after_a_bounded_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let holder = make(&path, FILL);
    holder.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = refused(&path);
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.is_retryable());
    holder.execute_batch("COMMIT").unwrap();
    dump(&path).unwrap();
}

#[test]
fn corrupt_pages_are_found_by_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(make(&path, FILL));
    overwrite(&path, 4096 * 10, &[0xff; 2048]);
    let error = refused(&path);
    assert_eq!(error.kind(), ErrorKind::DamagedSource);
    assert!(error.to_string().contains("quick_check"), "{error}");
    // Without the check the bytes are taken as they are.
    let dumped = dump_with(&path, &DumpRequest::default(), || {}).unwrap();
    assert!(dumped.image() == std::fs::read(&path).unwrap());
    assert_eq!(dumped.end.check, None);
}

#[test]
fn a_file_that_was_cut_is_refused_even_without_the_check() {
    for mode in ["delete", "wal"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        drop(make(&path, &format!("PRAGMA journal_mode = {mode}; {FILL}")));
        let whole = std::fs::read(&path).unwrap();
        for length in [100, 4096, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let error = with_hint(dump_with(&path, &DumpRequest::default(), || {}).unwrap_err());
            assert_eq!(error.kind(), ErrorKind::DamagedSource, "{mode} {length}: {error:?}");
        }
    }
}

#[test]
fn a_hot_journal_is_rolled_back_like_by_any_program() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let writer = make(&path, FILL);
    // Stop in the middle of a transaction that has written to the file already, as a crash does.
    writer
        .execute_batch("PRAGMA cache_size = 1; PRAGMA cache_spill = 1; BEGIN; UPDATE t SET b = zeroblob(100)")
        .unwrap();
    let crashed = folder.path().join("crashed.db");
    std::fs::copy(&path, &crashed).unwrap();
    std::fs::copy(folder.path().join("x.db-journal"), folder.path().join("crashed.db-journal")).unwrap();
    writer.execute_batch("ROLLBACK").unwrap();
    let dumped = dump(&crashed).unwrap();
    assert!(dumped.image() == std::fs::read(&path).unwrap());
    assert_eq!(fingerprints(&crashed), fingerprints(&path));
}

#[test]
fn a_file_that_may_not_be_read_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(make(&path, FILL));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&path).is_ok() {
        return; // The system's administrator may read everything.
    }
    assert_eq!(refused(&path).kind(), ErrorKind::Denied);
}

#[test]
fn selections_are_refused_when_dumping() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(make(&path, FILL));
    let request = DumpRequest { selection: select(&["t"]), ..DumpRequest::default() };
    controlled(|control| {
        let engine = engine(&path);
        for error in [
            engine.plan_dump(&request, control).err().unwrap(),
            engine.begin_snapshot(&request, control).err().unwrap(),
        ] {
            assert_eq!(with_hint(error).kind(), ErrorKind::Unsupported);
        }
        assert_eq!(engine.fingerprint(&select(&["u"]), control).unwrap_err().kind(), ErrorKind::NotFound);
        let info = engine.probe(control).unwrap();
        assert_eq!((info.tables, info.version.as_str()), (Some(1), rusqlite::version()));
    });
    drop(Connection::open(&path).unwrap());
}
