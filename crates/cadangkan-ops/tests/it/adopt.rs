//! The catalog is lost; the storage is enough.

use std::io::Read;
use std::ops::Range;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use cadangkan_archive::Manifest;
use cadangkan_catalog::{BackupFilter, Catalog};
use cadangkan_core::Result;
use cadangkan_ops::Place;
use cadangkan_ops::adopt::adopt;
use cadangkan_storage::{Key, Layer, Memory, ObjectInfo, Storage, WriteOptions};

use crate::support::{World, engine, fingerprints};

#[test]
fn the_catalog_comes_back_from_the_manifests() {
    let world = World::new();
    let expected = world.fingerprints();
    for _ in 0..3 {
        world.back_up().unwrap();
        world.clock.advance(3600);
    }
    let known = world.catalog.backups(&BackupFilter::default()).unwrap();
    let lost = World {
        catalog: Catalog::open(&world.folder.join("another.db")).unwrap(),
        ..World::open(&world.folder)
    };
    let report = lost.with_context(|context| adopt(context, lost.place())).unwrap();
    assert_eq!((report.adopted, report.refused.len()), (3, 0));
    let adopted = lost.catalog.backups(&BackupFilter::default()).unwrap();
    let without_run = |records: Vec<cadangkan_catalog::BackupRecord>| {
        records
            .into_iter()
            .map(|record| cadangkan_catalog::BackupRecord { run: None, ..record })
            .collect::<Vec<_>>()
    };
    assert_eq!(without_run(adopted), without_run(known));
    // Again is the same.
    assert_eq!(lost.with_context(|context| adopt(context, lost.place())).unwrap().adopted, 3);
    let target = lost.folder.join("restored.db");
    lost.restore_to(&target).unwrap();
    assert_eq!(fingerprints(engine(&target).as_ref()), expected);
}

#[test]
fn what_is_no_backup_is_refused_by_name_and_the_rest_adopted() {
    let world = World::new();
    for _ in 0..3 {
        world.back_up().unwrap();
        world.clock.advance(3600);
    }
    let files = world.files("backups");
    let manifests: Vec<_> =
        files.iter().filter(|path| path.to_string_lossy().ends_with(".meta.json")).collect();
    std::fs::write(manifests[0], "{}").unwrap();
    let archive = manifests[1].to_string_lossy().replace(".meta.json", "");
    std::fs::remove_file(archive).unwrap();
    let lost = World {
        catalog: Catalog::open(&world.folder.join("another.db")).unwrap(),
        ..World::open(&world.folder)
    };
    let report = lost.with_context(|context| adopt(context, lost.place())).unwrap();
    assert_eq!((report.adopted, report.refused.len()), (1, 2), "{report:?}");
}

/// Gives nothing to the first reader before a second one has come.
struct Far {
    inner: Memory,
    readers: Mutex<usize>,
    come: Condvar,
}

impl Layer for Far {
    fn inner(&self) -> &dyn Storage {
        &self.inner
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let mut readers = self.readers.lock().unwrap();
        *readers += 1;
        self.come.notify_all();
        let (_readers, waited) =
            self.come.wait_timeout_while(readers, Duration::from_secs(20), |readers| *readers < 2).unwrap();
        assert!(!waited.timed_out(), "manifests are read one after the other");
        self.inner.read(key, range)
    }

    fn stat(&self, _key: &Key) -> Result<Option<ObjectInfo>> {
        panic!("what the list says is asked for again")
    }
}

#[test]
fn many_manifests_are_read_at_once_and_each_but_once() {
    let world = World::new();
    let manifest = world.back_up().unwrap().manifest;
    let archive = std::fs::read(world.archive()).unwrap();
    let inner = Memory::new();
    let put = |key: &str, bytes: &[u8]| {
        let mut writer = inner.begin_write(&Key::new(key).unwrap(), WriteOptions::default()).unwrap();
        writer.write(bytes).unwrap();
        writer.close().unwrap();
    };
    let mut id = manifest.backup_id;
    for number in 0..20 {
        let mut next = Manifest { backup_id: id, ..manifest.clone() };
        next.archive.file = format!("{number:05}.sqlite.zst");
        put(&format!("shop/2026/01/{}", next.archive.file), &archive);
        put(&format!("shop/2026/01/{}.meta.json", next.archive.file), &next.to_bytes().unwrap());
        put(&format!("shop/2026/01/{}.index", next.archive.file), b"");
        id = id.next();
    }
    let far = Far { inner, readers: Mutex::new(0), come: Condvar::new() };
    let place = Place { name: &world.storage_name, storage: &far };
    let catalog = Catalog::open(&world.folder.join("another.db")).unwrap();
    let lost = World { catalog, ..World::open(&world.folder) };
    let report = lost.with_context(|context| adopt(context, place)).unwrap();
    assert_eq!((report.adopted, report.refused.len()), (20, 0), "{:?}", report.refused);
    assert_eq!(*far.readers.lock().unwrap(), 20);
    let adopted = lost.catalog.backups(&BackupFilter::default()).unwrap();
    assert_eq!((adopted.len(), adopted[0].id), (20, manifest.backup_id));
}
