use std::cell::Cell;

use cadangkan_storage::conformance;
use cadangkan_testkit::sshd::Sshd;
use cadangkan_testkit::storages::storage_server;
use serde_json::json;

use crate::support::{open, settings};

#[test]
fn a_server_of_this_machine() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let number = Cell::new(0);
    conformance::run(&|| {
        number.set(number.get() + 1);
        let storage = open(&settings(&server, &place.path().join(number.get().to_string())));
        storage.check().unwrap();
        storage
    });
}

/// Another release, whose user may do nothing but SFTP, and logs in by a password.
#[test]
fn a_newer_server_and_a_password() {
    let Some(server) = storage_server("sftp") else { return };
    let number = Cell::new(0);
    let unique = cadangkan_storage::new_partial_name("conformance");
    conformance::run(&|| {
        number.set(number.get() + 1);
        let storage = open(&json!({
            "host": "127.0.0.1",
            "port": server.port,
            "user": server.setting("user"),
            "password": server.setting("password"),
            "path": format!("{}/{unique}/{}", server.setting("path"), number.get()),
            "known_hosts": server.setting("known_hosts"),
            "ssh_config": "/dev/null",
        }));
        storage.check().unwrap();
        storage
    });
}
