use std::path::PathBuf;

use cadangkan_core::ObjectName;
use cadangkan_engine::Engine;
use cadangkan_engine_postgres::POSTGRES;
pub(crate) use cadangkan_testkit::runs::{Dump, controlled, dump, dump_while, fingerprints, load};
use cadangkan_testkit::servers::{PostgresServer, TestDatabase, postgres};
use serde_json::json;

/// Opens a database by its URL, with more settings.
pub(crate) fn engine_with(url: &str, more: serde_json::Value) -> Box<dyn Engine> {
    let mut settings = (POSTGRES.parse_url)(url).unwrap().unwrap();
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (POSTGRES.open)(&settings).unwrap()
}

/// Opens a database of a test server, with the client programs of its version or the next newer one.
pub(crate) fn engine(database: &TestDatabase) -> Box<dyn Engine> {
    engine_with(&database.url, json!({ "pg_bin": pg_bin(&database.server) }))
}

/// The folder of client programs for a server.
pub(crate) fn pg_bin(server: &PostgresServer) -> PathBuf {
    let fitting = postgres().into_iter().filter(|other| other.version >= server.version);
    fitting.into_iter().find_map(|other| other.bin).expect("client programs of a fitting version")
}

pub(crate) fn table(schema: &str, name: &str) -> ObjectName {
    ObjectName { database: None, schema: Some(schema.into()), name: name.into() }
}
