use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cadangkan_core::{
    Control, Error, ErrorKind, Fingerprint, Frame, ObjectKind, ObjectName, Result, Section, Selection,
};
use cadangkan_engine::{
    DumpRequest, FrameSink, ServerInfo, Snapshot, SnapshotEnd, SnapshotStart, Unit, UnitReport,
};
use rusqlite::Connection;
use serde_json::{Map, Value, json};

use crate::connect::{OrCancelled, Reader, Recovery, interruptible, open_reading, retry_busy};
use crate::descriptor::Config;
use crate::errors::explain;
use crate::header::Header;
use crate::inspect;
use crate::pages::PageReader;
use crate::wal::pages_in_log;

/// Bytes of a frame. Frames begin at fixed places of the file, so that a part of it that did not change gives the
/// same frames again. A multiple of every page size.
pub(crate) const FRAME_BYTES: u32 = 4 * 1024 * 1024;

/// One read transaction, from which the file's pages are taken.
pub(crate) struct SqliteSnapshot {
    /// `None` only while it is being dropped.
    reader: Mutex<Option<Reader>>,
    pages: PageReader,
    start: SnapshotStart,
    units: Vec<Unit>,
    request: DumpRequest,
    /// Whether pages were missing from the file that only a check can tell to be unused.
    must_check: Mutex<bool>,
}

impl SqliteSnapshot {
    /// Begins a read transaction and finds out what it shows.
    pub(crate) fn begin(
        config: &Config,
        request: &DumpRequest,
        control: &Control<'_>,
    ) -> Result<SqliteSnapshot> {
        refuse_wishes(request)?;
        let reader = open_reading(config, Recovery::Allowed, control)?;
        let wrong = |error| explain(error, "begin to read", &reader.path).or_cancelled(control);
        // The transaction begins with the first read. An error ends it, and the next try begins another one.
        let pin = || {
            let _ = reader.connection.execute_batch("ROLLBACK");
            reader.connection.execute_batch("BEGIN; SELECT count(*) FROM sqlite_schema")
        };
        retry_busy(config.busy_timeout, control.cancel, pin).map_err(wrong)?;
        let (start, header) = describe(&reader.connection, &reader.path)?;
        let pages = PageReader {
            page_size: header.page_size,
            page_count: header.page_count.unwrap_or(0),
            in_log: pages_in_log(&reader.path, header.page_size, header.page_count.unwrap_or(0), control)?,
        };
        let unit = Unit {
            number: 0,
            section: Section::Data,
            object: ObjectName::new(image_name(&config.path)),
            kind: ObjectKind::IMAGE,
        };
        Ok(SqliteSnapshot {
            reader: Mutex::new(Some(reader)),
            pages,
            start,
            units: vec![unit],
            request: request.clone(),
            must_check: Mutex::new(false),
        })
    }

    fn with_reader<T>(&self, work: impl FnOnce(&Reader) -> Result<T>) -> Result<T> {
        let reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        match reader.as_ref() {
            Some(reader) => work(reader),
            None => Err(Error::new(ErrorKind::Internal, "the snapshot has ended")),
        }
    }

    fn dump_image(
        &self,
        reader: &Reader,
        object: &ObjectName,
        sink: &dyn FrameSink,
        control: &Control<'_>,
    ) -> Result<UnitReport> {
        let (page_size, page_count) = (self.pages.page_size, self.pages.page_count);
        let mut fingerprint = Fingerprint::default();
        let mut done = 0;
        let mut beyond = 0;
        for part in 0.. {
            if done >= page_count {
                break;
            }
            control.check()?;
            let count = (FRAME_BYTES / page_size).min(page_count - done);
            let mut data = sink.buffer((count as usize) * (page_size as usize))?;
            beyond += self.pages.append_to(&reader.connection, &reader.path, done + 1, count, &mut data)?;
            for (number, page) in (u64::from(done) + 1..).zip(data.chunks_exact(page_size as usize)) {
                fingerprint.add_page(number, page);
            }
            sink.send(Frame {
                section: Section::Data,
                object: object.clone(),
                part,
                rows: u64::from(count),
                data,
            })?;
            done += count;
        }
        *self.must_check.lock().unwrap_or_else(PoisonError::into_inner) |= beyond > 0;
        Ok(UnitReport { rows: u64::from(done), fingerprint: Some(fingerprint) })
    }

    fn check_and_list(&self, reader: &Reader, control: &Control<'_>) -> Result<SnapshotEnd> {
        let Reader { connection, path, .. } = reader;
        if connection.is_autocommit() {
            return Err(Error::new(ErrorKind::Io, "the read transaction ended too early")
                .context("path", path.display())
                .hint("run the backup again"));
        }
        let must_check = *self.must_check.lock().unwrap_or_else(PoisonError::into_inner);
        let check = if self.request.check || must_check {
            interruptible(connection, control, || quick_check(connection, path))?;
            Some("quick_check".to_owned())
        } else {
            None
        };
        let everything = Selection::default();
        let objects = inspect::reports(connection, path, &everything, self.request.fingerprints, control)?;
        Ok(SnapshotEnd { objects, check, ..SnapshotEnd::default() })
    }
}

impl Snapshot for SqliteSnapshot {
    fn start(&self) -> &SnapshotStart {
        &self.start
    }

    fn units(&self) -> &[Unit] {
        &self.units
    }

    fn dump(&self, unit: &Unit, sink: &dyn FrameSink, control: &Control<'_>) -> Result<UnitReport> {
        if !self.units.contains(unit) {
            return Err(Error::new(ErrorKind::Internal, "the unit is not one of this snapshot"));
        }
        self.with_reader(|reader| self.dump_image(reader, &unit.object, sink, control))
    }

    fn end(self: Box<Self>, control: &Control<'_>) -> Result<SnapshotEnd> {
        self.with_reader(|reader| self.check_and_list(reader, control))
    }
}

impl Drop for SqliteSnapshot {
    fn drop(&mut self) {
        if let Some(reader) = self.reader.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            reader.close();
        }
    }
}

/// Runs SQLite's own check; fails with `DamagedSource` and its first findings.
pub(crate) fn quick_check(connection: &Connection, path: &Path) -> Result<()> {
    let run = || -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare("PRAGMA quick_check(5)")?;
        let findings = statement.query_map([], |row| row.get(0))?;
        findings.collect()
    };
    let findings = run().map_err(|error| explain(error, "check the database", path))?;
    if findings.len() == 1 && findings.first().is_some_and(|finding| finding == "ok") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::DamagedSource, "the database is corrupt")
        .context("path", path.display())
        .context("quick_check", findings.join("; ").replace('\n', "; "))
        .hint("restore the newest good backup, or save what can be read with `sqlite3 <file> .recover`"))
}

/// Refuses to leave anything out of an image, and what only servers have.
pub(crate) fn refuse_wishes(request: &DumpRequest) -> Result<()> {
    if request.options.globals || request.options.row_security {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "SQLite has no server: no globals and no row security",
        )
        .hint("leave --globals and --row-security out"));
    }
    if request.selection.is_everything() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unsupported, "an SQLite backup is the whole file, without a selection")
        .hint("back up the whole database; `cadangkan restore --tables …` takes single tables out of it"))
}

/// Reads what the snapshot is, inside its transaction. The header's page count is the one that SQLite goes by.
pub(crate) fn describe(connection: &Connection, path: &Path) -> Result<(SnapshotStart, Header)> {
    let wrong = |error| explain(error, "read the database's settings", path);
    let number = |name: &str| -> Result<u32> {
        connection.query_row(&format!("PRAGMA main.{name}"), [], |row| row.get(0)).map_err(wrong)
    };
    let text = |name: &str| -> Result<String> {
        connection.query_row(&format!("PRAGMA main.{name}"), [], |row| row.get(0)).map_err(wrong)
    };
    let page_count = number("page_count")?;
    if page_count == 0 {
        return Err(Error::new(ErrorKind::DamagedSource, "the file is empty: it holds no database")
            .context("path", path.display())
            .hint(
                "check that this is the right file; a new database is empty until its first table is made",
            ));
    }
    let first: Vec<u8> = connection
        .query_row("SELECT data FROM sqlite_dbpage WHERE pgno = 1", [], |row| row.get(0))
        .map_err(wrong)?;
    let header = Header::parse(&first).ok_or_else(|| {
        Error::new(ErrorKind::DamagedSource, "the database's first page is damaged")
            .context("path", path.display())
            .hint("restore the newest good backup")
    })?;
    let header = Header { page_count: Some(page_count), page_size: number("page_size")?, ..header };
    let signed = |name: &str| -> Result<i64> {
        connection.query_row(&format!("PRAGMA main.{name}"), [], |row| row.get(0)).map_err(wrong)
    };
    let mut attributes = Map::new();
    attributes.insert("page_size".into(), json!(header.page_size));
    attributes.insert("page_count".into(), json!(page_count));
    attributes.insert("encoding".into(), json!(text("encoding")?));
    attributes.insert("auto_vacuum".into(), json!(number("auto_vacuum")?));
    attributes.insert("application_id".into(), json!(signed("application_id")?));
    attributes.insert("user_version".into(), json!(signed("user_version")?));
    attributes.insert("journal_mode".into(), json!(text("journal_mode")?));
    let mut position = Map::new();
    position.insert("change_counter".into(), json!(header.change_counter));
    position.insert("page_count".into(), json!(page_count));
    let bytes = u64::from(page_count) * u64::from(header.page_size);
    let start = SnapshotStart {
        server: server_info(connection, path, bytes, &attributes)?,
        position,
        attributes,
        estimated_bytes: Some(bytes),
        side_files: Vec::new(),
        tool_versions: vec![("sqlite".to_owned(), rusqlite::version().to_owned())],
        warnings: Vec::new(),
    };
    Ok((start, header))
}

fn server_info(
    connection: &Connection,
    path: &Path,
    bytes: u64,
    attributes: &Map<String, Value>,
) -> Result<ServerInfo> {
    let tables = inspect::tables(connection).map_err(|error| explain(error, "list the tables", path))?;
    let fact = |label: &str, key: &str| {
        let value = attributes.get(key).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        (label.to_owned(), value.unwrap_or_default())
    };
    Ok(ServerInfo {
        version: rusqlite::version().to_owned(),
        size_bytes: Some(bytes),
        tables: Some(inspect::count_tables(&tables)),
        facts: vec![
            fact("journal mode", "journal_mode"),
            fact("page size", "page_size"),
            fact("encoding", "encoding"),
        ],
    })
}

/// The file's name without its ending, as the name of the image.
fn image_name(path: &Path) -> String {
    path.file_stem().map_or_else(|| "database".to_owned(), |stem| stem.to_string_lossy().into_owned())
}
