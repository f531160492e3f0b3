use cadangkan_engine::Engine;
use cadangkan_engine_mysql::MYSQL;
use cadangkan_testkit::mysql::TestDatabase;
pub(crate) use cadangkan_testkit::runs::{
    Dump, Frames, controlled, dump, dump_snapshot, dump_while, fingerprints, load,
};
use serde_json::{Value, json};

/// Opens a database by its URL, with more settings.
pub(crate) fn engine_with(url: &str, more: Value) -> Box<dyn Engine> {
    let mut settings = (MYSQL.parse_url)(url).unwrap().unwrap();
    settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    (MYSQL.open)(&settings).unwrap()
}

/// Opens a database of a test server.
pub(crate) fn engine(database: &TestDatabase) -> Box<dyn Engine> {
    engine_with(&database.url, json!({}))
}
