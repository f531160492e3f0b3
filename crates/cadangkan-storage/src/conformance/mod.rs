//! The contract of [`Storage`] as a suite that every provider runs.
//!
//! Each failure names the clause that does not hold.

#![allow(clippy::expect_used, clippy::panic, reason = "a suite fails by panicking")]

mod concurrent;
mod keys;
mod leftovers;
mod listing;
mod objects;
mod reading;
pub mod world;
mod writing;

use std::io::Read;
use std::ops::Range;

use cadangkan_core::{ErrorKind, Result};

use crate::{Key, ObjectInfo, Storage, StorageWriter, WriteOptions};

/// Runs the whole suite. `make` gives a storage without objects that nobody else uses, each time a new one.
pub fn run(make: &dyn Fn() -> Box<dyn Storage>) {
    run_with_races(20, make);
}

/// The same with so many rounds of each race: for storages of which a call takes a tenth of a second.
pub fn run_with_races(races: u32, make: &dyn Fn() -> Box<dyn Storage>) {
    for (clause, test) in CLAUSES {
        let subject = Subject { storage: make(), clause, races };
        let found = subject.storage.list("").expect("a new storage can be listed");
        assert!(found.is_empty(), "the suite needs an empty storage, but there is {found:?}");
        test(&subject);
    }
}

type Clause = (&'static str, fn(&Subject));

const CLAUSES: &[Clause] = &[
    ("what was written is read back", writing::round_trip),
    ("an empty object exists", writing::empty),
    ("a large object is written in many calls", writing::large),
    ("nothing is visible before the close", writing::invisible_until_closed),
    ("overwriting replaces the whole object", writing::overwrite),
    ("without overwriting, the close of an existing key is a conflict", writing::conflict),
    ("an aborted writer leaves nothing", writing::abort),
    ("a dropped writer leaves nothing", writing::dropped),
    ("an aborted overwrite leaves the old object", writing::abort_of_overwrite),
    ("a range is read, and cut at the end", reading::ranges),
    ("reading what does not exist is NotFound", reading::missing),
    (
        "an open reader survives the deletion, or fails; it never gives wrong bytes",
        reading::deleted_meanwhile,
    ),
    ("stat tells size and key, and None for what does not exist", objects::stat),
    ("deleting is done also when there is nothing", objects::delete_twice),
    ("shredding removes an object, also when there is nothing", objects::shred),
    ("a deleted key can be written again", objects::write_after_delete),
    ("check leaves nothing behind", objects::check),
    ("space is not larger than all there is", objects::space),
    ("a list is in order of the keys", listing::order),
    ("a folder's list has nothing of its neighbours", listing::borders),
    ("the list of a folder that does not exist is empty", listing::nothing),
    ("a folder that could leave the storage is refused", listing::hostile),
    ("odd but valid keys work", keys::odd),
    ("a killed writer's bytes are never an object", leftovers::killed_writer),
    ("leftovers can be discarded, also twice", leftovers::discard),
    ("discarding takes nothing but leftovers", leftovers::hostile),
    ("of creators that race exactly one wins", concurrent::creators),
    ("of writers that race one wins whole", concurrent::writers),
    ("writers and deleters of one folder do not disturb each other", concurrent::folders),
];

/// The storage under test, and what is tested.
struct Subject {
    storage: Box<dyn Storage>,
    clause: &'static str,
    races: u32,
}

impl Subject {
    /// Fails the clause unless a condition holds.
    #[track_caller]
    fn ensure(&self, holds: bool, what: &str) {
        assert!(holds, "clause \"{}\": {what}", self.clause);
    }

    /// Fails the clause when a call failed.
    #[track_caller]
    fn ok<T>(&self, result: Result<T>, call: &str) -> T {
        result.unwrap_or_else(|error| panic!("clause \"{}\": {call} failed: {error:?}", self.clause))
    }

    /// Fails the clause unless a call failed with a kind.
    #[track_caller]
    fn fails<T>(&self, result: Result<T>, kind: ErrorKind, call: &str) {
        match result {
            Ok(_) => panic!("clause \"{}\": {call} must fail with {kind:?}, but did not", self.clause),
            Err(error) => {
                assert_eq!(error.kind(), kind, "clause \"{}\": {call} failed with {error:?}", self.clause);
            }
        }
    }

    #[track_caller]
    fn begin(&self, name: &str, overwrite: bool) -> Box<dyn StorageWriter> {
        self.ok(
            self.storage.begin_write(&key(name), WriteOptions { overwrite, ..WriteOptions::default() }),
            "begin_write",
        )
    }

    #[track_caller]
    fn put(&self, name: &str, bytes: &[u8]) -> ObjectInfo {
        let mut writer = self.begin(name, false);
        self.ok(writer.write(bytes), "write");
        self.ok(writer.close(), "close")
    }

    #[track_caller]
    fn get(&self, name: &str, range: Option<Range<u64>>) -> Vec<u8> {
        let mut reader = self.ok(self.storage.read(&key(name), range), "read");
        let mut bytes = Vec::new();
        let read =
            reader.read_to_end(&mut bytes).map_err(|error| cadangkan_core::Error::io("cannot read", error));
        self.ok(read, "reading");
        bytes
    }

    #[track_caller]
    fn names(&self, prefix: &str) -> Vec<String> {
        let objects = self.ok(self.storage.list(prefix), "list");
        objects.into_iter().map(|object| object.key.as_str().to_owned()).collect()
    }

    /// Fails the clause unless the storage has just these objects and nothing unfinished.
    #[track_caller]
    fn holds_only(&self, names: &[&str]) {
        let found = self.names("");
        self.ensure(found == names, &format!("the objects are {found:?}, not {names:?}"));
        let leftovers = self.ok(self.storage.leftovers(""), "leftovers");
        self.ensure(leftovers.is_empty(), &format!("there are leftovers: {leftovers:?}"));
    }
}

fn key(name: &str) -> Key {
    Key::new(name).expect("a valid key")
}
