use std::io::Read as _;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::{Key, Storage, WriteOptions};
use cadangkan_storage_rclone::RCLONE;
use cadangkan_testkit::relay::{Fault, From, Relay};
use cadangkan_testkit::storages::storage_server;
use serde_json::json;

use crate::conformance::{configure, has_rclone, open};

const SIZE: usize = 8 << 20;

fn put(storage: &dyn Storage, bytes: &[u8]) -> Result<()> {
    let mut writer = storage.begin_write(
        &Key::new("shop/archive")?,
        WriteOptions { overwrite: true, ..WriteOptions::default() },
    )?;
    bytes.chunks(1 << 16).try_for_each(|chunk| writer.write(chunk))?;
    writer.close().map(drop)
}

fn get(storage: &dyn Storage) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader = storage.read(&Key::new("shop/archive")?, None)?;
    reader.read_to_end(&mut bytes).map_err(|error| Error::io("cannot read", error))?;
    Ok(bytes)
}

#[test]
fn what_is_cut_is_an_error_and_leaves_the_old_object() {
    let Some(server) = storage_server("webdav").filter(|_| has_rclone()) else { return };
    let [near, far] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let relay = Relay::to(server.port);
    let remote = format!("dav:{}", cadangkan_storage::new_partial_name("faults"));
    let direct = open(&configure(near.path(), &server, server.port), &remote);
    let storage = open(&configure(far.path(), &server, relay.port()), &remote);
    direct.check().unwrap();
    let old: Vec<u8> = (0..SIZE).map(|at| (at / 999 % 251) as u8).collect();
    put(&*direct, &old).unwrap();

    relay.after(From::Client, 3_000_000, Fault::Gone);
    let error = put(&*storage, &vec![1; SIZE]).unwrap_err();
    assert!(error.kind() == ErrorKind::Unreachable && error.is_retryable(), "{error:?}");
    assert_eq!(relay.struck(), 1);
    assert!(get(&*direct).unwrap() == old, "the old object was changed");
    assert_eq!(direct.list("").unwrap().len(), 1);
    for leftover in direct.leftovers("").unwrap() {
        direct.discard(&leftover).unwrap();
    }
    assert_eq!(direct.leftovers("").unwrap(), []);
    assert_eq!(storage.list("").unwrap_err().kind(), ErrorKind::Unreachable);

    relay.heal();
    relay.after(From::Server, 4_000_000, Fault::Gone);
    get(&*storage).unwrap_err();
    assert_eq!(relay.struck(), 2);
}

#[test]
fn an_object_of_the_same_size_is_replaced_too() {
    if !has_rclone() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("rclone.conf");
    std::fs::write(&config, "[here]\ntype = local\n").unwrap();
    let storage = open(&config, &format!("here:{}/files", place.path().display()));
    storage.check().unwrap();
    for bytes in [b"first", b"other"] {
        put(&*storage, bytes).unwrap();
        assert_eq!(std::fs::read(place.path().join("files/shop/archive")).unwrap(), bytes);
    }
    assert!(storage.space().unwrap().is_some());
    assert_eq!(storage.leftovers("").unwrap(), []);
}

#[test]
fn a_program_or_a_remote_that_is_not_there_is_told() {
    let settings = json!({ "remote": "box:b", "program": "/nowhere/rclone" });
    let error = (RCLONE.open)(&settings).unwrap().check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(error.advice().unwrap().contains("install rclone"));
    if has_rclone() {
        let place = tempfile::tempdir().unwrap();
        let config = place.path().join("rclone.conf");
        std::fs::write(&config, "").unwrap();
        let error = open(&config, "box:b").check().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error:?}");
        assert!(error.advice().unwrap().contains("rclone config"), "{error:?}");
    }
}
