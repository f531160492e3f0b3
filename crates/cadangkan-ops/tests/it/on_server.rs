//! Copies that a server makes by itself, of one storage into another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use cadangkan_core::{Cancel, Error, ErrorKind, Event, Name, Reporter, Result};
use cadangkan_ops::Place;
use cadangkan_ops::sync::{Goal, SyncReport, sync};
use cadangkan_storage::faulty::{Fault, Faulty, Operation};
use cadangkan_storage::{Key, Layer, Local, ObjectInfo, Origin, Storage, WriteOptions};

use crate::support::{Messages, World};

/// What the server does when it is asked to copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Does {
    Copy,
    CopyOther,
    Refuse,
    NotKnow,
}

/// A folder of a server that has others too.
struct OfServer {
    inner: Box<dyn Storage>,
    does: Does,
    asked: AtomicU32,
}

impl OfServer {
    fn new(inner: impl Storage + 'static, does: Does) -> Self {
        OfServer { inner: Box::new(inner), does, asked: AtomicU32::new(0) }
    }
}

impl Layer for OfServer {
    fn inner(&self) -> &dyn Storage {
        self.inner.as_ref()
    }

    fn origin(&self, key: &Key) -> Result<Option<Origin>> {
        let (server, version, headers) = ("here".to_owned(), String::new(), Vec::new());
        let size = self.inner.stat(key)?.unwrap().size;
        let name = format!("{}/{key}", self.location());
        Ok(Some(Origin { server, name, version, size, headers }))
    }

    fn copy(
        &self,
        origin: &Origin,
        key: &Key,
        options: WriteOptions,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Option<ObjectInfo>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(options.resume);
        assert!(options.tags.iter().any(|(name, value)| *name == "content" && value == "archive"));
        let mut bytes = std::fs::read(&origin.name).unwrap();
        match self.does {
            Does::NotKnow => return Ok(None),
            Does::Refuse => return Err(Error::new(ErrorKind::Denied, "not allowed to copy")),
            Does::CopyOther => bytes[1000] ^= 1,
            Does::Copy => {}
        }
        progress(origin.size / 2)?;
        let mut writer = self.inner.begin_write(key, options)?;
        writer.write(&bytes)?;
        writer.close().map(Some)
    }
}

/// Copies the one backup into another folder of the same server; returns what was said of it.
fn copied(world: &World, to: &OfServer, script: Vec<Fault>) -> (SyncReport, String) {
    let folder: Arc<dyn Storage> = Arc::new(Local::new(world.folder.join("backups")));
    let from = OfServer::new(Faulty::new(folder, script), Does::Copy);
    let other = Name::new("other").unwrap();
    let sources = [Place { name: &world.storage_name, storage: &from }];
    let goals = [Goal { place: Place { name: &other, storage: to }, after: None, rules: None }];
    let told = Messages::default();
    let context = world.context(&told, &world.folder);
    let report = sync(&context, &world.name, &sources, &goals, None).unwrap();
    (report, told.0.into_inner().unwrap().join("; "))
}

/// Whether both folders have the same files.
fn are_equal(world: &World) -> bool {
    let content = |folder| -> Vec<_> {
        let files = world.files(folder);
        files
            .iter()
            .map(|path| (path.file_name().unwrap().to_owned(), std::fs::read(path).unwrap()))
            .collect()
    };
    !content("other").is_empty() && content("backups") == content("other")
}

#[test]
fn the_archive_is_not_read_where_the_server_copies_it() {
    let world = World::new();
    world.back_up().unwrap();
    let to = OfServer::new(Local::new(world.folder.join("other")), Does::Copy);
    let no_reading = vec![Fault::fail(Operation::Read, ErrorKind::Internal).on(".zst")];
    let (report, told) = copied(&world, &to, no_reading);
    assert_eq!((report.copied.len(), report.failed.len(), told.as_str()), (1, 0, ""), "{report:?}");
    assert_eq!(to.asked.into_inner(), 1);
    assert!(are_equal(&world));
}

#[test]
fn bytes_go_through_here_where_the_server_does_not_copy_them_as_they_are() {
    for (does, said) in
        [(Does::Refuse, "not allowed to copy"), (Does::CopyOther, "something else"), (Does::NotKnow, "")]
    {
        let world = World::new();
        world.back_up().unwrap();
        let to = OfServer::new(Local::new(world.folder.join("other")), does);
        let (report, told) = copied(&world, &to, Vec::new());
        assert_eq!((report.copied.len(), report.failed.len()), (1, 0), "{does:?}: {report:?}");
        assert!(told.contains(said) && told.is_empty() == said.is_empty(), "{does:?}: {told}");
        assert!(are_equal(&world), "{does:?}");
    }
}

#[test]
fn a_damaged_archive_is_the_fault_of_where_it_was_and_is_nowhere_else() {
    let world = World::new();
    world.back_up().unwrap();
    let archive = world.files("backups").into_iter().find(|path| path.extension().unwrap() == "zst").unwrap();
    let mut bytes = std::fs::read(&archive).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&archive, &bytes).unwrap();
    let to = OfServer::new(Local::new(world.folder.join("other")), Does::Copy);
    let (report, _) = copied(&world, &to, Vec::new());
    assert_eq!(report.failed.len(), 1, "{report:?}");
    assert_eq!(report.failed[0].code, ErrorKind::DamagedBackup.code());
    assert!(report.failed[0].message.contains("home"), "{report:?}");
    assert!(world.files("other").is_empty());
}

#[test]
fn whoever_stops_a_copy_on_the_server_leaves_nothing() {
    let world = World::new();
    world.back_up().unwrap();
    let to = OfServer::new(Local::new(world.folder.join("other")), Does::Copy);
    let (home, other) = (world.place(), Name::new("other").unwrap());
    let from = OfServer::new(Local::new(world.folder.join("backups")), Does::Copy);
    let sources = [Place { storage: &from, ..home }];
    let goals = [Goal { place: Place { name: &other, storage: &to }, after: None, rules: None }];
    let stop = StopAtProgress(&world.cancel);
    let context = world.context(&stop, &world.folder);
    let stopped = sync(&context, &world.name, &sources, &goals, None).map(drop).unwrap_err();
    assert_eq!(stopped.kind(), ErrorKind::Cancelled);
    assert!(world.files("other").is_empty());
}

/// Stops at the first sign that bytes are copied.
struct StopAtProgress<'a>(&'a Cancel);

impl Reporter for StopAtProgress<'_> {
    fn report(&self, event: &Event<'_>) {
        if let Event::Progress(_) = event {
            self.0.cancel();
        }
    }
}
