use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Storage as _, new_partial_name};
use cadangkan_storage_ftp::Ftp;
use cadangkan_testkit::passive::passive;
use cadangkan_testkit::relay::{Fault, From, Relay};
use cadangkan_testkit::relayed::Relayed;
use cadangkan_testkit::storages::{StorageServer, storage_server};
use serde_json::json;

use crate::support::{bytes, get, key, open, put, replace, settings};

/// Larger than all that waits on the way.
const SIZE: usize = 24 << 20;

/// Gives a storage of which commands and data pass a relay, without TLS, and the same without a relay, with TLS.
fn behind_relay(server: &StorageServer, timeout: &str, test: impl FnOnce(Relayed<'_>)) {
    let (relay, _) = passive(server.port);
    let (storage, straight) = ways(server, &relay, timeout);
    test(Relayed { relay: &relay, storage: &storage, straight: &straight });
}

fn ways(server: &StorageServer, relay: &Relay, timeout: &str) -> (Ftp, Ftp) {
    let direct = settings(server, server.port);
    let mut through = direct.clone();
    through["port"] = json!(relay.port());
    through["tls"] = json!("none");
    through["timeout"] = json!(timeout);
    (open(&through), open(&direct))
}

#[test]
fn an_upload_that_is_cut_leaves_what_was_there() {
    let Some(server) = storage_server("ftp") else { return };
    behind_relay(&server, "20s", |relayed| {
        for error in relayed.an_upload_that_is_cut_leaves_what_was_there([2_000_000, 3_000_000]) {
            assert!(matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Io), "{error:?}");
        }
    });
}

#[test]
fn a_server_that_is_gone_keeps_no_object_and_names_the_leftover() {
    let Some(server) = storage_server("ftp") else { return };
    behind_relay(&server, "20s", |relayed| {
        assert_eq!(relayed.a_server_that_is_gone_keeps_no_object_and_names_the_leftover(), 1);
    });
}

#[test]
fn small_objects_and_questions_are_sent_again() {
    let Some(server) = storage_server("ftp") else { return };
    behind_relay(&server, "20s", |relayed| relayed.small_objects_and_questions_are_sent_again());
}

#[test]
fn a_lost_answer_is_no_conflict() {
    let Some(server) = storage_server("ftp") else { return };
    behind_relay(&server, "20s", |relayed| relayed.a_lost_answer_is_no_conflict(23, 11));
}

/// A router forgets a connection that says nothing while a long upload goes on beside it.
#[test]
fn an_upload_of_which_only_the_servers_word_is_lost_is_whole() {
    let Some(server) = storage_server("ftp") else { return };
    behind_relay(&server, "20s", |Relayed { relay, storage, straight }| {
        let mut writer = storage.begin_write(&key("archive"), replace()).unwrap();
        writer.write(&bytes(SIZE)).unwrap();
        // The last piece is still to be sent; then the server says that it has all.
        relay.after(From::Server, 1, Fault::Cut);
        assert_eq!((writer.close().unwrap().size, relay.struck()), (SIZE as u64, 1));
        assert!(get(straight, "archive").unwrap() == bytes(SIZE), "other bytes are read than were written");
    });
}

#[test]
fn a_read_that_is_cut_goes_on_where_it_was() {
    let Some(server) = storage_server("ftp") else { return };
    behind_relay(&server, "20s", |relayed| relayed.a_read_that_is_cut_goes_on_where_it_was());
}

#[test]
fn an_object_that_is_replaced_while_it_is_read_is_not_mixed() {
    let Some(server) = storage_server("ftp") else { return };
    behind_relay(&server, "20s", |relayed| {
        relayed.an_object_that_is_replaced_while_it_is_read_is_not_mixed()
    });
}

#[test]
fn a_server_that_says_nothing_more_is_waited_for_no_longer_than_allowed() {
    let Some(server) = storage_server("ftp") else { return };
    behind_relay(&server, "1s", |relayed| {
        relayed.a_server_that_says_nothing_more_is_waited_for_no_longer_than_allowed()
    });
}

#[test]
fn a_session_serves_on_after_a_range() {
    let Some(server) = storage_server("ftp") else { return };
    let (relay, logins) = passive(server.port);
    let (storage, direct) = ways(&server, &relay, "20s");
    let content = bytes(SIZE);
    put(&direct, "archive", &content, replace()).unwrap();
    for at in (0..SIZE).step_by(SIZE / 20) {
        let mut part = Vec::new();
        let range = at as u64..at as u64 + 1000;
        storage.read(&key("archive"), Some(range)).unwrap().read_to_end(&mut part).unwrap();
        assert!(part == content[at..(at + 1000).min(SIZE)], "other bytes are read than were asked for");
    }
    // One does, unless the server is so busy that it does not end a transfer in time.
    let logins = logins.load(Ordering::SeqCst);
    assert!(logins < 10, "{logins}");
}

/// A small file system in memory, in the server's folder; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    #[allow(clippy::disallowed_methods, reason = "CI is how a machine says that nothing may be skipped")]
    fn mount(server: &StorageServer) -> Option<SmallDisk> {
        let home = Path::new(server.setting("ca_file")).ancestors().nth(2).unwrap();
        let place = home.join("files").join(new_partial_name("disk"));
        std::fs::create_dir(&place).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=3m,mode=0777", "tmpfs"]).arg(&place);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        let disk = SmallDisk(place);
        assert!(mounted || std::env::var_os("CI").is_none(), "this test needs the right to mount a tmpfs");
        if !mounted {
            println!("skipped: this test needs the right to mount a tmpfs");
        }
        mounted.then_some(disk)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let Some(server) = storage_server("ftp") else { return };
    let Some(disk) = SmallDisk::mount(&server) else { return };
    for tls in ["explicit", "none"] {
        let mut settings = settings(&server, server.port);
        let name = disk.0.file_name().unwrap().to_str().unwrap();
        settings["path"] = json!(format!("{name}/{tls}"));
        settings["tls"] = json!(tls);
        let storage = open(&settings);
        put(&storage, "shop/archive", b"old", replace()).unwrap();
        let full = |error: cadangkan_core::Error| {
            assert_eq!(error.kind(), ErrorKind::NoSpace, "{tls}: {error:?}");
            assert!(error.advice().unwrap().contains("free space") && !error.is_retryable(), "{error:?}");
        };
        full(put(&storage, "shop/archive", &bytes(SIZE), replace()).unwrap_err());
        assert_eq!(get(&storage, "shop/archive").unwrap(), b"old");
        assert_eq!(storage.leftovers("").unwrap(), []);
        // What goes by one piece fails alike.
        put(&storage, "shop/filler", &bytes(2_500_000), replace()).unwrap();
        full(put(&storage, "shop/archive", &bytes(900_000), replace()).unwrap_err());
        assert_eq!(
            (get(&storage, "shop/archive").unwrap(), storage.leftovers("").unwrap()),
            (b"old".into(), vec![])
        );
        storage.delete(&key("shop/filler")).unwrap();
        put(&storage, "shop/small", b"fits again", replace()).unwrap();
    }
}
