//! Storages on servers, and what is put into them.

use std::path::Path;

use cadangkan_core::Result;
use cadangkan_storage::{Key, ObjectInfo, Storage, WriteOptions};
use cadangkan_storage_sftp::SFTP;
use cadangkan_testkit::sshd::Sshd;
use serde_json::{Value, json};

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

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

pub(crate) fn put(storage: &dyn Storage, name: &str, bytes: &[u8]) -> Result<ObjectInfo> {
    let mut writer =
        storage.begin_write(&key(name), WriteOptions { overwrite: true, ..WriteOptions::default() })?;
    writer.write(bytes)?;
    writer.close()
}

pub(crate) fn get(storage: &dyn Storage, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = storage.read(&key(name), None)?;
    std::io::Read::read_to_end(&mut reader, &mut bytes)
        .map_err(|error| cadangkan_core::Error::io("cannot read", error))?;
    Ok(bytes)
}

pub(crate) fn names(storage: &dyn Storage) -> Vec<String> {
    storage.list("").unwrap().into_iter().map(|object| object.key.as_str().to_owned()).collect()
}
