//! What is taken for a leftover, and what is not.

use cadangkan_core::{ErrorKind, Name, Result};
use cadangkan_ops::Place;
use cadangkan_ops::backup::backup;
use cadangkan_ops::cleanup::{cleanup, plan};
use cadangkan_ops::verify::VerifyLevel;
use cadangkan_storage::{Key, Layer, Memory, Storage, StorageWriter, WriteOptions};

use crate::support::{World, failure, request};

/// A storage that another machine cleans up just before a manifest is written.
struct CleanedUp(Memory);

impl Layer for CleanedUp {
    fn inner(&self) -> &dyn Storage {
        &self.0
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        if let Some(archive) = key.as_str().strip_suffix(".meta.json") {
            self.0.delete(&Key::new(archive)?)?;
        }
        self.0.begin_write(key, options)
    }
}

#[test]
fn an_archive_that_another_machine_took_for_a_leftover_is_no_backup() {
    let world = World::new();
    let (name, storage) = (Name::new("shared").unwrap(), CleanedUp(Memory::new()));
    let place = [Place { name: &name, storage: &storage }];
    let made = world.with_context(|context| backup(context, world.database(), &place, &request()));
    let error = failure(made);
    assert_eq!(error.kind(), ErrorKind::Conflict, "{error:?}");
    assert!(storage.0.list("").unwrap().is_empty());
}

#[test]
fn only_our_own_leftovers_are_removed() {
    let world = World::new();
    world.back_up().unwrap();
    let archive = world.archive();
    let folder = archive.parent().unwrap();
    let orphan = folder.join("shop_manual_20260101_000000_abcdef.sqlite.zst");
    let partial = folder.join("shop_manual_20260101_000000_fedcba.sqlite.zst.1-1.partial");
    let foreign = [
        folder.join("notes.txt"),
        world.folder.join("backups/shop/readme.sqlite"),
        world.folder.join("backups/other.partial"),
    ];
    for path in foreign.iter().chain([&orphan, &partial]) {
        std::fs::write(path, "bytes").unwrap();
    }
    let planned = world.with_context(|context| plan(context, world.database(), &[world.place()])).unwrap();
    assert!(
        planned.items.iter().any(|item| item.leftover.location.ends_with("abcdef.sqlite.zst")),
        "{planned:?}"
    );
    assert!(orphan.exists(), "a plan changes nothing");
    let done = world.with_context(|context| cleanup(context, world.database(), &[world.place()])).unwrap();
    assert_eq!(done.items.len(), planned.items.len());
    assert!(!orphan.exists());
    assert!(foreign.iter().all(|path| path.exists()));
    world.verify(VerifyLevel::Read).unwrap();
}
