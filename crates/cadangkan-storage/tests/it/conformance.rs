use std::cell::RefCell;
use std::sync::Arc;

use cadangkan_core::ErrorKind;
use cadangkan_storage::faulty::{Fault, Faulty, Operation};
use cadangkan_storage::{Local, Memory, Throttled, conformance};

#[test]
fn memory() {
    conformance::run(&|| Box::new(Memory::new()));
}

#[test]
fn local() {
    let places = RefCell::new(Vec::new());
    conformance::run(&|| {
        let place = tempfile::tempdir().unwrap();
        let storage = Local::new(place.path());
        places.borrow_mut().push(place);
        Box::new(storage)
    });
}

#[test]
fn faulty_without_a_script() {
    conformance::run(&|| Box::new(Faulty::new(Arc::new(Memory::new()), [])));
}

#[test]
fn throttled() {
    conformance::run(&|| Box::new(Throttled::new(Box::new(Memory::new()), 1 << 32)));
}

fn run_with(fault: Fault) {
    conformance::run(&|| Box::new(Faulty::new(Arc::new(Memory::new()), [fault.clone()])));
}

#[test]
#[should_panic(expected = "clause \"what was written is read back\"")]
fn the_suite_sees_a_flipped_bit() {
    run_with(Fault::flip_written(255));
}

#[test]
#[should_panic(expected = "clause \"a large object is written in many calls\"")]
fn the_suite_sees_a_lost_tail() {
    run_with(Fault::truncate(5_000_000));
}

#[test]
#[should_panic(expected = "clause \"reading what does not exist is NotFound\"")]
fn the_suite_sees_an_error_of_the_wrong_kind() {
    run_with(Fault::fail(Operation::Read, ErrorKind::Unreachable).on("nothing"));
}
