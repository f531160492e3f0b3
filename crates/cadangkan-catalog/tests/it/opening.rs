use std::fs;
use std::path::Path;

use cadangkan_catalog::{BackupFilter, Catalog};
use cadangkan_core::{Error, ErrorKind};

use crate::support::{at, backup, catalog, name};

fn refused(path: &Path) -> Error {
    let used = || -> Result<(), Error> {
        let catalog = Catalog::open(path)?;
        catalog.backups(&BackupFilter::default())?;
        catalog.run_log(cadangkan_core::RunId(1))?;
        Ok(())
    };
    used().unwrap_err()
}

fn assert_rebuild_is_told(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::Io, "{error:?}");
    assert!(error.message().contains("damaged"), "{error:?}");
    assert!(error.advice().unwrap().contains("cadangkan adopt <storage>"), "{error:?}");
}

#[test]
#[cfg(unix)]
fn files_are_0600_and_folders_0700() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("new/folder/catalog.db");
    let catalog = Catalog::open(&path).unwrap();
    catalog.record_backup(&backup("shop", 0)).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for file in ["catalog.db", "catalog.db-wal", "catalog.db-shm"] {
        assert_eq!(mode(&path.with_file_name(file)), 0o600, "{file}");
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&place.path().join("new")), 0o700);
    assert_eq!(catalog.path(), path);
}

#[test]
fn what_was_saved_is_there_after_the_process_is_gone() {
    let (place, catalog) = catalog();
    catalog.record_backup(&backup("shop", 0)).unwrap();
    // Without a clean end, as after a kill.
    std::mem::forget(catalog);
    let catalog = Catalog::open(&place.path().join("catalog.db")).unwrap();
    assert!(catalog.backup_exists(&name("shop"), backup("shop", 0).id).unwrap());
}

#[test]
fn garbage_is_told_and_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("catalog.db");
    let garbage =
        b"this is not a database, but it is long enough to be taken for a header of one ".repeat(100);
    fs::write(&path, &garbage).unwrap();
    assert_rebuild_is_told(&refused(&path));
    assert_eq!(fs::read(&path).unwrap(), garbage);
}

#[test]
fn a_damaged_catalog_is_told_when_it_is_read() {
    let (place, catalog) = catalog();
    let path = place.path().join("catalog.db");
    let records: Vec<_> = (0..500).map(|second| backup("shop", second)).collect();
    catalog.record_backups(&records).unwrap();
    drop(catalog);
    let whole = fs::read(&path).unwrap();
    // Every page but the first is overwritten, or half of the file is gone.
    let mut overwritten = whole.clone();
    overwritten[4096..].fill(0xa5);
    for damaged in [&overwritten[..], &whole[..whole.len() / 2 / 4096 * 4096]] {
        fs::write(&path, damaged).unwrap();
        assert_rebuild_is_told(&refused(&path));
    }
}

#[test]
fn values_that_make_no_sense_are_told() {
    let (place, catalog) = catalog();
    let path = place.path().join("catalog.db");
    catalog.record_backup(&backup("shop", 0)).unwrap();
    for nonsense in [
        "status = 'splendid'",
        "size_bytes = -1",
        "created_at = 9223372036854775807",
        "tags = '{'",
        "backup_id = 'yesterday'",
        "database = '../shop'",
        "engine = x'ff'",
        "preserved = 'perhaps'",
    ] {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("DELETE FROM backups").unwrap();
        catalog.record_backup(&backup("shop", 0)).unwrap();
        connection.execute_batch(&format!("UPDATE backups SET {nonsense}")).unwrap();
        assert_rebuild_is_told(&catalog.backups(&BackupFilter::default()).unwrap_err());
    }
}

#[test]
fn a_database_of_another_program_is_left_alone() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("catalog.db");
    for foreign in ["CREATE TABLE runs (a)", "CREATE TABLE IF NOT EXISTS runs (a); PRAGMA user_version = 3"] {
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch(foreign).unwrap();
        drop(connection);
        let before = fs::read(&path).unwrap();
        let error = refused(&path);
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.advice().unwrap().contains("move it away"), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_folder_in_its_place_and_a_file_in_its_folders_place_are_told() {
    let place = tempfile::tempdir().unwrap();
    assert!(refused(place.path()).advice().is_some());
    fs::write(place.path().join("file"), "").unwrap();
    assert!(refused(&place.path().join("file/catalog.db")).advice().is_some());
}

#[test]
fn an_empty_file_becomes_a_catalog() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("catalog.db"), "").unwrap();
    let catalog = Catalog::open(&place.path().join("catalog.db")).unwrap();
    assert_eq!(catalog.count_backups(&BackupFilter::default()).unwrap(), (0, 0));
}

#[test]
fn vacuum_keeps_everything_and_gives_room_back() {
    let (place, catalog) = catalog();
    let path = place.path().join("catalog.db");
    let records: Vec<_> = (0..3000).map(|second| backup("shop", second)).collect();
    catalog.record_backups(&records).unwrap();
    catalog.vacuum().unwrap();
    let full = fs::metadata(&path).unwrap().len();
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute("DELETE FROM backups WHERE created_at > ?1", [at(0).as_microsecond()]).unwrap();
    drop(connection);
    catalog.vacuum().unwrap();
    assert!(fs::metadata(&path).unwrap().len() < full / 2);
    assert_eq!(catalog.backups(&BackupFilter::default()).unwrap(), records[..1]);
}
