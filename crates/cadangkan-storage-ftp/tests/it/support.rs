//! Storages on the server.

use cadangkan_storage::new_partial_name;
use cadangkan_storage_ftp::Ftp;
use cadangkan_testkit::storages::StorageServer;
use serde_json::{Value, json};

pub(crate) use cadangkan_storage::conformance::world::{
    QUICK, bytes, key, names, put, replace, try_get as get,
};

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
