//! A backup that looks wrong is marked, and nothing of its series goes until somebody says that it is right.

use std::sync::Arc;

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupFilter, Catalog};
use cadangkan_core::{BackupId, ErrorKind, Name};
use cadangkan_ops::backup::{BackupRequest, backup};
use cadangkan_ops::retention::{PlaceRules, apply, halting, plan};
use cadangkan_ops::shrink::ShrinkGuard;
use cadangkan_ops::source::Wanted;
use cadangkan_ops::stored::{accept, locate};
use cadangkan_ops::{Context, Place, adopt};
use cadangkan_retention::{Calendar, Policy, Rules};
use cadangkan_storage::{Local, Storage};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::encryption::encrypted;
use crate::support::{World, failure, request};

const DAY: i64 = 86_400;

fn counted() -> BackupRequest {
    let mut request = request();
    request.dump.fingerprints = true;
    request
}

fn next_day(world: &World, request: &BackupRequest) -> Manifest {
    world.clock.advance(DAY);
    world.back_up_with(request).unwrap().manifest
}

fn sql(world: &World, sql: &str) {
    rusqlite::Connection::open(world.file()).unwrap().execute_batch(sql).unwrap();
}

/// What retention of one a day deletes, and why it deletes nothing.
fn retention(world: &World) -> (Vec<BackupId>, Option<String>) {
    let policy = Policy { daily: 1, ..Policy::default() };
    let calendar = Calendar { zone: TimeZone::UTC, week_start: Weekday::Monday };
    let rules = [PlaceRules { place: world.place(), rules: &Rules::one(policy, calendar) }];
    world.with_context(|context| {
        let halted = plan(context, world.database(), &rules).unwrap().series[0].halted.clone();
        let removed = apply(context, world.database(), &rules, "retention").unwrap().removed;
        (removed.iter().map(|copy| copy.backup_id).collect(), halted)
    })
}

fn suspects(catalog: &Catalog) -> Vec<BackupId> {
    let filter = BackupFilter { suspect: Some(true), ..BackupFilter::default() };
    catalog.backups(&filter).unwrap().iter().map(|backup| backup.id).collect()
}

fn stored(world: &World, id: BackupId) -> Vec<String> {
    world.with_context(|context| {
        locate(context, &world.name, Wanted::Id(id), &[world.place()]).unwrap()[0].manifest.suspect.clone()
    })
}

#[test]
fn a_table_that_is_gone_stops_retention_until_the_backup_is_accepted() {
    let world = World::new();
    let first = next_day(&world, &request());
    assert_eq!(first.suspect, [""; 0]);
    sql(&world, "DROP TABLE orders");
    let wrong = next_day(&world, &request());
    assert_eq!(wrong.suspect, ["table orders is gone"]);
    assert_eq!(stored(&world, wrong.backup_id), wrong.suspect);
    assert_eq!(suspects(&world.catalog), [wrong.backup_id]);
    let (removed, halted) = retention(&world);
    assert_eq!(removed, []);
    let halted = halted.unwrap();
    assert!(
        halted.contains(&wrong.backup_id.to_string()) && halted.contains("backups accept shop"),
        "{halted}"
    );

    // The next one is compared with the last that was right, not with this one.
    let again = next_day(&world, &request());
    assert_eq!(again.suspect, ["table orders is gone"]);
    assert_eq!(retention(&world).0, []);
    let both = [again.backup_id, wrong.backup_id];
    world.with_context(|context| {
        assert_eq!(halting(context, world.database()).unwrap(), both);
        for id in both {
            assert_eq!(accept(context, &world.name, id, &[world.place()]).unwrap(), []);
        }
        let error = failure(accept(context, &world.name, first.backup_id, &[world.place()]));
        assert_eq!(error.kind(), ErrorKind::Usage);
    });
    assert_eq!(stored(&world, again.backup_id), [""; 0]);
    assert_eq!(suspects(&world.catalog), []);
    let audit = world.catalog.audit_entries(10).unwrap();
    assert!(audit.iter().any(|entry| entry.action == "accept backup"), "{audit:?}");
    assert_eq!(retention(&world), (vec![first.backup_id, wrong.backup_id], None));
    // From now on it is what others are compared with.
    assert_eq!(next_day(&world, &request()).suspect, [""; 0]);
}

#[test]
fn rows_and_size_are_compared_where_they_are_known() {
    let world = World::new();
    next_day(&world, &counted());
    sql(&world, "DELETE FROM orders WHERE id > 1000");
    let fewer = next_day(&world, &counted());
    assert_eq!(fewer.suspect, ["table orders has 1000 rows, not 3000 as before"]);
    sql(&world, "DELETE FROM orders; DELETE FROM customers WHERE id > 5; VACUUM");
    let told = next_day(&world, &counted()).suspect;
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.contains(&"all tables together have 5 rows, not 6000 as before".to_owned()), "{told:?}");
    assert!(told[3].starts_with("it is ") && told[3].contains("before compression"), "{told:?}");
    // Without counts there is the size.
    assert_eq!(next_day(&world, &request()).suspect.len(), 1);
    let off = BackupRequest { shrink_guard: None, ..counted() };
    assert_eq!(next_day(&world, &off).suspect, [""; 0]);
}

#[test]
fn a_good_one_after_it_lets_retention_go_on_and_the_suspect_one_stays() {
    let world = World::new();
    let first = next_day(&world, &request());
    sql(&world, "ALTER TABLE orders RENAME TO hidden");
    let wrong = next_day(&world, &request());
    assert_eq!(wrong.suspect, ["table orders is gone"]);
    sql(&world, "ALTER TABLE hidden RENAME TO orders");
    let right = next_day(&world, &request());
    assert_eq!(right.suspect, [""; 0]);
    assert_eq!(retention(&world), (vec![first.backup_id], None));
    assert_eq!(suspects(&world.catalog), [wrong.backup_id]);
    world.with_context(|context| assert_eq!(halting(context, world.database()).unwrap(), []));
}

#[test]
fn every_storage_has_the_mark_and_loses_it_and_one_that_lacks_the_backup_deletes_nothing() {
    let world = World::new();
    let away: Arc<dyn Storage> = Arc::new(Local::new(world.folder.join("away")));
    let name = Name::new("away").unwrap();
    let both = [world.place(), Place { name: &name, storage: away.as_ref() }];
    let back_up = |places: &[Place<'_>]| {
        world.clock.advance(DAY);
        let made = world.with_context(|context| backup(context, world.database(), places, &request()));
        made.unwrap().manifest
    };
    back_up(&both);
    back_up(&both);
    sql(&world, "DROP TABLE orders");
    let wrong = back_up(&both);
    let only_away = back_up(&both[1..]);
    assert_eq!(only_away.suspect, ["table orders is gone"]);
    world.with_context(|context| {
        let policy = Policy { daily: 1, ..Policy::default() };
        let calendar = Calendar { zone: TimeZone::UTC, week_start: Weekday::Monday };
        let rules = Rules::one(policy, calendar);
        let rules = both.map(|place| PlaceRules { place, rules: &rules });
        let removed = |context| apply(context, world.database(), &rules, "retention").unwrap().removed.len();
        assert_eq!(removed(context), 0);
        accept(context, &world.name, wrong.backup_id, &both).unwrap();
        let copies = locate(context, &world.name, Wanted::Id(wrong.backup_id), &both).unwrap();
        assert!(copies.len() == 2 && copies.iter().all(|copy| copy.manifest.suspect.is_empty()));
        // In this storage the newest one is right, but the newest of the series is not.
        assert_eq!(removed(context), 0);
        // A storage that is out of reach keeps the mark, and is named.
        let left = accept(context, &world.name, only_away.backup_id, &both[1..]).unwrap();
        assert_eq!(left, []);
        assert_eq!(removed(context), 5);
    });
}

#[test]
fn a_storage_that_was_not_reached_is_named() {
    let world = World::new();
    let away: Arc<dyn Storage> = Arc::new(Local::new(world.folder.join("away")));
    let name = Name::new("away").unwrap();
    let both = [world.place(), Place { name: &name, storage: away.as_ref() }];
    world.with_context(|context| {
        backup(context, world.database(), &both, &request()).unwrap();
        sql(&world, "DROP TABLE orders");
        let wrong = backup(context, world.database(), &both, &request()).unwrap().manifest;
        let left = accept(context, &world.name, wrong.backup_id, &both[..1]).unwrap();
        assert_eq!(left.iter().collect::<Vec<_>>(), [&name]);
    });
    assert_eq!(suspects(&world.catalog), []);
}

#[test]
fn adopting_brings_the_mark_into_another_catalog_and_takes_it_away_again() {
    let world = World::new();
    next_day(&world, &request());
    sql(&world, "DROP TABLE orders");
    let wrong = next_day(&world, &request()).backup_id;
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("catalog.db")).unwrap();
    world.with_context(|context| {
        let elsewhere = Context { catalog: Some(&catalog), ..*context };
        adopt::adopt(&elsewhere, world.place()).unwrap();
        assert_eq!(suspects(&catalog), [wrong]);
        accept(context, &world.name, wrong, &[world.place()]).unwrap();
        adopt::adopt(&elsewhere, world.place()).unwrap();
        assert_eq!(suspects(&catalog), []);
    });
}

#[test]
fn where_names_are_hidden_none_are_told() {
    let world = World::new();
    let (plain, hidden) = (encrypted(false), encrypted(true));
    next_day(&world, &plain);
    sql(&world, "DROP TABLE orders");
    let told = next_day(&world, &hidden).suspect;
    assert!(told.contains(&"1 table is gone".to_owned()) && !told.join(" ").contains("orders"), "{told:?}");
    assert_eq!(next_day(&world, &plain).suspect[0], "table orders is gone");
}

#[test]
fn a_last_manifest_that_cannot_be_read_leaves_what_the_catalog_knows() {
    let world = World::new();
    let guard = ShrinkGuard::default();
    next_day(&world, &request());
    let manifest =
        world.files("backups").into_iter().find(|path| path.to_string_lossy().ends_with("meta.json"));
    std::fs::write(manifest.unwrap(), "{}").unwrap();
    sql(&world, "DROP TABLE orders");
    let told = next_day(&world, &BackupRequest { shrink_guard: Some(guard), ..request() }).suspect;
    assert_eq!(told, ["1 table is gone"]);
}
