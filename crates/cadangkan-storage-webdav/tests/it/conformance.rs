use cadangkan_storage::{Storage as _, conformance};
use cadangkan_testkit::storages::storage_server;

use crate::support::{open, settings};

#[test]
fn the_contract_is_kept() {
    let Some(server) = storage_server("webdav") else { return };
    conformance::run_with_races(5, &|| {
        let storage = open(&settings(&server, server.port));
        storage.check().unwrap();
        Box::new(storage)
    });
}
