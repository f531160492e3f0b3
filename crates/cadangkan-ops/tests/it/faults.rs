//! Storages that fail by a script.

use std::sync::Arc;

use cadangkan_catalog::{BackupFilter, RunFilter, RunStatus};
use cadangkan_core::ErrorKind;
use cadangkan_ops::Place;
use cadangkan_ops::backup::{BackupRequest, backup};
use cadangkan_storage::faulty::{Fault, Faulty, Operation};
use cadangkan_storage::{Layer, Storage};

use crate::support::{World, failure, request};

/// Backs up through a script of faults: it must fail with the kind, and leave nothing and no record of a backup.
fn fails(world: &World, script: Vec<Fault>, kind: ErrorKind) {
    let before = world.files("backups");
    let known = world.catalog.count_backups(&BackupFilter::default()).unwrap();
    let faulty = Faulty::new(Arc::clone(&world.storage), script.clone());
    let place = Place { name: &world.storage_name, storage: &faulty };
    let error =
        failure(world.with_context(|context| backup(context, world.database(), &[place], &small_frames())));
    assert_eq!(error.kind(), kind, "{script:?}: {error:?}");
    faulty.assert_all_fired();
    assert_eq!(world.files("backups"), before, "{script:?}");
    assert_eq!(world.catalog.count_backups(&BackupFilter::default()).unwrap(), known, "{script:?}");
    let run = world.catalog.runs(&RunFilter { limit: Some(1), ..RunFilter::default() }).unwrap().remove(0);
    assert_eq!(run.status, RunStatus::Failed);
    assert_eq!(run.error.unwrap().code, kind.code());
}

fn small_frames() -> BackupRequest {
    request()
}

#[test]
fn a_full_disk_at_the_first_a_middle_and_the_last_write() {
    let world = World::new();
    world.back_up().unwrap();
    // The archive has three frames of 4 MiB at most; then come the index and the manifest.
    for nth in [1, 2, 3] {
        fails(
            &world,
            vec![Fault::fail(Operation::Write, ErrorKind::NoSpace).on(".zst").nth(nth)],
            ErrorKind::NoSpace,
        );
        fails(&world, vec![Fault::short_write(ErrorKind::NoSpace).on(".zst").nth(nth)], ErrorKind::NoSpace);
    }
    fails(&world, vec![Fault::fail(Operation::Write, ErrorKind::NoSpace).on(".index")], ErrorKind::NoSpace);
    fails(
        &world,
        vec![Fault::fail(Operation::Write, ErrorKind::NoSpace).on(".meta.json")],
        ErrorKind::NoSpace,
    );
}

#[test]
fn an_io_error_on_fsync_of_each_file() {
    let world = World::new();
    for suffix in [".zst", ".index", ".meta.json"] {
        fails(&world, vec![Fault::fail(Operation::Close, ErrorKind::Io).on(suffix)], ErrorKind::Io);
    }
}

#[test]
fn what_the_storage_changed_on_its_way_is_noticed_before_it_counts() {
    let world = World::new();
    fails(&world, vec![Fault::flip_written(100_000).on(".zst")], ErrorKind::DamagedBackup);
    fails(&world, vec![Fault::truncate(50_000).on(".zst")], ErrorKind::DamagedBackup);
    fails(&world, vec![Fault::flip_read(7).on(".zst")], ErrorKind::DamagedBackup);
}

#[test]
fn a_storage_that_cannot_be_reached() {
    let world = World::new();
    fails(
        &world,
        vec![Fault::fail(Operation::BeginWrite, ErrorKind::Unreachable).on(".zst")],
        ErrorKind::Unreachable,
    );
    fails(&world, vec![Fault::fail(Operation::Read, ErrorKind::Timeout).on(".zst")], ErrorKind::Timeout);
}

#[test]
fn what_cannot_be_removed_is_named_and_cleaned_up_later() {
    let world = World::new();
    let script = vec![
        Fault::fail(Operation::Close, ErrorKind::Io).on(".meta.json"),
        Fault::fail(Operation::Delete, ErrorKind::Unreachable).on(".zst"),
    ];
    let faulty = Faulty::new(Arc::clone(&world.storage), script);
    let place = Place { name: &world.storage_name, storage: &faulty };
    let error =
        failure(world.with_context(|context| backup(context, world.database(), &[place], &request())));
    faulty.assert_all_fired();
    assert!(error.to_string().contains("not removed"), "{error}");
    assert_eq!(world.files("backups").len(), 1);
    let done = world
        .with_context(|context| cadangkan_ops::cleanup::cleanup(context, world.database(), &[world.place()]))
        .unwrap();
    assert_eq!(done.items.len(), 1);
    assert!(world.files("backups").is_empty());
}

#[test]
fn too_little_space_is_said_before_anything_is_read() {
    let world = World::new();
    world.back_up().unwrap();
    let full = Full(Arc::clone(&world.storage));
    let place = Place { name: &world.storage_name, storage: &full };
    let error =
        failure(world.with_context(|context| backup(context, world.database(), &[place], &request())));
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    assert!(error.message().contains("too little space"), "{error}");
    let run = world.catalog.runs(&RunFilter { limit: Some(1), ..RunFilter::default() }).unwrap().remove(0);
    let log: Vec<_> = world.catalog.run_log(run.id).unwrap().into_iter().map(|line| line.message).collect();
    assert!(!log.iter().any(|line| line == "begin snapshot"), "{log:?}");
}

/// A storage with 1,000 bytes of room.
struct Full(Arc<dyn Storage>);

impl Layer for Full {
    fn inner(&self) -> &dyn Storage {
        self.0.as_ref()
    }

    fn space(&self) -> cadangkan_core::Result<Option<cadangkan_storage::Space>> {
        Ok(Some(cadangkan_storage::Space { available: 1000, total: 1000 }))
    }
}
