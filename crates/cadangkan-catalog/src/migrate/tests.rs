use std::process::Command;

use rusqlite::functions::FunctionFlags;

use super::*;
use crate::Catalog;

/// What a catalog of each version holds before it is brought up to date.
const ROW: &str = "INSERT INTO counters (name, value) VALUES ('test''s', 42)";

fn make(path: &Path, version: usize) -> Connection {
    let mut connection = Connection::open(path).unwrap();
    apply(&mut connection, path, &MIGRATIONS[..version]).unwrap();
    connection.execute(ROW, []).unwrap();
    connection
}

fn schema(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement =
        connection.prepare("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name").unwrap();
    statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

fn has_row(path: &Path) -> bool {
    let connection = Connection::open(path).unwrap();
    let sql = "SELECT COUNT(*) FROM counters WHERE name = 'test''s' AND value = 42";
    connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() == 1
}

fn version(path: &Path) -> usize {
    version_of(&Connection::open(path).unwrap(), path).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn every_older_version_comes_up_to_date_and_is_copied_before() {
    let place = tempfile::tempdir().unwrap();
    let fresh = place.path().join("fresh.db");
    drop(Catalog::open(&fresh).unwrap());
    assert_eq!(files(place.path()), ["fresh.db"], "a new catalog needs no copy");
    for old in 1..MIGRATIONS.len() {
        let path = place.path().join(format!("from {old}.db"));
        drop(make(&path, old));
        drop(Catalog::open(&path).unwrap());
        assert_eq!((version(&path), has_row(&path)), (MIGRATIONS.len(), true), "version {old}");
        assert_eq!(schema(&path), schema(&fresh), "version {old}");
        let copy = copy_path(&path, MIGRATIONS.len());
        assert_eq!((version(&copy), has_row(&copy)), (old, true), "version {old}");
        assert_eq!(version_in_file(&copy), Some(old));
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&copy.metadata().unwrap()) & 0o777, 0o600);
    }
    assert!(files(place.path()).iter().all(|name| !name.ends_with(".partial")));
}

#[test]
fn the_copy_holds_what_is_only_in_the_wal() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("catalog.db");
    let writer = make(&path, 1);
    writer.execute_batch("PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0").unwrap();
    writer.execute("INSERT INTO counters (name, value) VALUES ('in the wal', 1)", []).unwrap();
    drop(Catalog::open(&path).unwrap());
    let copy = Connection::open(copy_path(&path, MIGRATIONS.len())).unwrap();
    let sql = "SELECT value FROM counters WHERE name = 'in the wal'";
    assert_eq!(copy.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn a_migration_that_fails_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("catalog.db");
    let mut connection = make(&path, 1);
    let migrations = [MIGRATIONS[0], "CREATE TABLE half (a TEXT); DELETE FROM counters; CREATE nonsense"];
    apply(&mut connection, &path, &migrations).unwrap_err();
    drop(connection);
    assert_eq!((version(&path), has_row(&path)), (1, true));
    assert!(!schema(&path).iter().any(|sql| sql.contains("half")));
}

/// The child of the next test: a migration that kills its own process in the middle.
fn migrate_and_die(path: &Path) {
    let mut connection = Connection::open(path).unwrap();
    let die = |_: &rusqlite::functions::Context<'_>| -> rusqlite::Result<i64> { std::process::abort() };
    connection.create_scalar_function("die", 0, FunctionFlags::SQLITE_UTF8, die).unwrap();
    let migrations = [MIGRATIONS[0], "CREATE TABLE half (a TEXT); DELETE FROM counters; SELECT die();"];
    let _ = apply(&mut connection, path, &migrations);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "a test tells its own child what to do")]
fn a_process_killed_in_a_migration_leaves_the_old_catalog() {
    if let Some(path) = std::env::var_os("CADANGKAN_TEST_CHILD") {
        return migrate_and_die(Path::new(&path));
    }
    let place = tempfile::tempdir().unwrap();
    for journal_mode in ["DELETE", "WAL"] {
        let path = place.path().join(journal_mode);
        let connection = make(&path, 1);
        connection.execute_batch(&format!("PRAGMA journal_mode = {journal_mode}")).unwrap();
        drop(connection);
        let test = "migrate::tests::a_process_killed_in_a_migration_leaves_the_old_catalog";
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env("CADANGKAN_TEST_CHILD", &path)
            .output()
            .unwrap();
        assert_eq!(child.status.code(), None, "the child was not killed");
        assert_eq!(version_in_file(&copy_path(&path, 2)), Some(1), "the child died before the migration");
        assert_eq!((version(&path), has_row(&path)), (1, true));
        drop(Catalog::open(&path).unwrap());
        assert_eq!((version(&path), has_row(&path)), (MIGRATIONS.len(), true));
    }
}

#[test]
fn processes_that_come_at_once_migrate_once() {
    let place = tempfile::tempdir().unwrap();
    for old in [0, 1] {
        let path = place.path().join(format!("{old}.db"));
        if old > 0 {
            drop(make(&path, old));
        }
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| Catalog::open(&path).unwrap());
            }
        });
        assert_eq!(version(&path), MIGRATIONS.len());
        let copy = copy_path(&path, MIGRATIONS.len());
        assert_eq!(version_in_file(&copy), (old > 0).then_some(old));
    }
}

#[test]
fn no_copy_no_migration() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("catalog.db");
    drop(make(&path, 1));
    std::fs::create_dir(place.path().join(format!("catalog.db.before-v{}.partial", MIGRATIONS.len())))
        .unwrap();
    let error = Catalog::open(&path).unwrap_err();
    assert!(error.advice().unwrap().contains("unchanged"), "{error:?}");
    assert_eq!(version(&path), 1);
}

#[test]
fn a_newer_catalog_is_refused_with_a_command_that_brings_the_older_one_back() {
    let place = tempfile::Builder::new().prefix("it's a folder ").tempdir().unwrap();
    let path = place.path().join("catalog.db");
    drop(make(&path, MIGRATIONS.len()));
    let newer = MIGRATIONS.len() + 2;
    for (copy, version) in [(newer, newer - 1), (newer - 1, MIGRATIONS.len()), (newer - 2, 1)] {
        std::fs::copy(&path, copy_path(&path, copy)).unwrap();
        let copy = Connection::open(copy_path(&path, copy)).unwrap();
        copy.execute_batch(&format!("PRAGMA user_version = {version}")).unwrap();
    }
    std::fs::write(place.path().join("catalog.db.before-v1"), "not a database").unwrap();
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch(&format!("DELETE FROM counters; PRAGMA user_version = {newer}")).unwrap();
    drop(connection);
    let before = std::fs::read(&path).unwrap();

    let error = Catalog::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(std::fs::read(&path).unwrap(), before, "a newer catalog was changed");
    let hint = error.advice().unwrap();
    let (_, command) = hint.split_once("run: ").unwrap();
    assert!(Command::new("sh").args(["-c", command]).status().unwrap().success(), "{command}");
    drop(Catalog::open(&path).unwrap());
    assert!(has_row(&path));
}

#[test]
fn a_newer_catalog_without_a_copy_is_refused_too() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("catalog.db");
    make(&path, 1).pragma_update(None, "user_version", 99).unwrap();
    let error = Catalog::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.advice().unwrap().contains("cadangkan adopt"), "{error:?}");
}
