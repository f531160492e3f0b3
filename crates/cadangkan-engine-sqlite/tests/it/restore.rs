//! Whole images: to a new place, over an old database, and what goes wrong on the way.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use cadangkan_core::{ErrorKind, Selection};
use cadangkan_engine::{LoadMode, LoadRequest, Piece};
use rusqlite::Connection;

use crate::support::*;

/// A database with some rows, and its image.
fn source(folder: &Path) -> Vec<u8> {
    let path = folder.join("source.db");
    drop(make(
        &path,
        "PRAGMA journal_mode = WAL; CREATE TABLE t(a); CREATE TABLE u(a);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
         INSERT INTO t SELECT randomblob(200) FROM n",
    ));
    let image = dump(&path).unwrap().image();
    std::fs::remove_file(path).unwrap();
    image
}

fn known(image: &[u8], mode: LoadMode) -> LoadRequest {
    LoadRequest { raw_bytes: Some(image.len() as u64), ..request(mode) }
}

#[test]
fn a_new_file_is_the_image_to_the_byte() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("new.db");
    let plan = plan(&target, &known(&image, LoadMode::Fresh)).unwrap();
    assert!(!plan.destructive && plan.present.is_none() && plan.needs.is_none());
    let (report, notes) = restore(&image, &target, &known(&image, LoadMode::Fresh)).unwrap();
    assert!(std::fs::read(&target).unwrap() == image);
    assert_eq!((report.tables, report.check.as_deref()), (2, Some("quick_check")));
    assert_eq!(report.image, Some(dump(&target).unwrap().fingerprint));
    assert_eq!(names_in(folder.path()), ["new.db"]);
    assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn pieces_come_in_any_order_and_each_once() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("new.db");
    let engine = engine(&target);
    controlled(|control| {
        let load = |pieces: &[(usize, usize)]| {
            let plan = engine.plan_load(&known(&image, LoadMode::Fresh), control)?;
            let mut load = engine.begin_load(&plan, control)?;
            for (begin, end) in pieces {
                let data = &image[*begin..*end];
                load.load(&Piece { raw_offset: *begin as u64, section: None, object: None, data }, control)?;
            }
            load.finish(control).and_then(|_| load.commit())
        };
        let length = image.len();
        for wrong in [
            &[(0, length - 1)][..],
            &[(1, length)],
            &[(0, 5000), (5001, length)],
            &[(0, 5000), (4999, length)],
            &[(0, length), (0, 1)],
            &[],
        ] {
            assert_eq!(with_hint(load(wrong).unwrap_err()).kind(), ErrorKind::DamagedBackup, "{wrong:?}");
            assert_eq!(names_in(folder.path()), [""; 0]);
        }
        load(&[(70_001, length), (4096, 70_001), (0, 4096)]).unwrap();
        let engine = crate::support::engine(&folder.path().join("other.db"));
        let plan = engine.plan_load(&known(&image, LoadMode::Fresh), control).unwrap();
        let past = engine.begin_load(&plan, control).unwrap();
        for raw_offset in [length as u64, u64::MAX] {
            let piece = Piece { raw_offset, section: None, object: None, data: &[1, 2] };
            assert_eq!(past.load(&piece, control).unwrap_err().kind(), ErrorKind::DamagedBackup);
        }
        past.abort().unwrap();
    });
    assert!(std::fs::read(&target).unwrap() == image);
    assert_eq!(names_in(folder.path()), ["new.db"]);
}

#[test]
fn fresh_leaves_what_is_there_alone() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("old.db");
    for content in ["database", "no database at all, but somebody's notes"] {
        match content {
            "database" => drop(make(&target, "CREATE TABLE mine(a)")),
            text => std::fs::write(&target, text).unwrap(),
        }
        let before = std::fs::read(&target).unwrap();
        let error = with_hint(restore(&image, &target, &known(&image, LoadMode::Fresh)).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(std::fs::read(&target).unwrap() == before);
        assert_eq!(names_in(folder.path()), ["old.db"]);
    }
    for empty in [true, false] {
        std::fs::remove_file(&target).unwrap();
        if empty {
            std::fs::write(&target, "").unwrap();
        } else {
            drop(make(&target, "CREATE TABLE mine(a); DROP TABLE mine"));
        }
        restore(&image, &target, &known(&image, LoadMode::Fresh)).unwrap();
        assert!(std::fs::read(&target).unwrap() == image);
        assert_eq!(names_in(folder.path()), ["old.db"]);
    }
}

#[test]
fn what_appears_after_the_plan_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("new.db");
    controlled(|control| {
        let engine = engine(&target);
        let plan = engine.plan_load(&known(&image, LoadMode::Fresh), control).unwrap();
        let mut load = engine.begin_load(&plan, control).unwrap();
        load.load(&Piece { raw_offset: 0, section: None, object: None, data: &image }, control).unwrap();
        load.finish(control).unwrap();
        drop(make(&target, "CREATE TABLE mine(a)"));
        assert_eq!(with_hint(load.commit().unwrap_err()).kind(), ErrorKind::Conflict);
        assert_eq!(engine.begin_load(&plan, control).err().unwrap().kind(), ErrorKind::Conflict);
    });
    assert_eq!(number(&target, "SELECT count(*) FROM mine"), 0);
    assert_eq!(names_in(folder.path()), ["new.db"]);
}

#[test]
fn replace_keeps_the_old_one_with_all_it_had() {
    for mode in ["wal", "delete"] {
        let folder = tempfile::tempdir().unwrap();
        let image = source(folder.path());
        let target = folder.path().join("old.db");
        // Committed rows that are in the log only, as a killed program leaves them.
        let writer = make(
            &target,
            &format!(
                "PRAGMA journal_mode = {mode}; PRAGMA wal_autocheckpoint = 0;
            CREATE TABLE mine(a); INSERT INTO mine VALUES (42)"
            ),
        );
        let log = std::fs::read(folder.path().join("old.db-wal"));
        let file = std::fs::read(&target).unwrap();
        drop(writer);
        std::fs::write(&target, file).unwrap();
        if let Ok(log) = log {
            std::fs::write(folder.path().join("old.db-wal"), log).unwrap();
        }
        std::fs::set_permissions(&target, std::fs::Permissions::from_mode(0o640)).unwrap();
        let plan = plan(&target, &known(&image, LoadMode::Replace)).unwrap();
        assert!(plan.destructive && plan.present.unwrap().contains("1 table"));
        let kept = "old.db.before-restore-2026-01-15-143022";
        assert!(plan.steps.iter().any(|step| step.contains(kept)), "{:?}", plan.steps);
        let (_, notes) = restore(&image, &target, &known(&image, LoadMode::Replace)).unwrap();
        assert!(notes.iter().any(|note| note.contains(kept)), "{notes:?}");
        assert_eq!(names_in(folder.path()), ["old.db", kept]);
        assert!(std::fs::read(&target).unwrap() == image);
        assert_eq!(number(&folder.path().join(kept), "SELECT a FROM mine"), 42);
        assert_eq!(std::fs::metadata(&target).unwrap().permissions().mode() & 0o777, 0o640);
        leftovers_are_named_and_removed(folder.path(), &target, kept);
    }
}

fn leftovers_are_named_and_removed(folder: &Path, target: &Path, kept: &str) {
    let engine = engine(target);
    let unfinished = ".old.db.restoring-00112233445566aa";
    for name in [unfinished, ".old.db.restoring-00112233445566aa.new", "old.db.before-restore-mine", "z.db"] {
        std::fs::write(folder.join(name), "x").unwrap();
    }
    controlled(|control| {
        let leftovers = engine.leftovers(control).unwrap();
        let real = std::fs::canonicalize(folder).unwrap();
        let locations: Vec<_> = leftovers.iter().map(|leftover| Path::new(&leftover.location)).collect();
        assert_eq!(locations, [real.join(unfinished), real.join(kept)]);
        assert_eq!(leftovers[0].size_bytes, 2);
        for leftover in &leftovers {
            engine.discard(leftover).unwrap();
            engine.discard(leftover).unwrap();
        }
        assert!(engine.leftovers(control).unwrap().is_empty());
        for innocent in ["z.db", "old.db", "old.db.before-restore-mine", "../old.db"] {
            let mut leftover = leftovers[0].clone();
            leftover.location = real.join(innocent).display().to_string();
            assert_eq!(with_hint(engine.discard(&leftover).unwrap_err()).kind(), ErrorKind::Usage);
        }
    });
    assert_eq!(names_in(folder), ["old.db", "old.db.before-restore-mine", "z.db"]);
}

#[test]
fn a_restore_under_way_is_no_leftover() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("new.db");
    controlled(|control| {
        let engine = engine(&target);
        let plan = engine.plan_load(&known(&image, LoadMode::Fresh), control).unwrap();
        let load = engine.begin_load(&plan, control).unwrap();
        assert_eq!(names_in(folder.path()).len(), 1);
        assert!(engine.leftovers(control).unwrap().is_empty());
        drop(load);
    });
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[test]
fn drop_old_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("old.db");
    drop(make(&target, "CREATE TABLE mine(a)"));
    let request = LoadRequest { drop_old: true, ..known(&image, LoadMode::Replace) };
    restore(&image, &target, &request).unwrap();
    assert_eq!(names_in(folder.path()), ["old.db"]);
}

#[test]
fn a_damaged_old_file_is_kept_with_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("old.db");
    let junk = vec![7; 9000];
    std::fs::write(&target, &junk).unwrap();
    std::fs::write(folder.path().join("old.db-wal"), "the last writes").unwrap();
    restore(&image, &target, &known(&image, LoadMode::Replace)).unwrap();
    assert!(std::fs::read(&target).unwrap() == image);
    let kept = folder.path().join("old.db.before-restore-2026-01-15-143022");
    assert!(std::fs::read(&kept).unwrap() == junk);
    let log = std::fs::read_to_string(folder.path().join("old.db.before-restore-2026-01-15-143022-wal"));
    assert_eq!(log.unwrap(), "the last writes");
    assert_eq!(names_in(folder.path()).len(), 3);
    assert_eq!(number(&target, "SELECT count(*) FROM t"), 2000);
}

#[test]
fn a_log_without_its_database_is_not_replayed_into_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("x.db");
    let writer =
        make(&target, "PRAGMA journal_mode = WAL; CREATE TABLE mine(a); INSERT INTO mine VALUES (1)");
    let log = std::fs::read(folder.path().join("x.db-wal")).unwrap();
    drop(writer);
    std::fs::remove_file(&target).unwrap();
    std::fs::write(folder.path().join("x.db-wal"), log).unwrap();
    let (_, notes) = restore(&image, &target, &known(&image, LoadMode::Fresh)).unwrap();
    assert_eq!(notes.len(), 1);
    assert_eq!(number(&target, "SELECT count(*) FROM t"), 2000);
    assert_eq!(integrity(&target), "ok");
}

#[test]
fn a_database_in_use_is_not_replaced() {
    for mode in ["wal", "delete"] {
        let folder = tempfile::tempdir().unwrap();
        let image = source(folder.path());
        let target = folder.path().join("old.db");
        let user = make(&target, &format!("PRAGMA journal_mode = {mode}; CREATE TABLE mine(a)"));
        // A connection in WAL mode shows that it is there; one in rollback mode only while it reads.
        user.execute_batch("BEGIN; SELECT count(*) FROM mine").unwrap();
        if mode == "wal" {
            user.execute_batch("COMMIT").unwrap();
        }
        let error = with_hint(restore(&image, &target, &known(&image, LoadMode::Replace)).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::Locked, "{error:?}");
        assert!(!names_in(folder.path()).iter().any(|name| name.contains("restor")), "{mode}");
        assert_eq!(number(&target, "SELECT count(*) FROM mine"), 0);
        drop(user);
        restore(&image, &target, &known(&image, LoadMode::Replace)).unwrap();
    }
}

#[test]
fn a_program_that_kept_the_old_file_open_cannot_harm_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("old.db");
    let idle = make(&target, "CREATE TABLE mine(a)");
    restore(&image, &target, &known(&image, LoadMode::Replace)).unwrap();
    assert!(
        idle.execute_batch("INSERT INTO mine VALUES (1)").is_err(),
        "SQLite sees that the file was moved"
    );
    assert!(std::fs::read(&target).unwrap() == image);
}

#[test]
fn a_bad_image_never_reaches_the_target() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let target = folder.path().join("old.db");
    drop(make(&target, "CREATE TABLE mine(a)"));
    let mut torn = image.clone();
    torn[4096..12_000].fill(0x55);
    let mut longer = image.clone();
    longer.extend([0; 4096]);
    let cases: [&[u8]; 6] =
        [b"x", b"SQLite format 3\0", &image[..image.len() - 4096], &longer, &torn, &[0; 8192]];
    for (number, bad) in cases.into_iter().enumerate() {
        let error = with_hint(restore(bad, &target, &request(LoadMode::Replace)).unwrap_err());
        assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{number}: {error:?}");
        assert_eq!(names_in(folder.path()), ["old.db"], "{number}");
    }
}

#[test]
fn a_full_disk_is_told_before_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new.db");
    let huge = LoadRequest { raw_bytes: Some(1 << 60), ..request(LoadMode::Fresh) };
    controlled(|control| {
        let engine = engine(&target);
        let plan = engine.plan_load(&huge, control).unwrap();
        let error = with_hint(engine.begin_load(&plan, control).err().unwrap());
        assert_eq!(error.kind(), ErrorKind::NoSpace);
    });
    assert_eq!(names_in(folder.path()), [""; 0]);
}

#[test]
fn a_target_that_cannot_be_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink("nowhere/x.db", &link).unwrap();
    for (path, kind) in [
        (folder.path().join("no/folder/x.db"), ErrorKind::NotFound),
        (folder.path().to_owned(), ErrorKind::Usage),
        (link, ErrorKind::NotFound),
    ] {
        let error = with_hint(plan(&path, &request(LoadMode::Replace)).err().unwrap());
        assert_eq!(error.kind(), kind, "{}", path.display());
    }
    let clean = LoadRequest { selection: Selection::default(), ..request(LoadMode::Clean) };
    assert_eq!(with_hint(plan(&folder.path().join("x"), &clean).err().unwrap()).kind(), ErrorKind::Usage);
}

#[test]
fn the_file_behind_a_link_is_replaced_not_the_link() {
    let folder = tempfile::tempdir().unwrap();
    let image = source(folder.path());
    let real = folder.path().join("real.db");
    drop(make(&real, "CREATE TABLE mine(a)"));
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink("real.db", &link).unwrap();
    restore(&image, &link, &known(&image, LoadMode::Replace)).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert!(std::fs::read(&real).unwrap() == image);
    let connection = Connection::open(&link).unwrap();
    let rows: i64 = connection.query_row("SELECT count(*) FROM t", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2000);
}
