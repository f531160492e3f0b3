//! Images that were made to do harm.

use cadangkan_core::ErrorKind;
use cadangkan_engine::{LoadMode, LoadRequest};

use crate::support::*;

/// Writes rows into the schema that SQLite itself would never write.
fn with_schema(sql: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evil.db");
    let connection = make(&path, "CREATE TABLE t(a); INSERT INTO t VALUES (1); CREATE TABLE u(a)");
    connection.execute_batch(&format!("PRAGMA writable_schema = ON; {sql}")).unwrap();
    drop(connection);
    std::fs::read(path).unwrap()
}

fn only(table: &str) -> LoadRequest {
    LoadRequest { selection: select(&[table]), ..request(LoadMode::Fresh) }
}

#[test]
fn a_definition_that_is_something_else_is_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new.db");
    let outside = folder.path().join("outside.db");
    let attach = outside.display();
    for sql in [
        format!("UPDATE sqlite_schema SET sql = 'ATTACH ''{attach}'' AS x' WHERE name = 't'"),
        format!(
            "UPDATE sqlite_schema SET sql = sql || '; ATTACH ''{attach}'' AS x; CREATE TABLE x.y(z)' WHERE name = 't'"
        ),
        "UPDATE sqlite_schema SET sql = 'DROP TABLE u' WHERE name = 't'".to_owned(),
    ] {
        let error = restore(&with_schema(&sql), &target, &only("t")).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::DamagedBackup | ErrorKind::Io), "{sql}: {error:?}");
        assert_eq!(names_in(folder.path()), [""; 0], "{sql}");
    }
}

#[test]
fn triggers_and_views_are_carried_over_and_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evil.db");
    drop(make(
        &path,
        "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2); CREATE TABLE victim(a); INSERT INTO victim VALUES (9);
         CREATE TRIGGER harm AFTER INSERT ON t BEGIN DELETE FROM victim; END;
         CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT * FROM n;
         CREATE VIEW broken AS SELECT * FROM missing_table",
    ));
    let image = dump(&path).unwrap().image();
    let target = folder.path().join("new.db");
    drop(make(&target, "CREATE TABLE victim(a); INSERT INTO victim VALUES (1), (2)"));
    let request = LoadRequest { mode: LoadMode::Clean, ..only("t") };
    restore(&image, &target, &request).unwrap();
    assert_eq!(number(&target, "SELECT count(*) FROM victim"), 2);
    assert_eq!(number(&target, "SELECT count(*) FROM t"), 2);
    let whole = folder.path().join("whole.db");
    restore(&image, &whole, &crate::support::request(LoadMode::Fresh)).unwrap();
    assert_eq!(fingerprints(&whole), fingerprints(&path));
}

#[test]
fn random_damage_is_an_error_or_a_restore_but_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(make(
        &path,
        "PRAGMA page_size = 512; CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT UNIQUE); CREATE VIRTUAL TABLE f USING fts5(x);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)
         INSERT INTO t SELECT i, hex(randomblob(20)) FROM n; INSERT INTO f SELECT b FROM t",
    ));
    let image = std::fs::read(&path).unwrap();
    let mut seed: u64 = 42;
    let mut next = |limit: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % limit
    };
    for round in 0..60 {
        let mut bad = image.clone();
        for _ in 0..1 + round % 8 {
            // Half of the hits in the first pages, where the schema lies.
            let limit = if round % 2 == 0 { 2048 } else { bad.len() };
            let at = next(limit);
            bad[at] = u8::try_from(next(256)).unwrap();
        }
        let target = folder.path().join(format!("{round}.db"));
        let request = LoadRequest { check: round % 3 == 0, ..only(if round % 4 == 0 { "f" } else { "t" }) };
        if let Err(error) = restore(&bad, &target, &request) {
            assert_ne!(error.kind(), ErrorKind::Internal, "{error:?}");
        }
        std::fs::write(&target, &bad).unwrap();
        if let Err(error) = dump(&target) {
            assert_ne!(error.kind(), ErrorKind::Internal, "{error:?}");
        }
    }
}
