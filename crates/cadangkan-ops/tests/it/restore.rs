//! Restores over what is there, and what they leave.

use std::time::Duration;

use cadangkan_catalog::{RunFilter, RunStatus};
use cadangkan_core::{ErrorKind, Pattern, Selection};
use cadangkan_engine::LoadMode;
use cadangkan_ops::restore::{RestoreRequest, Safety, Target, plan, restore};

use crate::support::{World, engine, failure, fingerprints, request};

#[test]
fn over_the_source_keeps_the_old_one() {
    let world = World::new();
    let expected = world.fingerprints();
    world.back_up().unwrap();
    world.fill(7);
    let damaged = world.fingerprints();
    let report = world.restore_over().unwrap();
    assert_eq!(world.fingerprints(), expected);
    let kept =
        world.files("").into_iter().find(|path| path.to_string_lossy().contains("before-restore")).unwrap();
    assert_eq!(fingerprints(engine(&kept).as_ref()), damaged);
    assert!(report.notes.iter().any(|note| note.contains("before-restore")), "{:?}", report.notes);
    assert_eq!(report.proofs.len(), 3, "{:?}", report.proofs);
}

#[test]
fn a_fresh_target_that_is_not_empty_is_refused_and_left_alone() {
    let world = World::new();
    world.back_up().unwrap();
    let before = std::fs::read(world.file()).unwrap();
    let error = failure(world.restore_to(&world.file()));
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.advice().is_some());
    assert_eq!(std::fs::read(world.file()).unwrap(), before);
}

#[test]
fn one_table_comes_back_inside_the_database() {
    let world = World::new();
    let expected = world.fingerprints();
    world.back_up().unwrap();
    rusqlite::Connection::open(world.file())
        .unwrap()
        .execute_batch("DELETE FROM orders; UPDATE customers SET name = 'new' WHERE id = 1")
        .unwrap();
    let changed = world.fingerprints();
    world
        .source_of_newest(|context, source| {
            let selection = Selection { tables: vec![Pattern("orders".into())], ..Selection::default() };
            let request =
                RestoreRequest { selection, mode: LoadMode::Clean, check: true, ..RestoreRequest::default() };
            let target = Target { name: Some(&world.name), engine: world.engine.as_ref() };
            let plan = plan(context, source, target, &request)?;
            restore(context, source, target, &plan, None, Duration::ZERO)
        })
        .unwrap();
    let after = world.fingerprints();
    let of = |reports: &[cadangkan_core::ObjectReport], table: &str| {
        reports.iter().find(|report| report.name.name == table).unwrap().fingerprint
    };
    assert_eq!(of(&after, "orders"), of(&expected, "orders"));
    assert_eq!(of(&after, "customers"), of(&changed, "customers"));
    assert_ne!(of(&after, "customers"), of(&expected, "customers"));
}

#[test]
fn a_safety_backup_holds_what_was_there() {
    let world = World::new();
    world.back_up().unwrap();
    world.fill(7);
    let damaged = world.fingerprints();
    world.clock.advance(60);
    let report = world
        .source_of_newest(|context, source| {
            let request_restore = RestoreRequest {
                mode: LoadMode::Replace,
                check: true,
                drop_old: true,
                backup_first: true,
                ..RestoreRequest::default()
            };
            let target = Target { name: Some(&world.name), engine: world.engine.as_ref() };
            let plan = plan(context, source, target, &request_restore)?;
            let places = [world.place()];
            let request = cadangkan_ops::backup::BackupRequest {
                trigger: cadangkan_archive::Trigger::Safety,
                ..request()
            };
            restore(
                context,
                source,
                target,
                &plan,
                Some(Safety { places: &places, request, one_of: None }),
                Duration::ZERO,
            )
        })
        .unwrap();
    assert_eq!(report.safety.unwrap().manifest.trigger.as_str(), "safety");
    // The newest backup is the safety one now.
    let target = world.folder.join("undone.db");
    world.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), damaged);
    assert!(
        !world.files("").iter().any(|path| path.to_string_lossy().contains("before-restore")),
        "the old one was to be dropped"
    );
}

#[test]
fn a_restore_without_a_catalog_works() {
    let world = World::new();
    let expected = world.fingerprints();
    world.back_up().unwrap();
    let target = world.folder.join("restored.db");
    world.with_context(|context| {
        let context = cadangkan_ops::Context { catalog: None, ..*context };
        let places = [world.place()];
        let source = cadangkan_ops::source::Source::stored(
            &context,
            &world.name,
            cadangkan_ops::source::Wanted::Newest,
            &places,
        )
        .unwrap();
        crate::support::restore_source(&context, &source, &target).unwrap();
    });
    assert_eq!(fingerprints(engine(&target).as_ref()), expected);
}

#[test]
fn stopping_a_restore_leaves_the_target_as_it_was() {
    let world = World::new();
    world.back_up().unwrap();
    let before = world.fingerprints();
    let stop_at_load = StopAt { step: "finish load", cancel: &world.cancel };
    let locks = world.folder.join("locks");
    let context = world.context(&stop_at_load, &locks);
    let places = [world.place()];
    let source = cadangkan_ops::source::Source::stored(
        &context,
        &world.name,
        cadangkan_ops::source::Wanted::Newest,
        &places,
    )
    .unwrap();
    // Among them the lock that says that a backup is being read.
    let files = world.files("").len();
    let request = RestoreRequest { mode: LoadMode::Replace, ..RestoreRequest::default() };
    let target = Target { name: Some(&world.name), engine: world.engine.as_ref() };
    let plan = plan(&context, &source, target, &request).unwrap();
    let error = failure(restore(&context, &source, target, &plan, None, Duration::ZERO));
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(world.fingerprints(), before);
    assert_eq!(world.files("").len(), files, "something was left");
    let runs = world.catalog.runs(&RunFilter { limit: Some(1), ..RunFilter::default() }).unwrap();
    assert_eq!(runs[0].status, RunStatus::Cancelled);
}

pub(crate) struct StopAt<'a> {
    pub(crate) step: &'static str,
    pub(crate) cancel: &'a cadangkan_core::Cancel,
}

impl cadangkan_core::Reporter for StopAt<'_> {
    fn report(&self, event: &cadangkan_core::Event<'_>) {
        if *event == (cadangkan_core::Event::Step { name: self.step }) {
            self.cancel.cancel();
        }
    }
}
