//! A server with many databases, several connections on one snapshot, and units in sections.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use cadangkan_archive::Identities;
use cadangkan_core::{
    Cancel, Control, ErrorKind, Event, Fingerprint, Name, NoReporter, ObjectName, Pattern, Reporter,
    Selection,
};
use cadangkan_engine::Engine;
use cadangkan_ops::backup::{BackupReport, BackupRequest, backup};
use cadangkan_ops::restore::{RestoreReport, RestoreRequest, Target, plan, restore};
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::{Context, Database, Place};
use cadangkan_storage::{Local, Storage};
use cadangkan_testkit::FakeClock;
use cadangkan_testkit::fake_engine::{FakeServer, Fault};

use crate::support::{failure, request};

/// A server, a storage, and no catalog: none is needed.
pub(crate) struct Farm {
    pub(crate) server: FakeServer,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) storage: Local,
    pub(crate) name: Name,
    pub(crate) keys: Identities,
    pub(crate) clock: FakeClock,
    cancel: Cancel,
    pub(crate) folder: tempfile::TempDir,
}

impl Farm {
    pub(crate) fn new(rows: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = FakeServer::new();
        server.fill(1, rows);
        Farm {
            engine: server.engine(),
            server,
            storage: Local::new(folder.path().join("backups")),
            name: Name::new("farm").unwrap(),
            keys: Identities::default(),
            clock: FakeClock::default(),
            cancel: Cancel::default(),
            folder,
        }
    }

    pub(crate) fn context<'a>(&'a self, locks: &'a Path, reporter: &'a dyn Reporter) -> Context<'a> {
        Context {
            catalog: None,
            control: Control { cancel: &self.cancel, reporter, clock: &self.clock },
            locks,
            workers: 3,
            memory: 64 << 20,
            initiator: "test",
            ticket: None,
            profile: None,
            keys: &self.keys,
            holder: "the test",
            around: None,
        }
    }

    pub(crate) fn back_up(&self, reporter: &dyn Reporter) -> cadangkan_core::Result<BackupReport> {
        self.back_up_with(reporter, &request())
    }

    pub(crate) fn back_up_with(
        &self,
        reporter: &dyn Reporter,
        request: &BackupRequest,
    ) -> cadangkan_core::Result<BackupReport> {
        let locks = self.folder.path().join("locks");
        let place = Place { name: &self.name, storage: &self.storage };
        let database = Database { name: &self.name, engine: self.engine.as_ref(), one_of: None };
        backup(&self.context(&locks, reporter), database, &[place], request)
    }

    pub(crate) fn restore(
        &self,
        tables: &[&str],
        into: &FakeServer,
    ) -> cadangkan_core::Result<RestoreReport> {
        self.restore_from(&self.storage, tables, into)
    }

    pub(crate) fn restore_from(
        &self,
        storage: &dyn Storage,
        tables: &[&str],
        into: &FakeServer,
    ) -> cadangkan_core::Result<RestoreReport> {
        let locks = self.folder.path().join("locks");
        let context = self.context(&locks, &NoReporter);
        let places = [Place { name: &self.name, storage }];
        let source = Source::stored(&context, &self.name, Wanted::Newest, &places)?;
        let tables = tables.iter().map(|table| Pattern((*table).to_owned())).collect();
        let selection = Selection { tables, ..Selection::default() };
        let engine = into.engine();
        let target = Target { name: None, engine: engine.as_ref() };
        let request = RestoreRequest { selection, check: true, ..RestoreRequest::default() };
        let plan = plan(&context, &source, target, &request)?;
        restore(&context, &source, target, &plan, None, Duration::ZERO)
    }

    fn files(&self) -> usize {
        self.storage.list("").map_or(0, |objects| objects.len())
            + self.storage.leftovers("").map_or(0, |left| left.len())
    }
}

/// Rows of every table, in an order of their own: frames come in any.
pub(crate) fn content(server: &FakeServer) -> BTreeMap<String, BTreeMap<String, Vec<Vec<u8>>>> {
    let mut databases = server.databases();
    databases.values_mut().flat_map(BTreeMap::values_mut).for_each(|rows| rows.sort());
    databases
}

#[test]
fn all_databases_come_back_with_exact_counts() {
    let farm = Farm::new(200_000);
    let report = farm.back_up(&NoReporter).unwrap();
    for object in &report.manifest.objects {
        let Some(database) = &object.name.database else { continue };
        let rows = &farm.server.databases()[database][&object.name.name];
        let mut fingerprint = Fingerprint::default();
        rows.iter().for_each(|row| _ = fingerprint.add_row(row));
        assert_eq!(
            (object.rows, object.fingerprint),
            (Some(rows.len() as u64), Some(fingerprint)),
            "{}",
            object.name
        );
    }
    let restored = FakeServer::new();
    farm.restore(&[], &restored).unwrap();
    assert_eq!(content(&restored), content(&farm.server));
}

#[test]
fn the_same_data_gives_the_same_frames_whatever_the_timing() {
    let farm = Farm::new(200_000);
    let first = farm.back_up(&NoReporter).unwrap().manifest;
    farm.clock.advance(1);
    let second = farm.back_up(&NoReporter).unwrap().manifest;
    assert_eq!(first.objects, second.objects);
    assert_eq!(first.archive.frames, second.archive.frames);
    assert_eq!(first.archive.size_bytes, second.archive.size_bytes);
}

#[test]
fn one_table_is_restored_by_reading_only_its_bytes() {
    let farm = Farm::new(200_000);
    let whole = farm.back_up(&NoReporter).unwrap().manifest.archive.raw_bytes;
    let restored = FakeServer::new();
    let report = farm.restore(&["wiki_1"], &restored).unwrap();
    assert!(report.raw_bytes < whole / 4, "{} of {whole}", report.raw_bytes);
    let content = content(&restored);
    assert_eq!(content.len(), 1);
    assert_eq!(content["wiki"].keys().collect::<Vec<_>>(), ["wiki_1"]);
    assert_eq!(content["wiki"]["wiki_1"].len(), farm.server.databases()["wiki"]["wiki_1"].len());
    assert!(report.proofs[0].contains("every frame that was read"), "{:?}", report.proofs);
}

#[test]
fn a_target_that_lost_a_row_is_not_equal_and_is_not_left() {
    let farm = Farm::new(1000);
    farm.back_up(&NoReporter).unwrap();
    let restored = FakeServer::new();
    restored.inject(Fault::LoseLoadedRow);
    let error = farm.restore(&[], &restored).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotEqual, "{error:?}");
    assert!(
        error.to_string().contains("expected: 1000") && error.to_string().contains("found: 999"),
        "{error}"
    );
    assert!(restored.pending_faults().is_empty() && restored.databases().is_empty());
    let report = farm.restore(&[], &restored).unwrap();
    assert!(
        report.proofs.iter().any(|proof| proof.contains("as many as were backed up")),
        "{:?}",
        report.proofs
    );
}

#[test]
fn whatever_fails_in_one_connection_fails_the_backup_and_stops_the_others() {
    for (fault, kind) in [
        (Fault::FailAtRow(20_000, ErrorKind::Unreachable), ErrorKind::Unreachable),
        (Fault::FailAtEnd(ErrorKind::DamagedSource), ErrorKind::DamagedSource),
        (Fault::FailToConnect(ErrorKind::Denied), ErrorKind::Denied),
    ] {
        let farm = Farm::new(100_000);
        farm.server.inject(fault.clone());
        let error = failure(farm.back_up(&NoReporter));
        assert_eq!(error.kind(), kind, "{fault:?}: {error:?}");
        assert!(farm.server.pending_faults().is_empty());
        assert_eq!(farm.files(), 0, "{fault:?}");
    }
}

#[test]
fn a_connection_that_hangs_does_not_hang_a_run_that_failed() {
    let farm = Farm::new(100_000);
    farm.server.inject(Fault::BlockAtRow(100));
    farm.server.inject(Fault::FailAtRow(20_000, ErrorKind::Unreachable));
    let error = failure(farm.back_up(&NoReporter));
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(error.to_string().contains("object"), "the table is named: {error}");
    assert_eq!(farm.files(), 0);
}

#[test]
fn progress_counts_bytes_and_objects() {
    type Step = (String, Vec<(u64, u64)>);
    #[derive(Default)]
    struct Seen(Mutex<Vec<Step>>);
    impl Reporter for Seen {
        fn report(&self, event: &Event<'_>) {
            let mut steps = self.0.lock().unwrap();
            match event {
                Event::Step { name } => steps.push(((*name).to_owned(), Vec::new())),
                Event::Progress(progress) => {
                    steps.last_mut().unwrap().1.push((progress.bytes, progress.objects));
                }
                _ => {}
            }
        }
    }
    let farm = Farm::new(200_000);
    let seen = Seen::default();
    let manifest = farm.back_up(&seen).unwrap().manifest;
    let seen = seen.0.into_inner().unwrap();
    let of = |step: &str| seen.iter().find(|(name, _)| name == step).unwrap().1.clone();
    assert!(of("dump").is_sorted() && of("read back").is_sorted());
    assert_eq!(of("dump").last().unwrap().0, manifest.archive.raw_bytes);
    assert_eq!(of("read back").last().unwrap().0, manifest.archive.size_bytes);
    assert_eq!(of("record").last(), of("dump").last(), "what the record keeps");
    assert!(of("dump").last().unwrap().1 > 0);
}

#[test]
fn names_of_objects_survive() {
    let farm = Farm::new(10);
    let manifest = farm.back_up(&NoReporter).unwrap().manifest;
    let empty = ObjectName { database: Some("shop".into()), schema: None, name: "empty".into() };
    let object = manifest.objects.iter().find(|object| object.name == empty).unwrap();
    assert_eq!(object.rows, Some(0));
}
