use cadangkan_storage::{Storage as _, conformance};
use cadangkan_testkit::storages::storage_server;
use serde_json::json;

use crate::support::{open, settings};

#[test]
fn the_contract_is_kept_with_tls() {
    let Some(server) = storage_server("ftp") else { return };
    conformance::run_with_races(5, &|| {
        let storage = open(&settings(&server, server.port));
        storage.check().unwrap();
        Box::new(storage)
    });
}

#[test]
fn the_contract_is_kept_by_an_old_server() {
    let Some(server) = storage_server("ftp") else { return };
    conformance::run_with_races(2, &|| {
        let mut settings = settings(&server, server.setting("old_port").parse().unwrap());
        settings["tls"] = json!("none");
        let storage = open(&settings);
        storage.check().unwrap();
        Box::new(storage)
    });
}
