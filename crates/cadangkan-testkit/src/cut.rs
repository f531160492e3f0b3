//! What every storage behind HTTP must do on a bad network; each is a test of its own.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests may fail"
)]

use std::io::Read as _;
use std::time::{Duration, Instant};

use cadangkan_core::ErrorKind;
use cadangkan_storage::conformance::world::{bytes, key, put, replace, try_get as get};
use cadangkan_storage::{Storage, WriteOptions};

use crate::proxy::{Fault, Proxy};

/// A storage behind a proxy, and the same without one.
#[derive(Clone, Copy)]
pub struct Cut<'a> {
    /// What goes wrong.
    pub proxy: &'a Proxy,
    /// Behind it.
    pub storage: &'a dyn Storage,
    /// Beside it.
    pub straight: &'a dyn Storage,
}

fn new() -> WriteOptions {
    WriteOptions::default()
}

impl Cut<'_> {
    /// Small objects are whole wherever they are cut, as long as it passes.
    pub fn small_objects_survive_a_cut_at_any_byte(self) {
        let content = bytes(700);
        for (number, at) in (0..1600).step_by(97).enumerate() {
            for fault in [Fault::CutSending(at), Fault::CutReceiving(at)] {
                let name = format!("{number}-{}", matches!(fault, Fault::CutSending(_)));
                self.proxy.set(fault.clone(), 3);
                let info = put(self.storage, &name, &content, new()).unwrap();
                assert_eq!(info.size, 700, "{fault:?}");
                self.proxy.set(fault.clone(), 2);
                assert_eq!(get(self.storage, &name).unwrap(), content, "{fault:?}");
            }
        }
        self.proxy.heal();
        assert!(self.straight.leftovers("").unwrap().is_empty());
    }

    /// A server that names a second in `Retry-After` gets it. `busy` is its word for that.
    pub fn the_server_is_given_the_time_it_asks_for(self, busy: &str) {
        self.proxy.set(Fault::refuse(503, busy, "retry-after: 1\r\n"), 1);
        let begun = Instant::now();
        put(self.storage, "object", b"x", new()).unwrap();
        assert!(begun.elapsed() >= Duration::from_secs(1) && self.proxy.happened() == 1);
    }

    /// An object that is there since the answer to its making was lost was made by us; another's is a conflict. `larger` is
    /// the length of one that is not sent by one request, where the server's answers can be lost there too.
    pub fn a_lost_answer_is_no_conflict(self, larger: usize) {
        for (name, length) in [("small", 10), ("larger", larger)] {
            let mut writer = self.storage.begin_write(&key(name), new()).unwrap();
            writer.write(&bytes(length)).unwrap();
            // Every answer is lost for a while, also the one that says that the object is made.
            self.proxy.set(Fault::LoseAnswer, 3);
            writer.close().unwrap();
            assert_eq!(self.proxy.happened(), 3, "{name}");
            self.proxy.heal();
            assert!(get(self.straight, name).unwrap() == bytes(length), "{name}");
        }
        assert_eq!(put(self.storage, "small", b"y", new()).unwrap_err().kind(), ErrorKind::Conflict);
    }

    /// Of a storage whose `timeout` is a second: what moves is waited for, what does not is told.
    pub fn slow_is_no_fault_and_a_crawl_is(self, part: usize) {
        let content = bytes(part + (1 << 20));
        self.proxy.set(Fault::Rate(2 << 20), u32::MAX);
        put(self.storage, "slow", &content, new()).unwrap();
        assert!(get(self.storage, "slow").unwrap() == content && self.proxy.happened() > 0);
        for fault in [Fault::Rate(50), Fault::Silence] {
            self.proxy.set(fault.clone(), u32::MAX);
            let failed = put(self.storage, "crawl", b"x", new()).unwrap_err();
            assert!(
                failed.kind() == ErrorKind::Timeout && self.proxy.happened() > 0,
                "{fault:?}: {failed:?}"
            );
            assert!(self.straight.stat(&key("crawl")).unwrap().is_none());
        }
    }

    /// A read that is cut does not go on in another object under the same name.
    pub fn an_object_that_is_replaced_while_it_is_read_is_not_mixed(self) {
        put(self.straight, "object", &bytes(4 << 20), new()).unwrap();
        self.proxy.set(Fault::CutReceiving(1 << 20), 1);
        let mut reader = self.storage.read(&key("object"), None).unwrap();
        reader.read_exact(&mut [0; 1000]).unwrap();
        put(self.straight, "object", &[7; 4 << 20], replace()).unwrap();
        let failed = reader.read_to_end(&mut Vec::new()).unwrap_err();
        assert!(failed.to_string().contains("replaced while it was read"), "{failed}");
        assert_eq!(self.proxy.happened(), 1);
    }
}
