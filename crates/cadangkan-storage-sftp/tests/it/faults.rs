use std::path::Path;
use std::process::Command;

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage, WriteOptions};
use cadangkan_testkit::relay::{Fault, From, Relay};
use cadangkan_testkit::sshd::Sshd;
use serde_json::{Value, json};

use crate::support::{get, key, names, open, put, settings};

const SIZE: usize = 6 << 20;

/// The settings of a storage behind a relay. Its server is known by the name `server`.
fn through(server: &Sshd, relay: &Relay, folder: &Path) -> Value {
    let known = std::fs::read_to_string(server.file("host.pub")).unwrap();
    std::fs::write(server.file("known_relay"), format!("[127.0.0.1]:{} {known}", relay.port())).unwrap();
    let mut settings = settings(server, folder);
    settings["port"] = json!(relay.port());
    settings["known_hosts"] = json!(server.file("known_relay"));
    settings
}

/// Writes an object in pieces; it must fail.
fn fail_to_put(storage: &dyn Storage) -> cadangkan_core::Error {
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    let written = storage.begin_write(&key("shop/archive"), options).and_then(|mut writer| {
        (0..SIZE >> 16).try_for_each(|_| writer.write(&[2; 1 << 16]))?;
        writer.close()
    });
    written.map(drop).unwrap_err()
}

#[test]
fn a_connection_that_is_cut_anywhere_in_an_upload_leaves_the_old_object() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let direct = open(&settings(&server, place.path()));
    put(&*direct, "shop/archive", b"old").unwrap();
    let relay = Relay::to(server.port());
    for bytes in [10, 2_000, 100_000, 2_000_000, 6_000_000] {
        let storage = open(&through(&server, &relay, place.path()));
        relay.after(From::Client, bytes, Fault::Cut);
        let struck = relay.struck();
        let error = fail_to_put(&*storage);
        assert_eq!(error.kind(), ErrorKind::Unreachable, "after {bytes}: {error:?}");
        assert!(error.is_retryable() && error.advice().is_some(), "after {bytes}: {error:?}");
        assert_eq!(relay.struck(), struck + 1);
        assert_eq!(names(&*direct), ["shop/archive"]);
        assert_eq!(get(&*direct, "shop/archive").unwrap(), b"old");
        // It was removed by another connection.
        assert_eq!(direct.leftovers("").unwrap(), [], "after {bytes}");
        put(&*storage, "shop/archive", b"old").unwrap();
    }
}

#[test]
fn a_server_that_goes_away_in_an_upload_keeps_a_leftover_that_is_named() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let direct = open(&settings(&server, place.path()));
    put(&*direct, "shop/archive", b"old").unwrap();
    let relay = Relay::to(server.port());
    let storage = open(&through(&server, &relay, place.path()));
    relay.after(From::Client, 3_000_000, Fault::Gone);
    assert_eq!(fail_to_put(&*storage).kind(), ErrorKind::Unreachable);
    assert_eq!(relay.struck(), 1);
    assert_eq!(storage.list("").unwrap_err().kind(), ErrorKind::Unreachable);
    assert_eq!(names(&*direct), ["shop/archive"]);
    let leftovers = direct.leftovers("shop").unwrap();
    assert_eq!(leftovers.len(), 1);
    assert!(leftovers[0].size_bytes > 0 && leftovers[0].location.ends_with(".partial"), "{leftovers:?}");
    relay.heal();
    storage.discard(&leftovers[0]).unwrap();
    assert_eq!(direct.leftovers("").unwrap(), []);
    assert_eq!(get(&*storage, "shop/archive").unwrap(), b"old");
}

#[test]
fn a_server_that_says_nothing_more_is_waited_for_no_longer_than_allowed() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let relay = Relay::to(server.port());
    let mut settings = through(&server, &relay, place.path());
    settings["timeout"] = json!("2s");
    let storage = open(&settings);
    storage.check().unwrap();
    relay.after(From::Server, 1, Fault::Hang);
    let error = storage.list("").unwrap_err();
    assert_eq!((error.kind(), relay.struck()), (ErrorKind::Timeout, 1), "{error:?}");
    assert!(error.is_retryable() && error.advice().unwrap().contains("`timeout`"));
    relay.heal();
    assert_eq!(names(&*storage), Vec::<String>::new());
}

#[test]
fn a_read_that_is_cut_is_an_error_and_never_a_short_object() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..SIZE).map(|at| (at / 1000 % 251) as u8).collect();
    put(&*open(&settings(&server, place.path())), "archive", &bytes).unwrap();
    let relay = Relay::to(server.port());
    for after in [500, 10_000, 1_000_000, 6_000_000] {
        let storage = open(&through(&server, &relay, place.path()));
        let struck = relay.struck();
        relay.after(From::Server, after, Fault::Cut);
        let error = get(&*storage, "archive").unwrap_err();
        assert_eq!(
            (error.kind(), relay.struck()),
            (ErrorKind::Unreachable, struck + 1),
            "{after}: {error:?}"
        );
        assert!(get(&*storage, "archive").unwrap() == bytes, "other bytes are read than were written");
    }
}

/// A small file system in memory; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    #[allow(clippy::disallowed_methods, reason = "CI is how a machine says that nothing may be skipped")]
    fn mount() -> Option<SmallDisk> {
        let place = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(place.path());
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Some(SmallDisk(place));
        }
        assert!(std::env::var_os("CI").is_none(), "this test needs the right to mount a tmpfs");
        println!("skipped: this test needs the right to mount a tmpfs");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let (Some(server), Some(disk)) = (Sshd::start(), SmallDisk::mount()) else { return };
    let storage = open(&settings(&server, &disk.0.path().join("backups")));
    put(&*storage, "shop/archive", b"old").unwrap();
    let error = fail_to_put(&*storage);
    assert_eq!(error.kind(), ErrorKind::NoSpace, "{error:?}");
    assert!(error.advice().unwrap().contains("free space"), "{error:?}");
    assert_eq!(get(&*storage, "shop/archive").unwrap(), b"old");
    assert_eq!(storage.leftovers("").unwrap(), []);
    let space = storage.space().unwrap().unwrap();
    assert!(space.total == 3 << 20 && space.available > 2 << 20, "{space:?}");
    put(&*storage, "shop/small", b"fits again").unwrap();
}

#[test]
fn a_folder_that_is_gone_is_not_a_storage_without_backups() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let storage = open(&settings(&server, &place.path().join("mounted/backups")));
    for error in [
        storage.list("").map(drop).unwrap_err(),
        storage.stat(&key("a")).map(drop).unwrap_err(),
        storage.read(&key("a"), None).map(drop).unwrap_err(),
        storage.delete(&key("a")).unwrap_err(),
        storage.leftovers("a").map(drop).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    }
    storage.check().unwrap();
    assert_eq!(names(&*storage), Vec::<String>::new());
}

#[test]
fn links_in_the_folder_are_no_objects() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let (outside, inside) = (place.path().join("outside"), place.path().join("inside"));
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(outside.join("object"), "bytes").unwrap();
    let storage = open(&settings(&server, &inside));
    storage.check().unwrap();
    std::os::unix::fs::symlink(&outside, inside.join("folder")).unwrap();
    std::os::unix::fs::symlink(outside.join("object"), inside.join("object")).unwrap();
    assert_eq!(names(&*storage), Vec::<String>::new());
    assert_eq!(storage.list("folder").unwrap(), []);
    assert_eq!(storage.stat(&key("object")).unwrap(), None);
    storage.delete(&key("object")).unwrap();
    assert!(outside.join("object").exists());
}
