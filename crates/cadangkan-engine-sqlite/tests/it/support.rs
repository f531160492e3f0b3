//! What all of these tests need.

use std::path::{Path, PathBuf};

use cadangkan_core::{Error, Fingerprint, Frame, Result, Selection};
use cadangkan_engine::{DumpRequest, Engine, LoadMode, LoadPlan, LoadReport, LoadRequest, SnapshotEnd};
use cadangkan_engine_sqlite::SQLITE;
use cadangkan_testkit::runs::restore_stream;
pub(crate) use cadangkan_testkit::runs::{Frames, controlled, tables as select};
use rusqlite::Connection;
use serde_json::json;

pub(crate) fn engine(path: &Path) -> Box<dyn Engine> {
    let settings = json!({ "path": path, "busy_timeout": "300ms" });
    (SQLITE.open)(&settings).unwrap()
}

/// A whole dump.
pub(crate) struct Dump {
    pub(crate) frames: Vec<Frame>,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) end: SnapshotEnd,
    pub(crate) start: cadangkan_engine::SnapshotStart,
}

/// Without the bytes.
impl std::fmt::Debug for Dump {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "dump of {} frames, {:?}", self.frames.len(), self.end)
    }
}

impl Dump {
    pub(crate) fn image(&self) -> Vec<u8> {
        self.frames.iter().flat_map(|frame| frame.data.iter().copied()).collect()
    }

    /// Writes the image to a file, so that SQLite can open it.
    pub(crate) fn write(&self, path: &Path) -> PathBuf {
        std::fs::write(path, self.image()).unwrap();
        path.to_owned()
    }
}

pub(crate) fn dump(path: &Path) -> Result<Dump> {
    dump_with(path, &DumpRequest { check: true, fingerprints: true, ..DumpRequest::default() }, || {})
}

/// Dumps, and runs `meanwhile` between the beginning of the snapshot and the first page.
pub(crate) fn dump_with(path: &Path, request: &DumpRequest, meanwhile: impl FnOnce()) -> Result<Dump> {
    controlled(|control| {
        let snapshot = engine(path).begin_snapshot(request, control)?;
        meanwhile();
        let frames = Frames::default();
        let mut fingerprint = Fingerprint::default();
        for unit in snapshot.units() {
            fingerprint.merge(snapshot.dump(unit, &frames, control)?.fingerprint.unwrap());
        }
        let start = snapshot.start().clone();
        let end = snapshot.end(control)?;
        Ok(Dump { frames: frames.0.into_inner().unwrap(), fingerprint, end, start })
    })
}

pub(crate) fn request(mode: LoadMode) -> LoadRequest {
    LoadRequest { mode, check: true, ..LoadRequest::default() }
}

pub(crate) fn plan(path: &Path, request: &LoadRequest) -> Result<LoadPlan> {
    cadangkan_testkit::runs::plan(&*engine(path), request)
}

/// Restores an image to `path`; returns the report and the notes.
pub(crate) fn restore(image: &[u8], path: &Path, request: &LoadRequest) -> Result<(LoadReport, Vec<String>)> {
    restore_stream(&*engine(path), request, image, 100_000)
}

/// Makes a database from statements.
pub(crate) fn make(path: &Path, sql: &str) -> Connection {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
    connection
}

pub(crate) fn integrity(path: &Path) -> String {
    let connection = Connection::open(path).unwrap();
    connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

pub(crate) fn number(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

pub(crate) fn fingerprints(path: &Path) -> Vec<(String, Option<Fingerprint>)> {
    let reports = controlled(|control| engine(path).fingerprint(&Selection::default(), control)).unwrap();
    reports.into_iter().map(|report| (report.name.name, report.fingerprint)).collect()
}

/// The names in a folder, in order.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Makes sure that an error tells what to do, and returns it.
pub(crate) fn with_hint(error: Error) -> Error {
    assert!(error.advice().is_some_and(|hint| hint.len() > 10), "no hint: {error:?}");
    error
}
