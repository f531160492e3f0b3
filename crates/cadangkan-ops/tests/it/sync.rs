//! Copies that are missing, made from those that are there.

use std::sync::Arc;
use std::time::Duration;

use cadangkan_catalog::{BackupStatus, RunFilter, RunStatus};
use cadangkan_core::{BackupId, ErrorKind, Name, Result};
use cadangkan_ops::backup::backup;
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::sync::{Goal, SyncReport, copy_out, plan, sync};
use cadangkan_ops::verify::{VerifyLevel, verify};
use cadangkan_ops::{Context, Place};
use cadangkan_storage::faulty::{Fault, Faulty, Operation};
use cadangkan_storage::{Local, Storage};

use crate::retention::{daily, one};
use crate::support::{World, engine, failure, fingerprints, request, restore_source};

/// Home with backups, and another storage.
struct Two {
    world: World,
    usb_name: Name,
    usb: Arc<dyn Storage>,
}

impl Two {
    fn with_backups(count: u32) -> (Self, Vec<BackupId>) {
        let world = World::new();
        let ids = (0..count).map(|_| {
            world.clock.advance(3600);
            world.back_up().unwrap().manifest.backup_id
        });
        let ids = ids.collect();
        let usb = Arc::new(Local::new(world.folder.join("usb")));
        (Two { usb_name: Name::new("usb").unwrap(), usb, world }, ids)
    }

    /// Copies what `usb` lacks, through a script of faults.
    fn sync(&self, script: Vec<Fault>, after: Option<Duration>) -> Result<SyncReport> {
        let faulty = Faulty::new(Arc::clone(&self.usb), script);
        let usb = Place { name: &self.usb_name, storage: &faulty };
        let goals = [
            Goal { place: self.world.place(), after: None, rules: None },
            Goal { place: usb, after, rules: None },
        ];
        let sources = [self.world.place(), usb];
        let done = self.world.with_context(|context| sync(context, &self.world.name, &sources, &goals, None));
        faulty.assert_all_fired();
        done
    }

    /// Whether both storages have the same files with the same bytes.
    fn are_equal(&self) -> bool {
        let content = |folder: &str| -> Vec<_> {
            let root = self.world.folder.join(folder);
            let file = |path: &std::path::PathBuf| {
                (path.strip_prefix(&root).unwrap().to_owned(), std::fs::read(path).unwrap())
            };
            self.world.files(folder).iter().map(file).collect()
        };
        content("backups") == content("usb")
    }

    fn status_at(&self, storage: &str, id: BackupId) -> Option<BackupStatus> {
        let copies = self.world.catalog.backup_copies(&self.world.name, id).unwrap();
        copies.iter().find(|copy| copy.storage.as_str() == storage).map(|copy| copy.status)
    }

    fn archive_of(&self, folder: &str, nth: usize) -> std::path::PathBuf {
        let archives = self
            .world
            .files(folder)
            .into_iter()
            .filter(|path| path.extension().is_some_and(|end| end == "zst"));
        archives.collect::<Vec<_>>()[nth].clone()
    }

    fn last_status(&self) -> RunStatus {
        let filter = RunFilter { limit: Some(1), ..RunFilter::default() };
        self.world.catalog.runs(&filter).unwrap()[0].status
    }
}

#[test]
fn what_is_missing_is_copied_once_and_restores_alone() {
    let (two, ids) = Two::with_backups(3);
    let places = [two.world.place(), Place { name: &two.usb_name, storage: two.usb.as_ref() }];
    let goals = places.map(|place| Goal { place, after: None, rules: None });
    let planned =
        two.world.with_context(|context| plan(context, &two.world.name, &places, &goals, None)).unwrap();
    let missing: Vec<_> = planned.missing.iter().map(|copy| (copy.backup_id, copy.to.as_str())).collect();
    assert_eq!(missing, ids.iter().map(|id| (*id, "usb")).collect::<Vec<_>>());
    assert!(two.world.files("usb").is_empty(), "a plan writes nothing");

    let report = two.sync(Vec::new(), None).unwrap();
    assert_eq!((report.copied.len(), report.failed.len(), report.waiting), (3, 0, 0), "{report:?}");
    assert!(two.are_equal() && two.last_status() == RunStatus::Completed);
    assert!(ids.iter().all(|id| two.status_at("usb", *id) == Some(BackupStatus::Good)));
    assert!(two.sync(Vec::new(), None).unwrap().copied.is_empty());
    // What was gone from the first storage comes back from the second one.
    std::fs::remove_dir_all(two.world.folder.join("backups")).unwrap();
    std::fs::create_dir(two.world.folder.join("backups")).unwrap();
    assert_eq!(two.sync(Vec::new(), None).unwrap().copied.len(), 3);
    assert!(two.are_equal());
    let target = two.world.folder.join("restored.db");
    two.world.with_context(|context| {
        let alone = Context { catalog: None, ..*context };
        let source = Source::stored(&alone, &two.world.name, Wanted::Newest, &places[1..]).unwrap();
        restore_source(context, &source, &target).unwrap();
    });
    assert_eq!(fingerprints(engine(&target).as_ref()), two.world.fingerprints());
}

#[test]
fn a_target_that_fails_at_any_step_has_nothing_and_gets_it_the_next_time() {
    let (two, _) = Two::with_backups(1);
    let fail = |operation, kind, suffix: &str| (Fault::fail(operation, kind).on(suffix), kind);
    for (fault, kind) in [
        fail(Operation::Check, ErrorKind::Unreachable, ""),
        fail(Operation::BeginWrite, ErrorKind::Denied, ".zst"),
        (Fault::fail(Operation::Write, ErrorKind::NoSpace).on(".zst").nth(5), ErrorKind::NoSpace),
        (Fault::short_write(ErrorKind::Unreachable).on(".zst"), ErrorKind::Unreachable),
        fail(Operation::Close, ErrorKind::Io, ".zst"),
        (Fault::flip_written(10_000).on(".zst"), ErrorKind::DamagedBackup),
        (Fault::truncate(10_000).on(".zst"), ErrorKind::DamagedBackup),
        (Fault::flip_read(12).on(".zst"), ErrorKind::DamagedBackup),
        fail(Operation::Write, ErrorKind::NoSpace, ".index"),
        (Fault::flip_written(3).on(".index"), ErrorKind::DamagedBackup),
        fail(Operation::Close, ErrorKind::Io, ".meta.json"),
        (Fault::flip_written(3).on(".meta.json"), ErrorKind::DamagedBackup),
    ] {
        let report = two.sync(vec![fault.clone()], None).unwrap();
        assert!(report.copied.is_empty() && report.failed.len() == 1, "{fault:?}: {report:?}");
        assert_eq!(
            (report.failed[0].storage.as_str(), report.failed[0].code),
            ("usb", kind.code()),
            "{fault:?}"
        );
        assert_eq!(report.error().unwrap().kind(), ErrorKind::Partial);
        assert!(two.world.files("usb").is_empty(), "{fault:?}");
        assert_eq!(two.last_status(), RunStatus::Partial);
    }
    assert_eq!(two.sync(Vec::new(), None).unwrap().copied.len(), 1);
    assert!(two.are_equal());
}

#[test]
fn an_archive_that_an_interrupted_copy_left_is_not_sent_again_unless_it_is_another() {
    let (two, _) = Two::with_backups(1);
    let script = vec![
        Fault::fail(Operation::Write, ErrorKind::Unreachable).on(".index"),
        Fault::fail(Operation::Delete, ErrorKind::Unreachable).on(".zst"),
    ];
    let report = two.sync(script, None).unwrap();
    assert!(report.failed[0].message.contains("not removed"), "{report:?}");
    assert_eq!(two.world.files("usb").len(), 1);
    // A write of the archive would fail.
    let usb = Faulty::new(
        Arc::clone(&two.usb),
        [Fault::fail(Operation::BeginWrite, ErrorKind::Internal).on(".zst")],
    );
    let usb = Place { name: &two.usb_name, storage: &usb };
    let (sources, goals) = ([two.world.place()], [Goal { place: usb, after: None, rules: None }]);
    let report = two.world.with_context(|context| sync(context, &two.world.name, &sources, &goals, None));
    assert_eq!(report.unwrap().copied.len(), 1);
    assert!(two.are_equal());

    // Other bytes of the same length are no reason to trust them.
    let archive = two.archive_of("usb", 0);
    let length = std::fs::metadata(&archive).unwrap().len();
    std::fs::remove_file(archive.with_extension("zst.meta.json")).unwrap();
    std::fs::write(&archive, vec![0; usize::try_from(length).unwrap()]).unwrap();
    assert_eq!(two.sync(Vec::new(), None).unwrap().copied.len(), 1);
    assert!(two.are_equal());
    // Nor is a manifest whose archive is gone a backup.
    std::fs::remove_file(&archive).unwrap();
    assert_eq!(two.sync(Vec::new(), None).unwrap().copied.len(), 1);
    assert!(two.are_equal());
}

#[test]
fn a_damaged_copy_is_never_copied() {
    let (two, ids) = Two::with_backups(2);
    let archive = two.archive_of("backups", 0);
    let whole = std::fs::read(&archive).unwrap();
    let mut bytes = whole.clone();
    bytes[5000] ^= 1;
    std::fs::write(&archive, &bytes).unwrap();
    let report = two.sync(Vec::new(), None).unwrap();
    // The other backup is copied all the same.
    assert_eq!((report.copied.len(), report.failed.len()), (1, 1), "{report:?}");
    assert!(report.failed[0].message.contains(&ids[0].to_string()), "{report:?}");
    assert_eq!(two.world.files("usb").len(), 3);
    assert_eq!(two.status_at("home", ids[0]), Some(BackupStatus::Damaged));

    // With a third storage that has it whole, that one is taken.
    std::fs::write(&archive, &whole).unwrap();
    let third_name = Name::new("third").unwrap();
    let third = Local::new(two.world.folder.join("third"));
    let third = Place { name: &third_name, storage: &third };
    let goal = [Goal { place: third, after: None, rules: None }];
    let sources = [two.world.place()];
    two.world.with_context(|context| sync(context, &two.world.name, &sources, &goal, None)).unwrap();
    std::fs::write(&archive, &bytes).unwrap();
    let usb = Place { name: &two.usb_name, storage: two.usb.as_ref() };
    let (sources, goal) = ([two.world.place(), third], [Goal { place: usb, after: None, rules: None }]);
    let report =
        two.world.with_context(|context| sync(context, &two.world.name, &sources, &goal, None)).unwrap();
    assert_eq!((report.copied.len(), report.failed.len()), (1, 0), "{report:?}");
    std::fs::write(&archive, &whole).unwrap();
    assert!(two.are_equal());
}

#[test]
fn what_is_too_young_waits() {
    let (two, ids) = Two::with_backups(2);
    // The first is an hour old, the second was just made.
    let after = Some(Duration::from_secs(1800));
    let report = two.sync(Vec::new(), after).unwrap();
    assert_eq!((report.copied.len(), report.waiting), (1, 1));
    assert_eq!(report.copied[0].backup_id, ids[0]);
    two.world.clock.advance(1801);
    let report = two.sync(Vec::new(), after).unwrap();
    assert_eq!((report.copied.len(), report.waiting), (1, 0));
    assert!(two.are_equal());
}

#[test]
fn one_backup_is_copied_by_its_id_also_into_a_folder() {
    let (two, ids) = Two::with_backups(2);
    let usb = Place { name: &two.usb_name, storage: two.usb.as_ref() };
    let (sources, goals) = ([two.world.place()], [Goal { place: usb, after: None, rules: None }]);
    let copied =
        |id| two.world.with_context(|context| sync(context, &two.world.name, &sources, &goals, Some(id)));
    assert_eq!(copied(ids[1]).unwrap().copied.len(), 1);
    assert!(copied(ids[1]).unwrap().copied.is_empty());
    assert_eq!(failure(copied("2001-01-01-000000".parse().unwrap())).kind(), ErrorKind::NotFound);

    let folder = Local::new(two.world.folder.join("folder"));
    let name = Name::new("to-dir").unwrap();
    let place = Place { name: &name, storage: &folder };
    let out =
        || two.world.with_context(|context| copy_out(context, &two.world.name, ids[0], &sources, place));
    let key = out().unwrap();
    let names: Vec<_> =
        two.world.files("folder").iter().map(|path| path.file_name().unwrap().to_owned()).collect();
    assert_eq!(names.len(), 3);
    assert_eq!(names[0].to_str(), Some(key.as_str()));
    assert_eq!(out().unwrap(), key, "again is the same");
    let file = two.world.folder.join("folder").join(key.as_str());
    let target = two.world.folder.join("restored.db");
    two.world.with_context(|context| {
        let source = Source::file(&file, context).unwrap();
        assert_eq!(source.manifest().unwrap().backup_id, ids[0]);
        restore_source(context, &source, &target).unwrap();
    });
    assert_eq!(fingerprints(engine(&target).as_ref()), two.world.fingerprints());

    // What is somebody else's is not touched.
    std::fs::write(&file, "mine").unwrap();
    assert_eq!(failure(out()).kind(), ErrorKind::Conflict);
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
}

#[test]
fn an_older_backup_never_stands_in_for_one_that_is_away() {
    let (two, ids) = Two::with_backups(1);
    let usb = Place { name: &two.usb_name, storage: &*two.usb };
    let places = [two.world.place(), usb];
    two.world.clock.advance(3600);
    let newest = two
        .world
        .with_context(|context| backup(context, two.world.database(), &[usb], &request()))
        .unwrap()
        .manifest
        .backup_id;
    let found = || {
        two.world.with_context(|context| {
            let source = Source::stored(context, &two.world.name, Wanted::Newest, &places)?;
            Ok(source.manifest().unwrap().backup_id)
        })
    };
    assert_eq!(found().unwrap(), newest);
    let (folder, away) = (two.world.folder.join("usb"), two.world.folder.join("away"));
    std::fs::rename(&folder, &away).unwrap();
    let error = failure(found());
    assert_eq!(error.kind(), ErrorKind::Unreachable);
    assert!(error.to_string().contains(&newest.to_string()), "{error}");
    std::fs::rename(&away, &folder).unwrap();
    // Its manifest is damaged.
    let manifest = two
        .world
        .files("usb")
        .into_iter()
        .find(|path| path.extension().is_some_and(|end| end == "json"))
        .unwrap();
    let bytes = std::fs::read(&manifest).unwrap();
    std::fs::write(&manifest, &bytes[1..]).unwrap();
    assert_eq!(failure(found()).kind(), ErrorKind::DamagedBackup);
    // Somebody deleted it by other means: then the older one is the newest there is.
    std::fs::remove_file(&manifest).unwrap();
    assert_eq!(found().unwrap(), ids[0]);
}

#[test]
fn what_retention_would_let_go_at_once_is_not_copied() {
    let (two, ids) = Two::with_backups(3);
    let usb = Place { name: &two.usb_name, storage: &*two.usb };
    let rules = one(&daily(1));
    let goal = |after| [Goal { place: usb, after, rules: Some(&rules) }];
    two.world.with_context(|context| {
        let sources = [two.world.place(), usb];
        let sync = |goals: &[Goal<'_>]| sync(context, &two.world.name, &sources, goals, None).unwrap();
        let planned = plan(context, &two.world.name, &sources, &goal(None), None).unwrap();
        let missing: Vec<_> = planned.missing.iter().map(|copy| copy.backup_id).collect();
        assert_eq!((missing, planned.not_kept.len()), (vec![ids[2]], 2), "all three are of one day");
        // What is not there yet takes nobody's place.
        let waiting = sync(&goal(Some(Duration::from_secs(1800))));
        assert_eq!((waiting.copied.len(), waiting.waiting, waiting.not_kept), (1, 1, 1));
        assert_eq!(waiting.copied[0].backup_id, ids[1]);
        let done = sync(&goal(None));
        assert_eq!((done.copied.len(), done.not_kept), (1, 1));
        // What is there counts.
        let again = sync(&goal(None));
        assert_eq!((again.copied.len(), again.not_kept), (0, 1));
        // Who asks for one gets it.
        let asked = [Goal { place: usb, after: None, rules: None }];
        let upload =
            cadangkan_ops::sync::sync(context, &two.world.name, &sources, &asked, Some(ids[0])).unwrap();
        assert_eq!(upload.copied.len(), 1);
    });
}

#[test]
fn a_copy_that_was_found_damaged_is_replaced_by_a_whole_one() {
    let (two, ids) = Two::with_backups(1);
    two.sync(Vec::new(), None).unwrap();
    let damage = |folder: &str, at: usize| {
        let archive = two.archive_of(folder, 0);
        let mut bytes = std::fs::read(&archive).unwrap();
        bytes[at] ^= 1;
        std::fs::write(&archive, bytes).unwrap();
    };
    let verify = || {
        let usb = Place { name: &two.usb_name, storage: &*two.usb };
        two.world.with_context(|context| {
            verify(context, &two.world.name, ids[0], usb, VerifyLevel::Checksum).map(drop)
        })
    };
    damage("usb", 100);
    assert!(two.sync(Vec::new(), None).unwrap().copied.is_empty(), "nobody knows of it yet");
    assert_eq!(failure(verify()).kind(), ErrorKind::DamagedBackup);
    // The other one is damaged, too, and nobody knows: nothing is lost for it.
    damage("backups", 200);
    let before = std::fs::read(two.archive_of("usb", 0)).unwrap();
    assert_eq!(two.sync(Vec::new(), None).unwrap().failed.len(), 1);
    assert_eq!(std::fs::read(two.archive_of("usb", 0)).unwrap(), before);
    assert!(two.sync(Vec::new(), None).unwrap().failed.is_empty(), "both are known as damaged now");
    damage("backups", 200);
    two.world.verify(VerifyLevel::Checksum).unwrap();
    assert_eq!(two.sync(Vec::new(), None).unwrap().copied.len(), 1);
    assert!(two.are_equal());
    assert_eq!(two.status_at("usb", ids[0]), Some(BackupStatus::Good));
}

#[test]
fn a_copy_that_was_made_and_not_recorded_is_known_after_the_next_sync() {
    let (two, ids) = Two::with_backups(2);
    two.sync(Vec::new(), None).unwrap();
    // As if it had been killed between the manifest and the catalog.
    two.world.catalog.forget_backup(&two.world.name, ids[0], &two.usb_name).unwrap();
    assert_eq!(two.status_at("usb", ids[0]), None);
    assert!(two.sync(Vec::new(), None).unwrap().copied.is_empty());
    assert_eq!(two.status_at("usb", ids[0]), Some(BackupStatus::Good));
}
