//! Storages tried out, and what is told of those that fail.

use std::sync::Arc;

use cadangkan_core::ErrorKind;
use cadangkan_ops::Place;
use cadangkan_ops::trial::try_out;
use cadangkan_storage::faulty::{Fault, Faulty, Operation};

use crate::support::World;

/// The names of what was tried, those that failed with their kinds.
fn tried(world: &World, script: Vec<Fault>) -> (Vec<&'static str>, Vec<(&'static str, ErrorKind)>) {
    let faulty = Faulty::new(Arc::clone(&world.storage), script);
    let place = Place { name: &world.storage_name, storage: &faulty };
    let checks = world.with_context(|context| try_out(context, place)).unwrap();
    faulty.assert_all_fired();
    let failed = checks.iter().filter_map(|check| Some((check.check, check.outcome.as_ref().err()?.kind())));
    (checks.iter().map(|check| check.check).collect(), failed.collect())
}

#[test]
fn every_failure_is_told_by_the_name_of_what_does_not_work() {
    let world = World::new();
    let all = ["reach", "write", "look", "read", "list", "delete", "leftovers", "space"];
    assert_eq!(tried(&world, Vec::new()), (all.to_vec(), Vec::new()));
    let denied = |operation| vec![Fault::fail(operation, ErrorKind::Denied)];
    for (script, name, kind) in [
        (denied(Operation::Check), "reach", ErrorKind::Denied),
        (denied(Operation::Stat), "look", ErrorKind::Denied),
        (denied(Operation::Read), "read", ErrorKind::Denied),
        (vec![Fault::flip_written(70_000)], "read", ErrorKind::Io),
        (vec![Fault::flip_read(1500)], "read", ErrorKind::Io),
        (denied(Operation::List), "list", ErrorKind::Denied),
    ] {
        assert_eq!(tried(&world, script.clone()), (all.to_vec(), vec![(name, kind)]), "{script:?}");
        assert!(world.storage.list("").unwrap().is_empty(), "{script:?}");
    }
    // Without a write there is nothing to look at and to read; the rest is tried all the same.
    for operation in [Operation::BeginWrite, Operation::Write, Operation::Close] {
        let (names, failed) = tried(&world, denied(operation));
        assert_eq!(names, ["reach", "write", "list", "delete", "leftovers", "space"]);
        assert_eq!(failed, [("write", ErrorKind::Denied)], "{operation:?}");
    }
    // A storage that is away is told once.
    let away = vec![Fault::fail(Operation::Check, ErrorKind::Unreachable)];
    assert_eq!(tried(&world, away), (vec!["reach"], vec![("reach", ErrorKind::Unreachable)]));
}

#[test]
fn what_could_not_be_deleted_is_named() {
    let world = World::new();
    let script = vec![Fault::fail(Operation::Delete, ErrorKind::Denied)];
    let faulty = Faulty::new(Arc::clone(&world.storage), script);
    let place = Place { name: &world.storage_name, storage: &faulty };
    let checks = world.with_context(|context| try_out(context, place)).unwrap();
    let error = checks.iter().find_map(|check| check.outcome.as_ref().err()).unwrap();
    let left = world.storage.list("").unwrap();
    assert!(error.to_string().contains(left[0].key.as_str()), "{error}");
}
