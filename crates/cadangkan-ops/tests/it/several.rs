//! One dump into several storages, some of which fail.

use std::sync::{Arc, Mutex};

use cadangkan_catalog::{BackupFilter, Run, RunFilter, RunStatus};
use cadangkan_core::{Cancel, ErrorKind, Event, Name, NoReporter, Reporter, Result};
use cadangkan_ops::backup::{BackupReport, backup};
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::verify::{VerifyLevel, verify};
use cadangkan_ops::{Context, Place};
use cadangkan_storage::faulty::{Fault, Faulty, Operation};
use cadangkan_storage::{Local, Storage};

use crate::support::{World, engine, failure, fingerprints, request, restore_source};

const NAMES: [&str; 3] = ["home", "usb", "offsite"];

struct Three {
    world: World,
    names: [Name; 3],
}

impl Three {
    fn new() -> Self {
        Three { world: World::new(), names: NAMES.map(|name| Name::new(name).unwrap()) }
    }

    fn folder(&self, name: &str) -> Arc<dyn Storage> {
        Arc::new(Local::new(self.world.folder.join(name)))
    }

    /// Backs up into all three; `scripts` are the faults of each.
    fn back_up(&self, scripts: [Vec<Fault>; 3], reporter: &dyn Reporter) -> Result<BackupReport> {
        self.world.clock.advance(60);
        let storages: Vec<_> =
            NAMES.iter().zip(scripts).map(|(name, script)| Faulty::new(self.folder(name), script)).collect();
        let places: Vec<_> = self
            .names
            .iter()
            .zip(&storages)
            .map(|(name, storage)| Place { name, storage: storage as &dyn Storage })
            .collect();
        let locks = self.world.folder.join("locks");
        let context = self.world.context(reporter, &locks);
        let made = backup(&context, self.world.database(), &places, &request());
        storages.iter().for_each(Faulty::assert_all_fired);
        made
    }

    fn last_run(&self) -> Run {
        self.world.catalog.runs(&RunFilter { limit: Some(1), ..RunFilter::default() }).unwrap().remove(0)
    }

    /// Holds every good copy against the database, one after the other, by a restore from it alone.
    fn prove(&self, report: &BackupReport) {
        let expected = self.world.fingerprints();
        for copy in &report.copies {
            let storage = self.folder(&copy.storage);
            let name = Name::new(copy.storage.clone()).unwrap();
            let place = Place { name: &name, storage: storage.as_ref() };
            let id = report.manifest.backup_id;
            let target = self.world.folder.join(format!("restored-{name}-{id}.db"));
            self.world.with_context(|context| {
                verify(context, &self.world.name, id, place, VerifyLevel::Read).unwrap();
                let alone = Context { catalog: None, ..*context };
                let source = Source::stored(&alone, &self.world.name, Wanted::Id(id), &[place]).unwrap();
                restore_source(context, &source, &target).unwrap();
            });
            assert_eq!(fingerprints(engine(&target).as_ref()), expected, "{name}");
            std::fs::remove_file(target).unwrap();
        }
    }
}

/// Every step at which a storage can fail, and what that failure is called.
fn faults() -> Vec<(Fault, ErrorKind)> {
    let fail = |operation, kind, suffix: &str| (Fault::fail(operation, kind).on(suffix), kind);
    vec![
        fail(Operation::Check, ErrorKind::Unreachable, ""),
        fail(Operation::Stat, ErrorKind::Timeout, ".zst"),
        fail(Operation::BeginWrite, ErrorKind::Denied, ".zst"),
        fail(Operation::Write, ErrorKind::NoSpace, ".zst"),
        (Fault::fail(Operation::Write, ErrorKind::Unreachable).on(".zst").nth(3), ErrorKind::Unreachable),
        (Fault::short_write(ErrorKind::NoSpace).on(".zst").nth(2), ErrorKind::NoSpace),
        fail(Operation::Close, ErrorKind::Io, ".zst"),
        fail(Operation::Write, ErrorKind::NoSpace, ".index"),
        fail(Operation::Close, ErrorKind::Io, ".index"),
        fail(Operation::Read, ErrorKind::Timeout, ".zst"),
        fail(Operation::Read, ErrorKind::Timeout, ".index"),
        (Fault::flip_written(100_000).on(".zst"), ErrorKind::DamagedBackup),
        (Fault::truncate(50_000).on(".zst"), ErrorKind::DamagedBackup),
        (Fault::flip_read(7).on(".zst"), ErrorKind::DamagedBackup),
        (Fault::flip_written(5).on(".index"), ErrorKind::DamagedBackup),
        fail(Operation::Write, ErrorKind::NoSpace, ".meta.json"),
        fail(Operation::Close, ErrorKind::Io, ".meta.json"),
        fail(Operation::Read, ErrorKind::Unreachable, ".meta.json"),
        (Fault::flip_written(9).on(".meta.json"), ErrorKind::DamagedBackup),
    ]
}

/// A step, and how far each storage was in it.
type Told = (String, Vec<(String, u64)>);

/// Keeps how far the storages were, with the step.
#[derive(Default)]
struct Seen {
    step: Mutex<String>,
    storages: Mutex<Vec<Told>>,
}

impl Reporter for Seen {
    fn report(&self, event: &Event<'_>) {
        match event {
            Event::Step { name } => *self.step.lock().unwrap() = (*name).to_owned(),
            Event::Storages(all) => {
                let all = all.iter().map(|one| (one.storage.to_string(), one.bytes)).collect();
                self.storages.lock().unwrap().push((self.step.lock().unwrap().clone(), all));
            }
            _ => {}
        }
    }
}

#[test]
fn how_far_each_storage_is_is_told_and_recorded() {
    let (three, seen) = (Three::new(), Seen::default());
    let lost = Fault::fail(Operation::Close, ErrorKind::Io).on(".zst");
    let report = three.back_up([vec![], vec![lost], vec![]], &seen).unwrap();
    let size = report.manifest.archive.size_bytes;
    for copy in &report.copies {
        assert_eq!(copy.size_bytes, size);
        assert!(copy.write_seconds > 0.0 && copy.read_back_seconds > 0.0, "{copy:?}");
    }
    let seen = seen.storages.into_inner().unwrap();
    let of = |step: &'static str| seen.iter().filter(move |(of, _)| of == step).map(|(_, all)| all);
    assert!(of("dump").count() > 0 && of("dump").all(|all| all.len() == NAMES.len()));
    let ends = [("home".to_owned(), size), ("offsite".to_owned(), size)];
    assert_eq!(of("read back").next_back().unwrap(), &ends, "the one that failed takes no part any more");
    for step in ["dump", "read back"] {
        let all: Vec<u64> = of(step).map(|all| all[0].1).collect();
        assert!(all.is_sorted() && all.iter().all(|bytes| *bytes <= size), "{step}: {all:?}");
    }
    let progress = three.last_run().progress.unwrap();
    assert_eq!(progress.bytes, report.manifest.archive.raw_bytes);
    let kept: Vec<_> = progress.storages.iter().map(|one| (one.storage.clone(), one.bytes)).collect();
    assert_eq!(kept, ends);
    assert!(progress.storages.iter().all(|one| one.seconds > 0.0));
}

#[test]
fn all_storages_get_the_same_bytes() {
    let three = Three::new();
    let report = three.back_up(Default::default(), &NoReporter).unwrap();
    assert_eq!(report.copies.iter().map(|copy| copy.storage.as_str()).collect::<Vec<_>>(), NAMES);
    assert!(report.failed_copies.is_empty() && report.error().is_none());
    assert_eq!(three.last_run().status, RunStatus::Completed);
    three.prove(&report);
    let content = |folder: &str| -> Vec<Vec<u8>> {
        three.world.files(folder).iter().map(|path| std::fs::read(path).unwrap()).collect()
    };
    assert_eq!(content("home").len(), 3);
    assert!(content("home") == content("usb") && content("home") == content("offsite"));
}

#[test]
fn one_that_fails_at_any_step_leaves_the_others_whole() {
    let three = Three::new();
    for (number, (fault, kind)) in faults().into_iter().enumerate() {
        // Each place in turn, so that it is the first, a middle and the last one.
        let position = number % NAMES.len();
        let mut scripts: [Vec<Fault>; 3] = Default::default();
        scripts[position].push(fault.clone());
        let failing = NAMES[position];
        let before = three.world.files(failing);
        let report = three.back_up(scripts, &NoReporter).unwrap();
        let id = report.manifest.backup_id;
        assert_eq!(three.world.files(failing), before, "{fault:?}");
        assert_eq!(report.failed_copies.len(), 1, "{fault:?}");
        assert_eq!(report.failed_copies[0].storage, failing);
        assert_eq!(report.failed_copies[0].code, kind.code(), "{:?}", report.failed_copies);
        let error = report.error().unwrap();
        assert_eq!(error.kind(), ErrorKind::Partial);
        assert!(error.to_string().contains(failing), "{error}");
        let good: Vec<_> = NAMES.into_iter().filter(|name| *name != failing).collect();
        assert_eq!(report.copies.iter().map(|copy| copy.storage.as_str()).collect::<Vec<_>>(), good);
        let recorded = three.world.catalog.backup_copies(&three.world.name, id).unwrap();
        let mut recorded: Vec<_> = recorded.iter().map(|copy| copy.storage.to_string()).collect();
        recorded.sort_by_key(|name| NAMES.iter().position(|known| known == name));
        assert_eq!(recorded, good, "{fault:?}");
        let run = three.last_run();
        assert_eq!((run.status, run.backup_id), (RunStatus::Partial, Some(id)));
        assert_eq!(run.error.unwrap().code, "partial");
        three.prove(&report);
    }
}

#[test]
fn when_all_fail_nothing_is_kept_anywhere() {
    let three = Three::new();
    let scripts = [
        vec![Fault::fail(Operation::Write, ErrorKind::NoSpace).on(".zst").nth(2)],
        vec![Fault::fail(Operation::Close, ErrorKind::Io).on(".zst")],
        vec![Fault::flip_written(3000).on(".zst")],
    ];
    let error = failure(three.back_up(scripts, &NoReporter));
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
    let told = error.to_string();
    assert!(NAMES.iter().all(|name| told.contains(name)), "{told}");
    // All at once in the dump, too.
    let second = || vec![Fault::fail(Operation::Write, ErrorKind::Unreachable).on(".zst").nth(2)];
    let error = failure(three.back_up([second(), second(), second()], &NoReporter));
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    for name in NAMES {
        assert!(three.world.files(name).is_empty(), "{name}");
    }
    assert_eq!(three.world.catalog.count_backups(&BackupFilter::default()).unwrap().0, 0);
    assert_eq!(three.last_run().status, RunStatus::Failed);
}

/// Stops the run when a step begins.
struct StopAt<'a>(&'a Cancel, &'static str);

impl Reporter for StopAt<'_> {
    fn report(&self, event: &Event<'_>) {
        if matches!(event, Event::Step { name } if *name == self.1) {
            self.0.cancel();
        }
    }
}

#[test]
fn a_run_that_is_stopped_leaves_nothing_in_any_storage() {
    for step in ["begin draft", "dump", "close archive", "read back", "seal manifest", "commit"] {
        let three = Three::new();
        let stop = StopAt(&three.world.cancel, step);
        let error = failure(three.back_up(Default::default(), &stop));
        assert_eq!(error.kind(), ErrorKind::Cancelled, "{step}: {error:?}");
        for name in NAMES {
            assert!(three.world.files(name).is_empty(), "{step}: {name}");
        }
        assert_eq!(three.last_run().status, RunStatus::Cancelled, "{step}");
    }
}

#[test]
fn what_cannot_be_removed_from_a_storage_that_failed_is_named() {
    let three = Three::new();
    let script = vec![
        Fault::fail(Operation::Close, ErrorKind::Io).on(".meta.json"),
        Fault::fail(Operation::Delete, ErrorKind::Denied).on(".zst"),
    ];
    let report = three.back_up([Vec::new(), script, Vec::new()], &NoReporter).unwrap();
    let told = &report.failed_copies[0].message;
    assert!(told.contains("not removed") && told.contains(".zst in usb"), "{told}");
    assert_eq!(three.world.files("usb").len(), 1);
    three.prove(&report);
}
