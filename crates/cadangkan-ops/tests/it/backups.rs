//! What a good backup leaves behind.

use cadangkan_archive::{Codec, CodecKind, Manifest};
use cadangkan_catalog::{BackupFilter, RunFilter, RunKind, RunStatus};
use cadangkan_core::{ErrorKind, Name};
use cadangkan_ops::Place;
use cadangkan_ops::backup::{BackupRequest, backup, plan};
use cadangkan_ops::source::Wanted;
use cadangkan_ops::stored::{delete, locate, preserve};
use cadangkan_ops::verify::VerifyLevel;
use cadangkan_storage::{Local, Memory};

use crate::support::{World, engine, failure, fingerprints, request};

#[test]
fn every_codec_makes_a_backup_that_restores_equal() {
    let world = World::new();
    for kind in CodecKind::ALL {
        world.clock.advance(1);
        let codec = Codec::new(kind, None).unwrap();
        let report = world.back_up_with(&BackupRequest { codec, ..request() }).unwrap();
        assert_eq!(report.manifest.archive.codec, kind);
        let target = world.folder.join(format!("restored-{kind}.db"));
        world.restore_to(&target).unwrap();
        assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints(), "{kind}");
        // The plain path: whoever wants can compare the files themselves.
        assert!(world.verify(VerifyLevel::Read).is_ok());
    }
}

#[test]
fn what_is_written_is_what_is_documented() {
    let world = World::new();
    let report = world.back_up().unwrap();
    let manifest = &report.manifest;
    let files: Vec<_> = world
        .files("backups")
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let archive = &manifest.archive.file;
    assert_eq!(files, [archive.clone(), format!("{archive}.index"), format!("{archive}.meta.json")]);
    assert!(
        archive.starts_with("shop_manual_20260115_143022_") && archive.ends_with(".sqlite.zst"),
        "{archive}"
    );
    assert!(world.archive().starts_with(world.folder.join("backups/shop/2026/01")));
    assert_eq!(manifest.backup_id.to_string(), "2026-01-15-143022");
    assert_eq!(manifest.tables_count, 2);
    assert_eq!(manifest.check.as_deref(), Some("quick_check"));
    assert_eq!(manifest.encryption.cipher, "none");
    let stored = std::fs::read(world.archive().with_file_name(format!("{archive}.meta.json"))).unwrap();
    assert_eq!(&Manifest::from_bytes(&stored).unwrap(), manifest);
    let size = std::fs::metadata(world.archive()).unwrap().len();
    assert_eq!(
        (manifest.archive.size_bytes, manifest.archive.raw_bytes),
        (size, std::fs::metadata(world.file()).unwrap().len())
    );
}

#[test]
fn the_run_is_recorded_with_its_steps() {
    let world = World::new();
    let report = world.back_up().unwrap();
    let runs = world.catalog.runs(&RunFilter::default()).unwrap();
    let [run] = &runs[..] else { panic!("{runs:?}") };
    assert_eq!((run.kind, run.status), (RunKind::Backup, RunStatus::Completed));
    assert_eq!(run.backup_id, Some(report.manifest.backup_id));
    assert_eq!(run.progress.as_ref().unwrap().bytes, report.manifest.archive.raw_bytes);
    let log: Vec<_> = world.catalog.run_log(run.id).unwrap().into_iter().map(|line| line.message).collect();
    for step in [
        "check storages",
        "begin snapshot",
        "dump",
        "check the snapshot",
        "close archive",
        "read back",
        "seal manifest",
        "commit",
    ] {
        assert!(log.iter().any(|line| line == step), "{step}: {log:?}");
    }
}

#[test]
fn two_in_one_second_have_two_ids() {
    let world = World::new();
    let first = world.back_up().unwrap().manifest.backup_id;
    let second = world.back_up().unwrap().manifest.backup_id;
    assert_eq!(
        (first.to_string(), second.to_string()),
        ("2026-01-15-143022".into(), "2026-01-15-143022-2".into())
    );
    assert_eq!(world.catalog.count_backups(&BackupFilter::default()).unwrap().0, 2);
}

#[test]
fn an_empty_database_and_one_with_fingerprints() {
    let world = World::new();
    world.fill(0);
    let mut request = request();
    request.dump.fingerprints = true;
    let report = world.back_up_with(&request).unwrap();
    let tables: Vec<_> =
        report.manifest.objects.iter().filter(|object| object.fingerprint.is_some()).collect();
    assert_eq!(tables.len(), 3, "the image and two tables: {tables:?}");
    let target = world.folder.join("restored.db");
    world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), world.fingerprints());
}

#[test]
fn several_storages_get_the_same() {
    let world = World::new();
    let other = (Name::new("other").unwrap(), Memory::default());
    let places = [world.place(), Place { name: &other.0, storage: &other.1 }];
    let report =
        world.with_context(|context| backup(context, world.database(), &places, &request())).unwrap();
    assert_eq!(report.copies.len(), 2);
    let copies = world.with_context(|context| locate(context, &world.name, Wanted::Newest, &places)).unwrap();
    assert_eq!(copies.len(), 2);
    assert_eq!(copies[0].manifest, copies[1].manifest);
}

#[test]
fn a_dry_run_leaves_nothing() {
    let world = World::new();
    let plan =
        world.with_context(|context| plan(context, world.database(), &[world.place()], &request())).unwrap();
    assert_eq!(plan.dump.estimated_bytes, Some(std::fs::metadata(world.file()).unwrap().len()));
    assert!(!world.folder.join("backups").exists());
    assert!(world.catalog.runs(&RunFilter::default()).unwrap().is_empty());
}

#[test]
fn preserved_ones_are_not_deleted() {
    let world = World::new();
    let id = world.back_up().unwrap().manifest.backup_id;
    let places = [world.place()];
    world.with_context(|context| {
        preserve(context, &world.name, id, &places, true).unwrap();
        let error = failure(delete(context, &world.name, id, &places));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(world.files("backups").len(), 3);
        assert!(world.catalog.newest_backup(&world.name, true).unwrap().unwrap().preserved);
        preserve(context, &world.name, id, &places, false).unwrap();
        delete(context, &world.name, id, &places).unwrap();
    });
    assert!(world.files("backups").is_empty());
    assert!(world.catalog.newest_backup(&world.name, false).unwrap().is_none());
    let error = failure(world.restore_to(&world.folder.join("restored.db")));
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_copy_that_cannot_be_reached_is_named_when_the_others_are_deleted_or_marked() {
    let world = World::new();
    let (folder, name) = (world.folder.join("usb"), Name::new("usb").unwrap());
    let usb = Local::new(&folder);
    let places = [Place { name: &name, storage: &usb }, world.place()];
    let report =
        world.with_context(|context| backup(context, world.database(), &places, &request())).unwrap();
    let id = report.manifest.backup_id;
    std::fs::rename(&folder, world.folder.join("away")).unwrap();
    world.with_context(|context| {
        assert_eq!(preserve(context, &world.name, id, &places, true).unwrap(), std::slice::from_ref(&name));
        assert_eq!(preserve(context, &world.name, id, &places, false).unwrap(), std::slice::from_ref(&name));
        let error = failure(delete(context, &world.name, id, &places));
        assert_eq!(error.kind(), ErrorKind::Partial);
        assert!(error.to_string().contains("is still in 1 of 2 storages"), "{error}");
        assert!(error.facts().iter().any(|(_, value)| value.starts_with("usb: ")), "{error:?}");
    });
    assert!(world.files("backups").is_empty());
    let left = world.catalog.backup_copies(&world.name, id).unwrap();
    assert_eq!(left.iter().map(|copy| &copy.storage).collect::<Vec<_>>(), [&name]);
    std::fs::rename(world.folder.join("away"), &folder).unwrap();
    world.with_context(|context| delete(context, &world.name, id, &places)).unwrap();
    assert!(world.files("usb").is_empty());
}
