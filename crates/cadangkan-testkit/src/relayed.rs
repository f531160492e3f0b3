//! What every storage that sends an object as one stream, and renames it, must do on a bad network; each is a test of its own.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail"
)]

use std::io::Read as _;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_storage::conformance::world::{bytes, key, names, put, replace, try_get as get};
use cadangkan_storage::{Storage, WriteOptions};

use crate::relay::{Fault, From, Relay};

/// Larger than all that waits on the way.
const SIZE: usize = 24 << 20;

/// A storage behind a relay, and the same without one.
#[derive(Clone, Copy)]
pub struct Relayed<'a> {
    /// What goes wrong.
    pub relay: &'a Relay,
    /// Behind it.
    pub storage: &'a dyn Storage,
    /// Beside it.
    pub straight: &'a dyn Storage,
}

impl Relayed<'_> {
    /// An object stays as it was when the upload in its place is cut at one of these bytes, near its end, and nothing is left
    /// behind. Returns how that failed.
    pub fn an_upload_that_is_cut_leaves_what_was_there(self, at: [u64; 2]) -> Vec<Error> {
        put(self.straight, "shop/archive", b"old", replace()).unwrap();
        let cut = |after| {
            let error = self.fails_to_write("shop/archive", after, Fault::Cut);
            assert_eq!(get(self.straight, "shop/archive").unwrap(), b"old");
            assert_eq!(names(self.straight), ["shop/archive"]);
            assert_eq!(self.straight.leftovers("").unwrap(), []);
            error
        };
        let errors = at.into_iter().chain([SIZE as u64 - 1000]).map(cut).collect();
        assert_eq!(put(self.storage, "shop/archive", &bytes(SIZE), replace()).unwrap().size, SIZE as u64);
        let stored = get(self.straight, "shop/archive").unwrap();
        assert!(stored == bytes(SIZE), "other bytes are read than were written");
        errors
    }

    /// Where the server is gone in the middle of an upload there is no object. Returns how many leftovers there are by then,
    /// each named after the object.
    pub fn a_server_that_is_gone_keeps_no_object_and_names_the_leftover(self) -> usize {
        let error = self.fails_to_write("shop/archive", 3_000_000, Fault::Gone);
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
        assert_eq!(self.storage.list("").unwrap_err().kind(), ErrorKind::Unreachable);
        self.relay.heal();
        assert_eq!(names(self.straight), Vec::<String>::new());
        let leftovers = self.straight.leftovers("shop").unwrap();
        for leftover in &leftovers {
            assert!(leftover.location.starts_with("shop/archive."), "{leftover:?}");
            self.straight.discard(leftover).unwrap();
        }
        assert_eq!(self.storage.leftovers("").unwrap(), []);
        leftovers.len()
    }

    /// What is small and what only asks is sent again, wherever it is cut.
    pub fn small_objects_and_questions_are_sent_again(self) {
        let content = bytes(500_000);
        for (from, after) in [(From::Client, 100), (From::Client, 300_000), (From::Server, 10)] {
            let mut writer = self.storage.begin_write(&key("manifest"), replace()).unwrap();
            writer.write(&content).unwrap();
            let struck = self.relay.struck();
            self.relay.after(from, after, Fault::Cut);
            assert_eq!(writer.close().unwrap().size, content.len() as u64);
            assert_eq!(self.relay.struck(), struck + 1);
            assert!(get(self.straight, "manifest").unwrap() == content);
        }
        self.relay.after(From::Server, 10, Fault::Cut);
        assert_eq!((names(self.storage), self.relay.struck()), (vec!["manifest".to_owned()], 4));
    }

    /// An object that is there since the answer to its making was lost was made by us; another's is a conflict. The answers to
    /// the upload, to what is asked then and to the renaming are cut at each `step`th byte, `least` times or more.
    pub fn a_lost_answer_is_no_conflict(self, step: usize, least: u32) {
        let mut lost = 0;
        for after in (1..).step_by(step) {
            let name = format!("object{after}");
            let mut writer = self.storage.begin_write(&key(&name), WriteOptions::default()).unwrap();
            writer.write(b"bytes").unwrap();
            self.relay.after(From::Server, after, Fault::Cut);
            assert_eq!(writer.close().unwrap().size, 5, "{after}");
            assert_eq!(get(self.straight, &name).unwrap(), b"bytes");
            if self.relay.struck() == lost {
                break;
            }
            lost = self.relay.struck();
        }
        assert!(lost >= least, "{lost}");
        self.relay.heal();
        let again = put(self.storage, "object1", b"other", WriteOptions::default()).unwrap_err();
        assert_eq!(again.kind(), ErrorKind::Conflict, "{again:?}");
        assert_eq!(get(self.storage, "object1").unwrap(), b"bytes");
        assert_eq!(self.storage.leftovers("").unwrap(), []);
    }

    /// A read goes on where it was cut, also one of a range; where the server is gone it fails.
    pub fn a_read_that_is_cut_goes_on_where_it_was(self) {
        put(self.straight, "archive", &bytes(SIZE), replace()).unwrap();
        for after in [10, 10_000, 1_000_000, 20_000_000] {
            let struck = self.relay.struck();
            self.relay.after(From::Server, after, Fault::Cut);
            assert!(
                get(self.storage, "archive").unwrap() == bytes(SIZE),
                "other bytes are read than were written"
            );
            assert_eq!(self.relay.struck(), struck + 1, "{after}");
        }
        let struck = self.relay.struck();
        self.relay.after(From::Server, 1_000_000, Fault::Cut);
        let (range, mut part) = (1_234_567..9_876_543, Vec::new());
        self.storage.read(&key("archive"), Some(range)).unwrap().read_to_end(&mut part).unwrap();
        assert!(part == bytes(SIZE)[1_234_567..9_876_543], "other bytes are read than were asked for");
        self.relay.after(From::Server, 1_000_000, Fault::Gone);
        let error = get(self.storage, "archive").unwrap_err();
        assert_eq!((error.kind(), self.relay.struck()), (ErrorKind::Unreachable, struck + 2), "{error:?}");
    }

    /// A read that is cut does not go on in another object under the same name.
    pub fn an_object_that_is_replaced_while_it_is_read_is_not_mixed(self) {
        put(self.straight, "archive", &bytes(SIZE), replace()).unwrap();
        self.relay.after(From::Server, 10_000_000, Fault::Cut);
        let mut reader = self.storage.read(&key("archive"), None).unwrap();
        reader.read_exact(&mut [0; 1000]).unwrap();
        put(self.straight, "archive", &vec![7; SIZE], replace()).unwrap();
        let failed = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(failed.to_string().contains("replaced while it was read"), "{failed}");
        assert_eq!(self.relay.struck(), 1);
    }

    /// Of a storage whose `timeout` is a second: who says nothing more is waited for no longer.
    pub fn a_server_that_says_nothing_more_is_waited_for_no_longer_than_allowed(self) {
        put(self.storage, "archive", &bytes(SIZE), replace()).unwrap();
        self.relay.after(From::Server, 1, Fault::Hang);
        let error = self.storage.list("").unwrap_err();
        assert_eq!((error.kind(), self.relay.struck()), (ErrorKind::Timeout, 1), "{error:?}");
        assert!(error.is_retryable() && error.advice().unwrap().contains("`timeout`"));
        self.relay.heal();
        self.relay.after(From::Server, 1_000_000, Fault::Hang);
        let error = get(self.storage, "archive").unwrap_err();
        assert_eq!((error.kind(), self.relay.struck()), (ErrorKind::Timeout, 2), "{error:?}");
        self.relay.heal();
        let error = self.fails_to_write("other", 2_000_000, Fault::Hang);
        assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
        self.relay.heal();
        assert_eq!(names(self.straight), ["archive"]);
    }

    /// Writes an object while something goes wrong once after so many bytes.
    fn fails_to_write(self, name: &str, after: u64, fault: Fault) -> Error {
        let mut writer = self.storage.begin_write(&key(name), replace()).unwrap();
        let struck = self.relay.struck();
        self.relay.after(From::Client, after, fault);
        let error = writer.write(&bytes(SIZE)).and_then(|()| writer.close().map(drop)).unwrap_err();
        assert_eq!(self.relay.struck(), struck + 1, "{error:?}");
        error
    }
}
