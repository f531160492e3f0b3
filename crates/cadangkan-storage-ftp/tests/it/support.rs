//! Storages on the server, and what is put into them.

use std::io::Read as _;
use std::time::Duration;

use cadangkan_core::{Error, Result};
use cadangkan_storage::{Backoff, Key, ObjectInfo, Storage, WriteOptions, new_partial_name};
use cadangkan_storage_ftp::Ftp;
use cadangkan_testkit::storages::StorageServer;
use serde_json::{Value, json};

/// Short waits, so that tests are quick.
pub(crate) const QUICK: Backoff =
    Backoff { attempts: 7, first: Duration::from_millis(20), longest: Duration::from_millis(300) };

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

/// The settings of a new folder on the server, reached by this port, with TLS by `AUTH TLS`.
pub(crate) fn settings(server: &StorageServer, port: u16) -> Value {
    json!({
        "host": "127.0.0.1",
        "port": port,
        "user": server.setting("user"),
        "password": server.setting("password"),
        "ca_file": server.setting("ca_file"),
        "path": format!("{}/the backups", new_partial_name("ftp")),
        "timeout": "20s",
    })
}

/// The same with TLS from the first byte on.
pub(crate) fn implicit(server: &StorageServer) -> Value {
    let mut settings = settings(server, server.setting("implicit_port").parse().unwrap());
    settings["tls"] = json!("implicit");
    settings["host"] = json!("localhost");
    settings
}

pub(crate) fn open(settings: &Value) -> Ftp {
    Ftp::open(settings, QUICK).unwrap()
}

pub(crate) fn replace() -> WriteOptions {
    WriteOptions { overwrite: true, ..WriteOptions::default() }
}

pub(crate) fn put(
    storage: &dyn Storage,
    name: &str,
    bytes: &[u8],
    options: WriteOptions,
) -> Result<ObjectInfo> {
    let mut writer = storage.begin_write(&key(name), options)?;
    writer.write(bytes)?;
    writer.close()
}

pub(crate) fn get(storage: &dyn Storage, name: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = storage.read(&key(name), None)?;
    reader.read_to_end(&mut bytes).map_err(|error| Error::io("cannot read", error))?;
    Ok(bytes)
}

pub(crate) fn names(storage: &dyn Storage) -> Vec<String> {
    storage.list("").unwrap().into_iter().map(|object| object.key.as_str().to_owned()).collect()
}

/// Bytes of which no two pieces are alike.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at / 1000 % 251) as u8).collect()
}
