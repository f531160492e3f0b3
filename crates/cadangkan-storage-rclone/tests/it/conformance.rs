use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::Command;

use cadangkan_storage::{Storage, conformance};
use cadangkan_storage_rclone::RCLONE;
use cadangkan_testkit::storages::StorageServer;
use serde_json::json;

/// Tells whether there is an rclone; where there is none the test is skipped on a person's machine and fails in CI.
#[allow(clippy::disallowed_methods, reason = "CI is how a machine says that nothing may be skipped")]
pub(crate) fn has_rclone() -> bool {
    let has = Command::new("rclone").arg("version").output().is_ok();
    assert!(has || std::env::var_os("CI").is_none(), "this test needs rclone");
    if !has {
        println!("skipped: this test needs rclone");
    }
    has
}

pub(crate) fn open(config: &Path, remote: &str) -> Box<dyn Storage> {
    (RCLONE.open)(&json!({ "remote": remote, "rclone_config": config, "timeout": "20s" })).unwrap()
}

/// Writes a configuration with the remote `dav`, which is a server of WebDAV on this port.
pub(crate) fn configure(folder: &Path, server: &StorageServer, port: u16) -> PathBuf {
    let obscured = Command::new("rclone").args(["obscure", server.setting("password")]).output().unwrap();
    let password = String::from_utf8(obscured.stdout).unwrap();
    let user = server.setting("user");
    let config = folder.join("rclone.conf");
    let text = format!(
        "[dav]\ntype = webdav\nurl = http://127.0.0.1:{port}\nvendor = other\nuser = {user}\npass = {password}\n"
    );
    std::fs::write(&config, text).unwrap();
    config
}

/// Files of this machine, since one key of the suite has 500 folders: behind WebDAV each list of them takes seconds.
#[test]
fn files() {
    if !has_rclone() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let config = place.path().join("rclone.conf");
    std::fs::write(&config, "[here]\ntype = local\n").unwrap();
    let number = Cell::new(0);
    conformance::run_with_races(2, &|| {
        number.set(number.get() + 1);
        let folder = place.path().join(number.get().to_string());
        std::fs::create_dir(&folder).unwrap();
        open(&config, &format!("here:{}", folder.display()))
    });
}
