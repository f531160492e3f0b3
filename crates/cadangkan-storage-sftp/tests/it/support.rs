//! Storages on servers, and what is put into them.

use std::path::Path;

use cadangkan_core::Result;
use cadangkan_storage::conformance::world;
pub(crate) use cadangkan_storage::conformance::world::{key, names, try_get as get};
use cadangkan_storage::{ObjectInfo, Storage};
use cadangkan_storage_sftp::SFTP;
use cadangkan_testkit::sshd::Sshd;
use serde_json::{Value, json};

pub(crate) fn open(settings: &Value) -> Box<dyn Storage> {
    (SFTP.open)(settings).unwrap()
}

/// The settings of a folder on a server that shares this machine's files.
pub(crate) fn settings(server: &Sshd, folder: &Path) -> Value {
    json!({
        "host": "127.0.0.1",
        "port": server.port(),
        "path": folder,
        "key": server.file("key"),
        "known_hosts": server.file("known_hosts"),
        "ssh_config": "/dev/null",
    })
}

/// Writes an object in the place of one that may be there.
pub(crate) fn put(storage: &dyn Storage, name: &str, bytes: &[u8]) -> Result<ObjectInfo> {
    world::put(storage, name, bytes, world::replace())
}
