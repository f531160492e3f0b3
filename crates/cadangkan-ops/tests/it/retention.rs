//! Old backups go by the policy, and by nothing else.

use std::sync::Arc;

use cadangkan_catalog::{BackupFilter, BackupStatus, Catalog, RunFilter, RunKind};
use cadangkan_core::{BackupId, ErrorKind, NoReporter};
use cadangkan_ops::backup::{BackupRequest, Origin};
use cadangkan_ops::retention::{PlaceRules, Removed, apply, candidates, plan};
use cadangkan_ops::stored::{delete, preserve};
use cadangkan_ops::verify::VerifyLevel;
use cadangkan_ops::{Context, adopt, cleanup};
use cadangkan_retention::{Calendar, Policy, Rule, Rules};
use cadangkan_storage::Storage;
use cadangkan_storage::faulty::{Fault, Faulty, Operation};
use cadangkan_testkit::FakeClock;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::support::{World, failure, request};

const DAY: i64 = 86_400;

fn calendar() -> Calendar {
    Calendar { zone: TimeZone::UTC, week_start: Weekday::Monday }
}

pub(crate) fn daily(count: u32) -> Policy {
    Policy { daily: count, ..Policy::default() }
}

pub(crate) fn one(policy: &Policy) -> Rules {
    Rules::one(policy.clone(), calendar())
}

/// A world with a small database and a backup of each of so many days.
fn days(count: usize) -> (World, Vec<BackupId>) {
    let world = World::new();
    world.fill(20);
    let ids = (0..count).map(|_| next_day(&world, &request())).collect();
    (world, ids)
}

fn next_day(world: &World, request: &BackupRequest) -> BackupId {
    world.clock.advance(DAY);
    world.back_up_with(request).unwrap().manifest.backup_id
}

fn apply_in(world: &World, context: &Context<'_>, policy: &Policy) -> cadangkan_core::Result<Removed> {
    let rule = PlaceRules { place: world.place(), rules: &one(policy) };
    apply(context, world.database(), &[rule], "retention")
}

fn applied(world: &World, policy: &Policy) -> Vec<BackupId> {
    let removed = world.with_context(|context| apply_in(world, context, policy)).unwrap();
    removed.removed.iter().map(|copy| copy.backup_id).collect()
}

fn present(world: &World) -> Vec<BackupId> {
    world.catalog.backups(&BackupFilter::default()).unwrap().iter().map(|backup| backup.id).collect()
}

/// What another machine would find in the storage.
fn adopted(world: &World) -> Vec<BackupId> {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.db")).unwrap();
    world.with_context(|context| {
        let context = Context { catalog: Some(&catalog), ..*context };
        adopt::adopt(&context, world.place()).unwrap();
    });
    catalog.backups(&BackupFilter::default()).unwrap().iter().map(|backup| backup.id).collect()
}

fn halted(world: &World, policy: &Policy) -> Option<String> {
    world.with_context(|context| {
        let rule = PlaceRules { place: world.place(), rules: &one(policy) };
        plan(context, world.database(), &[rule]).unwrap().series[0].halted.clone()
    })
}

#[test]
fn old_ones_go_with_all_their_files_and_the_plan_is_recorded() {
    let (world, ids) = days(5);
    assert_eq!(applied(&world, &daily(2)), ids[..3]);
    assert_eq!(present(&world), ids[3..]);
    assert_eq!(adopted(&world), ids[3..]);
    assert_eq!(world.files("backups").len(), 2 * 3);
    let run =
        &world.catalog.runs(&RunFilter { kind: Some(RunKind::Cleanup), ..RunFilter::default() }).unwrap()[0];
    assert_eq!((run.trigger.as_str(), &run.options["retention"]["home"]), ("retention", &"2 daily".into()));
    let log = world.catalog.run_log(run.id).unwrap();
    let reason = format!("{} (no count keeps it)", ids[0]);
    assert!(log.iter().any(|line| line.message == reason), "{log:?}");
    // Nothing is left to do, and nothing is recorded for it.
    assert!(applied(&world, &daily(2)).is_empty());
    let runs =
        world.catalog.runs(&RunFilter { kind: Some(RunKind::Cleanup), ..RunFilter::default() }).unwrap();
    assert_eq!(runs.len(), 1);
    world.verify(VerifyLevel::Read).unwrap();
}

#[test]
fn nothing_goes_after_a_backup_that_failed_until_one_is_good() {
    let (world, ids) = days(4);
    let file = world.file();
    std::fs::rename(&file, file.with_extension("away")).unwrap();
    world.clock.advance(DAY);
    world.back_up().unwrap_err();
    assert!(halted(&world, &daily(1)).unwrap().contains("the last backup failed"));
    assert!(applied(&world, &daily(1)).is_empty());
    assert_eq!(present(&world), ids);
    std::fs::rename(file.with_extension("away"), &file).unwrap();
    let good = next_day(&world, &request());
    assert_eq!(applied(&world, &daily(1)), ids);
    assert_eq!(present(&world), [good]);
}

#[test]
fn a_mark_that_another_machine_set_counts() {
    let (world, ids) = days(3);
    // The other machine has a catalog of its own.
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.db")).unwrap();
    world.with_context(|context| {
        let context = Context { catalog: Some(&catalog), ..*context };
        adopt::adopt(&context, world.place()).unwrap();
        preserve(&context, &world.name, ids[0], &[world.place()], true).unwrap();
    });
    assert_eq!(applied(&world, &daily(1)), [ids[1]]);
    assert_eq!(adopted(&world), [ids[0], ids[2]]);
    // It is known here now, so that the plan says so.
    let first = &world.catalog.backups(&BackupFilter::default()).unwrap()[0];
    assert!(first.preserved && first.id == ids[0]);
}

#[test]
fn what_somebody_deleted_by_hand_is_forgotten() {
    let (world, ids) = days(3);
    let manifest = world.files("backups").into_iter().find(|path| {
        path.to_string_lossy().contains(&ids[0].file_timestamp())
            && path.to_string_lossy().ends_with(".meta.json")
    });
    std::fs::remove_file(manifest.unwrap()).unwrap();
    assert_eq!(applied(&world, &daily(1)), [ids[1]]);
    assert_eq!(present(&world), [ids[2]]);
    let left =
        world.with_context(|context| cleanup::plan(context, world.database(), &[world.place()])).unwrap();
    assert_eq!(left.items.len(), 2, "archive and index, which are no backup any more");
}

#[test]
fn one_that_is_being_read_stays() {
    let (world, ids) = days(3);
    world
        .source_of_newest(|context, _source| {
            let error = failure(apply_in(&world, context, &daily(1)));
            assert_eq!(error.kind(), ErrorKind::Locked);
            let error = failure(delete(context, &world.name, ids[0], &[world.place()]));
            assert_eq!(error.kind(), ErrorKind::Locked);
            Ok(())
        })
        .unwrap();
    assert_eq!(present(&world), ids);
    assert_eq!(applied(&world, &daily(1)), ids[..2]);
}

#[test]
fn a_stop_at_any_deletion_leaves_whole_backups_and_named_leftovers() {
    for nth in 1..=6 {
        let (mut world, ids) = days(3);
        let real = Arc::clone(&world.storage);
        let fault = Fault::fail(Operation::Delete, ErrorKind::Io).nth(nth);
        let faulty = Arc::new(Faulty::new(Arc::clone(&real), [fault]));
        world.storage = Arc::clone(&faulty) as Arc<dyn Storage>;
        let error = failure(world.with_context(|context| apply_in(&world, context, &daily(1))));
        assert_eq!(error.kind(), ErrorKind::Io, "{nth}");
        faulty.assert_all_fired();
        world.storage = real;
        // Whatever still has a manifest is whole.
        for id in adopted(&world) {
            world.with_context(|context| {
                cadangkan_ops::verify::verify(context, &world.name, id, world.place(), VerifyLevel::Read)
                    .unwrap();
            });
        }
        applied(&world, &daily(1));
        assert_eq!(adopted(&world), ids[2..], "{nth}");
        world.with_context(|context| cleanup::cleanup(context, world.database(), &[world.place()])).unwrap();
        assert_eq!(world.files("backups").len(), 3, "{nth}");
    }
}

#[test]
fn a_selection_takes_no_place_from_whole_ones() {
    let (world, whole) = days(2);
    let only = |table: &str| serde_json::json!([{ "tables": [table] }, []]).to_string();
    let mut records = world.catalog.backups(&BackupFilter::default()).unwrap();
    // SQLite is dumped whole; so the records of others are made from one of its own.
    for (number, table) in ["orders", "orders", "customers"].into_iter().enumerate() {
        let mut record = records[0].clone();
        record.id = (0..=number).fold(whole[1], |id, _| id.next());
        record.selection = Some(only(table));
        record.tags.push("selection".to_owned());
        records.push(record);
    }
    world.catalog.record_backups(&records).unwrap();
    let plan = world
        .with_context(|context| {
            let rule = PlaceRules { place: world.place(), rules: &one(&daily(1)) };
            plan(context, world.database(), &[rule])
        })
        .unwrap();
    let sizes: Vec<_> = plan
        .series
        .iter()
        .map(|series| (series.holds, series.plan.decisions.len(), series.plan.removals().count()))
        .collect();
    assert_eq!(sizes, [(None, 2, 1), (Some("a selection"), 1, 0), (Some("a selection"), 2, 1)]);
    assert_eq!(candidates(&world.catalog, world.database(), world.place()).unwrap().len(), 3);
}

#[test]
fn damaged_ones_stand_for_nothing_and_missing_ones_are_not_there() {
    let (world, ids) = days(4);
    let mark = |id, status| {
        let (name, storage, now) = (&world.name, &world.storage_name, FakeClock::default());
        let at = cadangkan_core::Clock::now(&now);
        world.catalog.set_verified(name, id, storage, status, at, "read").unwrap();
    };
    mark(ids[3], BackupStatus::Damaged);
    mark(ids[2], BackupStatus::Missing);
    assert_eq!(applied(&world, &daily(1)), [ids[0]]);
    assert_eq!(present(&world), ids[1..]);
}

#[test]
fn a_backup_stays_as_long_as_it_was_asked_to() {
    let (world, first) = days(1);
    let held = BackupRequest { keep_for: Some(std::time::Duration::from_secs(3 * DAY as u64)), ..request() };
    let held = next_day(&world, &held);
    let newest = next_day(&world, &request());
    // It takes no place in the count, and stays.
    assert!(applied(&world, &daily(2)).is_empty());
    assert_eq!(present(&world), [first[0], held, newest]);
    assert_eq!(adopted(&world), [first[0], held, newest]);
    world.clock.advance(3 * DAY);
    assert_eq!(applied(&world, &daily(2)), [held]);
}

#[test]
fn what_a_schedule_made_goes_by_its_own_policy_on_every_machine() {
    let world = World::new();
    world.fill(20);
    let made = |schedule: Option<&str>| {
        let origin = Origin { schedule: schedule.map(str::to_owned), ..Origin::default() };
        next_day(&world, &BackupRequest { origin, ..request() })
    };
    let ids: Vec<_> =
        [Some("often"), None, Some("often"), Some("nightly"), None, Some("often")].map(made).into();
    // Another machine, that knows the storage alone.
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.db")).unwrap();
    let rule = |policy| Rule { policy, calendar: calendar() };
    let rules =
        |own: &str| Rules { usual: rule(daily(2)), of_schedules: [(own.to_owned(), rule(daily(1)))].into() };
    let removed = |own: &str| {
        world.with_context(|context| {
            let context = Context { catalog: Some(&catalog), ..*context };
            let rules = [PlaceRules { place: world.place(), rules: &rules(own) }];
            let removed = apply(&context, world.database(), &rules, "retention").unwrap();
            assert_eq!(removed.plan.series[0].schedules, [(own.to_owned(), "1 daily".to_owned())].into());
            removed.removed.iter().map(|copy| copy.backup_id).collect::<Vec<_>>()
        })
    };
    world.with_context(|context| {
        adopt::adopt(&Context { catalog: Some(&catalog), ..*context }, world.place()).unwrap();
    });
    assert_eq!(removed("often"), [ids[0], ids[1], ids[2]], "of `often` the newest stays, of the others two");
    let run = &catalog.runs(&RunFilter { kind: Some(RunKind::Cleanup), ..RunFilter::default() }).unwrap()[0];
    assert_eq!(run.options["retention"]["home"], "2 daily; often: 1 daily");
    let log = catalog.run_log(run.id).unwrap();
    let reason = format!("{} (no count keeps it, by the policy of often)", ids[2]);
    assert!(log.iter().any(|line| line.message == reason), "{log:?}");
    // Once there is no such schedule any more, its backups are like others.
    assert_eq!(removed("nightly"), []);
    made(None);
    world.with_context(|context| {
        adopt::adopt(&Context { catalog: Some(&catalog), ..*context }, world.place()).unwrap();
    });
    assert_eq!(removed("nightly"), [ids[4]], "the newest of others are the last two");
}

#[test]
fn two_at_once_delete_once() {
    let (world, ids) = days(6);
    let locks = world.folder.join("locks");
    let results: Vec<_> = std::thread::scope(|scope| {
        let work = || {
            let other = World::open(&world.folder);
            other.clock.set(cadangkan_core::Clock::now(&world.clock));
            let context = other.context(&NoReporter, &locks);
            apply_in(&other, &context, &daily(1))
        };
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.map(|thread| thread.join().unwrap()).into_iter().collect()
    });
    let removed: usize = results.iter().flatten().map(|removed| removed.removed.len()).sum();
    assert_eq!(removed, 5);
    for error in results.into_iter().filter_map(Result::err) {
        assert_eq!(error.kind(), ErrorKind::Locked);
    }
    assert_eq!(adopted(&world), ids[5..]);
}
