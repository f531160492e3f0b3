use std::io::Read;
use std::ops::Range;
use std::time::Duration;

use cadangkan_core::{Leftover, Result, Timestamp};

use crate::{Key, Lifecycle, Origin};

/// A place that keeps bytes under keys.
///
/// The contract, checked by the conformance suite:
/// - An object exists whole or not at all: it appears when its writer is closed, and then survives a power cut.
/// - Reading after a successful close gives the bytes that were written.
/// - Calls may come from several threads at once. Writers of one key at once: the last one closed wins, or fails
///   with `Conflict` when it was asked not to overwrite.
/// - A place that is not there is `Unreachable`, never empty; `check` and `begin_write` make it where they can.
/// - Errors: `NotFound`, `Conflict`, `Denied`, `NoSpace`, `Unreachable`, `Timeout`, `Io`; those that may pass
///   when tried again are marked retryable. A provider of a network tries again by itself, for a bounded time
///   (`Backoff`); no other does.
pub trait Storage: Send + Sync {
    /// Where it is, for people and logs; without secrets.
    fn location(&self) -> String;

    /// What it can do.
    fn capabilities(&self) -> StorageCapabilities;

    /// For how long from its begin nothing can delete an object, where the storage is set to hold what it gets.
    fn locked_for(&self) -> Option<Duration> {
        None
    }

    /// Makes sure that the place exists and can be written, read and deleted from. Leaves nothing behind.
    fn check(&self) -> Result<()>;

    /// Begins to write an object. Nothing can be seen under the key before [`StorageWriter::close`].
    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>>;

    /// Opens an object for reading, whole or a range of it. A range beyond the end is cut at the end.
    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>>;

    /// Names an object to storages on the same server; `None` where servers do not copy by themselves.
    fn origin(&self, _key: &Key) -> Result<Option<Origin>> {
        Ok(None)
    }

    /// Has the server make an object of another one that it has; `None` when that is on another server.
    ///
    /// Tells `progress` how many bytes are copied, and ends with its error. What fails leaves nothing behind, as a writer
    /// does; the same bytes may still be written from here.
    fn copy(
        &self,
        _origin: &Origin,
        _key: &Key,
        _options: WriteOptions,
        _progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Option<ObjectInfo>> {
        Ok(None)
    }

    /// Looks at an object; `None` when there is none.
    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>>;

    /// Lists the objects whose keys lie in the folder `prefix` (all when empty), in order of their keys.
    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>>;

    /// Removes an object. Done also when there is none.
    fn delete(&self, key: &Key) -> Result<()>;

    /// Removes an object so that as little of its bytes stays as can be done from here, which may take as long as writing
    /// it did. Done also when there is none.
    fn shred(&self, key: &Key) -> Result<()> {
        self.delete(key)
    }

    /// Says what [`shred`](Storage::shred) does here, and what it does not reach: one sentence for people.
    fn about_shredding(&self) -> String {
        "removed; the server keeps its old bytes until it uses the room again, and in its snapshots, trash and backups"
            .into()
    }

    /// Lists what writers that died left in the folder `prefix`: partial files, unfinished uploads. It cannot
    /// tell them from those of a writer at work: whoever calls holds the lock of what lies there.
    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>>;

    /// Removes one leftover. Done also when it is gone already.
    fn discard(&self, leftover: &Leftover) -> Result<()>;

    /// The rules by which it moves and removes objects by itself, where there are such and they can be set from here.
    fn lifecycle(&self) -> Option<Box<dyn Lifecycle + '_>> {
        None
    }

    /// Says how much room there is; `None` where that is not known or not limited.
    fn space(&self) -> Result<Option<Space>>;

    /// Says what a person should know of it although it works, as found so far: a wrong clock, objects that stay when
    /// they are deleted.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Reads nothing before it is asked for, from now on: what passes is limited.
    fn read_no_more_than_asked(&self) {}

    /// Where on this machine's disk an object lies, for storages whose objects are files.
    fn local_path(&self, _key: &Key) -> Option<std::path::PathBuf> {
        None
    }
}

/// Writes one object. Dropping it without a close does what [`abort`](StorageWriter::abort) does, as far as it can.
pub trait StorageWriter: Send {
    /// Appends bytes.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// How many of the bytes so far did not go to the server, which had them already.
    fn passed_over(&self) -> u64 {
        0
    }

    /// Makes the object durable, and then visible under its key. After an error nothing is under the key but what
    /// was there before, and what was written is removed or shows up as a leftover.
    fn close(self: Box<Self>) -> Result<ObjectInfo>;

    /// Throws away what was written.
    fn abort(self: Box<Self>) -> Result<()>;
}

/// How an object is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Whether an object that exists under the key is replaced; otherwise closing fails with `Conflict`.
    pub overwrite: bool,
    /// About how many bytes will be written, where that is known; a hint for the size of parts.
    pub expected_size: Option<u64>,
    /// Whether parts are taken as they are that a writer of the same object, which died, has left: those alone which the
    /// server says are the same bytes. Where it does not, all are sent.
    pub resume: bool,
    /// What the object is about, for storages that can say it beside an object and were asked to.
    pub tags: Vec<(&'static str, String)>,
}

/// An object that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its key.
    pub key: Key,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last written, by the storage's own clock.
    pub modified: Option<Timestamp>,
}

/// What a storage can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StorageCapabilities {
    /// Refuses to overwrite also when two writers race.
    pub atomic_create: bool,
    /// Its objects are files on this machine.
    pub local: bool,
}

/// Room in a storage, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What this program may still write.
    pub available: u64,
    /// All there is.
    pub total: u64,
}
