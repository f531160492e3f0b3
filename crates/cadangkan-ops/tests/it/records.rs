//! The catalog fails while the work does not; and files beside an archive that cannot be trusted.

use std::path::PathBuf;

use cadangkan_archive::Manifest;
use cadangkan_catalog::BackupFilter;
use cadangkan_core::ErrorKind;
use cadangkan_ops::adopt::adopt;
use cadangkan_ops::source::Source;
use cadangkan_ops::verify::VerifyLevel;

use crate::support::{World, engine, failure, fingerprints, restore_source};

impl World {
    /// Breaks a table of the catalog, as a full disk or a damaged file would.
    fn break_catalog(&self, table: &str) {
        let connection = rusqlite::Connection::open(self.folder.join("catalog.db")).unwrap();
        connection.execute_batch(&format!("PRAGMA foreign_keys = OFF; DROP TABLE {table}")).unwrap();
    }

    fn stored(&self, ending: &str) -> PathBuf {
        self.files("backups").into_iter().find(|path| path.to_string_lossy().ends_with(ending)).unwrap()
    }
}

#[test]
fn a_backup_that_cannot_be_recorded_at_all_is_not_begun() {
    let world = World::new();
    world.break_catalog("runs");
    failure(world.back_up());
    assert!(world.files("backups").is_empty());
}

#[test]
fn a_restore_goes_on_without_its_record() {
    let world = World::new();
    let expected = world.fingerprints();
    world.back_up().unwrap();
    world.break_catalog("runs");
    let target = world.folder.join("restored.db");
    world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), expected);
    world.fill(7);
    world.break_catalog("backups");
    world.restore_over().unwrap();
    assert_eq!(world.fingerprints(), expected);
}

#[test]
fn a_backup_whose_log_was_lost_is_whole_and_says_so() {
    let world = World::new();
    world.break_catalog("run_log");
    let error = failure(world.back_up());
    assert_eq!(error.kind(), ErrorKind::Partial, "{error:?}");
    assert!(error.message().contains("is done"), "{error}");
    assert_eq!(world.files("backups").len(), 3);
    assert_eq!(
        world.catalog.newest_backup(&world.name, true).unwrap().unwrap().id.to_string(),
        "2026-01-15-143022"
    );
    let runs = world.catalog.runs(&cadangkan_catalog::RunFilter::default()).unwrap();
    assert_eq!(runs[0].status, cadangkan_catalog::RunStatus::Completed);
}

#[test]
fn a_backup_that_the_catalog_could_not_take_is_adopted_later() {
    let world = World::new();
    let connection = rusqlite::Connection::open(world.folder.join("catalog.db")).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON backups BEGIN SELECT RAISE(ABORT, 'no'); END";
    connection.execute_batch(refuse).unwrap();
    let error = failure(world.back_up());
    assert_eq!(error.kind(), ErrorKind::Partial, "{error:?}");
    assert!(error.advice().unwrap().contains("adopt"), "{error:?}");
    assert_eq!(world.files("backups").len(), 3);
    connection.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(world.with_context(|context| adopt(context, world.place())).unwrap().adopted, 1);
    world.verify(VerifyLevel::Read).unwrap();
}

#[test]
fn two_archives_with_one_id_are_not_mixed_up() {
    let world = World::new();
    world.back_up().unwrap();
    let manifest = world.stored(".meta.json");
    let copy = Manifest::from_bytes(&std::fs::read(&manifest).unwrap()).unwrap();
    let file = copy.archive.file.replace("shop_manual", "other");
    let mut other = copy.clone();
    other.archive.file.clone_from(&file);
    let folder = manifest.parent().unwrap();
    std::fs::copy(folder.join(&copy.archive.file), folder.join(&file)).unwrap();
    std::fs::write(folder.join(format!("{file}.meta.json")), other.to_bytes().unwrap()).unwrap();
    let report = world.with_context(|context| adopt(context, world.place())).unwrap();
    assert_eq!((report.adopted, report.refused.len()), (1, 1), "{report:?}");
    assert_eq!(world.catalog.count_backups(&BackupFilter::default()).unwrap().0, 1);
}

#[test]
fn files_beside_an_archive_are_used_only_when_they_fit() {
    let world = World::new();
    let expected = world.fingerprints();
    world.back_up().unwrap();
    let archive = world.archive();
    let open = || world.with_context(|context| Source::file(&archive, context)).unwrap();
    assert!(open().manifest().is_some());
    let (index, manifest) = (world.stored(".index"), world.stored(".meta.json"));
    for (file, has_manifest) in [(index, true), (manifest, false)] {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        let source = open();
        assert_eq!(source.manifest().is_some(), has_manifest);
        let target = world.folder.join(format!("restored-{has_manifest}.db"));
        world.with_context(|context| restore_source(context, &source, &target)).unwrap();
        assert_eq!(fingerprints(engine(&target).as_ref()), expected);
    }
}

#[test]
fn what_is_no_archive_file_is_said_plainly() {
    let world = World::new();
    let open =
        |name: &str| world.with_context(|context| Source::file(&world.folder.join(name), context).map(drop));
    std::fs::create_dir(world.folder.join("folder")).unwrap();
    assert_eq!(failure(open("folder")).kind(), ErrorKind::Usage);
    assert_eq!(failure(open("nothing")).kind(), ErrorKind::NotFound);
    std::fs::write(world.folder.join("text"), "not a database").unwrap();
    let target = world.folder.join("restored.db");
    let error = world.with_context(|context| {
        let source = Source::file(&world.folder.join("text"), context).unwrap();
        failure(restore_source(context, &source, &target))
    });
    assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{error:?}");
    assert!(!target.exists());
}
