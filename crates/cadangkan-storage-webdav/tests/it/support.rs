//! Storages on the server.

use cadangkan_storage::new_partial_name;
use cadangkan_storage_webdav::WebDav;
use cadangkan_testkit::storages::StorageServer;
use serde_json::{Value, json};

pub(crate) use cadangkan_storage::conformance::world::{QUICK, key, names, put, replace};

/// The settings of a new folder on the server, reached by this port.
pub(crate) fn settings(server: &StorageServer, port: u16) -> Value {
    let (user, password) = (server.setting("user"), server.setting("password"));
    let url = format!("http://127.0.0.1:{port}/{}/the%20backups", new_partial_name("webdav"));
    json!({ "address": url, "user": user, "password": password, "timeout": "20s" })
}

pub(crate) fn open(settings: &Value) -> WebDav {
    WebDav::open(settings, QUICK).unwrap()
}
