//! A database, a storage and a catalog in a folder of their own.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cadangkan_archive::{Codec, CodecKind, Identities, Trigger};
use cadangkan_catalog::Catalog;
use cadangkan_core::{
    Cancel, Control, Error, Event, Name, NoReporter, ObjectReport, Reporter, Result, Selection,
};
use cadangkan_engine::{DumpRequest, Engine, LoadMode};
use cadangkan_engine_sqlite::SQLITE;
use cadangkan_ops::backup::{BackupReport, BackupRequest, Origin, backup};
use cadangkan_ops::naming::{ArchiveName, FileNameTemplate};
use cadangkan_ops::restore::{RestoreReport, RestoreRequest, Target, plan, restore};
use cadangkan_ops::shrink::ShrinkGuard;
use cadangkan_ops::source::{Source, Wanted};
use cadangkan_ops::verify::{VerifyLevel, VerifyReport, verify};
use cadangkan_ops::{Context, Database, Place};
use cadangkan_storage::{Local, Storage};
use cadangkan_testkit::FakeClock;
use serde_json::json;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) folder: PathBuf,
    pub(crate) name: Name,
    pub(crate) storage_name: Name,
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) catalog: Catalog,
    pub(crate) clock: FakeClock,
    pub(crate) cancel: Cancel,
    pub(crate) keys: Identities,
    /// Last, so that all files in it are closed when it goes.
    #[allow(dead_code, reason = "kept for its drop")]
    pub(crate) temporary: Option<TempDir>,
}

/// What people were told beside the steps.
#[derive(Default)]
pub(crate) struct Messages(pub(crate) Mutex<Vec<String>>);

impl Reporter for Messages {
    fn report(&self, event: &Event<'_>) {
        if let Event::Message { text, .. } = event {
            self.0.lock().unwrap().push((*text).to_owned());
        }
    }
}

impl World {
    /// Makes a fresh world with a database of a few thousand rows.
    pub(crate) fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let world = World::open(temporary.path());
        world.fill(3000);
        World { temporary: Some(temporary), ..world }
    }

    /// Opens the world in a folder, as another process would.
    pub(crate) fn open(folder: &Path) -> Self {
        let engine = (SQLITE.open)(&json!({ "path": folder.join("shop.db") })).unwrap();
        World {
            folder: folder.to_owned(),
            name: Name::new("shop").unwrap(),
            storage_name: Name::new("home").unwrap(),
            engine,
            storage: Arc::new(Local::new(folder.join("backups"))),
            catalog: Catalog::open(&folder.join("catalog.db")).unwrap(),
            clock: FakeClock::default(),
            cancel: Cancel::default(),
            keys: Identities::default(),
            temporary: None,
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join("shop.db")
    }

    /// Puts another number of rows into the database.
    pub(crate) fn fill(&self, rows: u32) {
        let connection = rusqlite::Connection::open(self.file()).unwrap();
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL;
                 DROP TABLE IF EXISTS orders; DROP TABLE IF EXISTS customers;
                 CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, photo BLOB);
                 CREATE TABLE orders (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customers, total REAL);
                 CREATE INDEX by_customer ON orders (customer);
                 WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                 INSERT INTO customers SELECT i, 'customer ' || i || ' ☂', randomblob(3000) FROM n;
                 INSERT INTO orders SELECT id, id, id * 1.5 FROM customers;"
            ))
            .unwrap();
    }

    pub(crate) fn context<'a>(&'a self, reporter: &'a dyn Reporter, locks: &'a Path) -> Context<'a> {
        Context {
            catalog: Some(&self.catalog),
            control: Control { cancel: &self.cancel, reporter, clock: &self.clock },
            locks,
            workers: 2,
            memory: 256 << 20,
            initiator: "test",
            ticket: None,
            profile: None,
            keys: &self.keys,
            holder: "the test",
            around: None,
        }
    }

    pub(crate) fn with_context<T>(&self, work: impl FnOnce(&Context<'_>) -> T) -> T {
        work(&self.context(&NoReporter, &self.folder.join("locks")))
    }

    pub(crate) fn database(&self) -> Database<'_> {
        Database { name: &self.name, engine: self.engine.as_ref(), one_of: None }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place { name: &self.storage_name, storage: self.storage.as_ref() }
    }

    pub(crate) fn back_up(&self) -> Result<BackupReport> {
        self.back_up_with(&request())
    }

    pub(crate) fn back_up_with(&self, request: &BackupRequest) -> Result<BackupReport> {
        self.with_context(|context| backup(context, self.database(), &[self.place()], request))
    }

    pub(crate) fn source_of_newest<T>(
        &self,
        work: impl FnOnce(&Context<'_>, &Source<'_>) -> Result<T>,
    ) -> Result<T> {
        self.with_context(|context| {
            let places = [self.place()];
            let source = Source::stored(context, &self.name, Wanted::Newest, &places)?;
            work(context, &source)
        })
    }

    /// Restores the newest backup to another path.
    pub(crate) fn restore_to(&self, path: &Path) -> Result<RestoreReport> {
        self.source_of_newest(|context, source| restore_source(context, source, path))
    }

    /// Restores the newest backup over the database.
    pub(crate) fn restore_over(&self) -> Result<RestoreReport> {
        self.source_of_newest(|context, source| {
            let request =
                RestoreRequest { mode: LoadMode::Replace, check: true, ..RestoreRequest::default() };
            let target = Target { name: Some(&self.name), engine: self.engine.as_ref() };
            let plan = plan(context, source, target, &request)?;
            restore(context, source, target, &plan, None, Duration::ZERO)
        })
    }

    pub(crate) fn verify(&self, level: VerifyLevel) -> Result<VerifyReport> {
        self.with_context(|context| {
            let id = self.catalog.newest_backup(&self.name, false)?.unwrap().id;
            verify(context, &self.name, id, self.place(), level)
        })
    }

    pub(crate) fn fingerprints(&self) -> Vec<ObjectReport> {
        fingerprints(self.engine.as_ref())
    }

    /// The files under a folder of the world, relative to it, in order.
    pub(crate) fn files(&self, folder: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.join(folder)];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { folders.push(path) } else { files.push(path) }
            }
        }
        files.sort();
        files
    }

    /// The stored archive of the only backup.
    pub(crate) fn archive(&self) -> PathBuf {
        let ends = |path: &&PathBuf| path.to_string_lossy().ends_with(".zst");
        self.files("backups").iter().find(ends).unwrap().clone()
    }
}

pub(crate) fn restore_source(
    context: &Context<'_>,
    source: &Source<'_>,
    path: &Path,
) -> Result<RestoreReport> {
    let engine = engine(path);
    let target = Target { name: None, engine: engine.as_ref() };
    let request = RestoreRequest { check: true, ..RestoreRequest::default() };
    let plan = plan(context, source, target, &request)?;
    restore(context, source, target, &plan, None, Duration::ZERO)
}

pub(crate) fn engine(path: &Path) -> Box<dyn Engine> {
    (SQLITE.open)(&json!({ "path": path })).unwrap()
}

pub(crate) fn fingerprints(engine: &dyn Engine) -> Vec<ObjectReport> {
    let (cancel, clock) = (Cancel::default(), FakeClock::default());
    let control = Control { cancel: &cancel, reporter: &NoReporter, clock: &clock };
    engine.fingerprint(&Selection::default(), &control).unwrap()
}

pub(crate) fn request() -> BackupRequest {
    BackupRequest {
        dump: DumpRequest { check: true, ..DumpRequest::default() },
        codec: Codec::new(CodecKind::Zstd, Some(1)).unwrap(),
        name: ArchiveName::InFolders(FileNameTemplate::default()),
        trigger: Trigger::Manual,
        tags: Vec::new(),
        keep_for: None,
        origin: Origin::default(),
        shrink_guard: Some(ShrinkGuard::default()),
        encryption: None,
        wait: Duration::ZERO,
    }
}

/// The error of something that must fail.
pub(crate) fn failure<T>(result: Result<T>) -> Error {
    match result {
        Ok(_) => panic!("this should have failed"),
        Err(error) => error,
    }
}
