use std::os::unix::fs::symlink;
use std::path::Path;

use cadangkan_core::{ErrorKind, Leftover};
use cadangkan_storage::{Local, Storage};
use tempfile::TempDir;

use crate::support::{key, names, put};

/// A storage with an object, and a folder outside it with a file that must never be touched.
fn storage_and_outside() -> (TempDir, Local, TempDir) {
    let (place, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for name in ["archive", "archive.1-1.partial"] {
        std::fs::write(outside.path().join(name), "outside").unwrap();
    }
    let storage = Local::new(place.path());
    put(&storage, "shop/archive", b"inside").unwrap();
    (place, storage, outside)
}

fn untouched(outside: &Path) -> bool {
    let same = |name: &str| std::fs::read(outside.join(name)).unwrap() == b"outside";
    same("archive") && same("archive.1-1.partial") && std::fs::read_dir(outside).unwrap().count() == 2
}

#[test]
fn a_linked_folder_is_neither_listed_nor_followed() {
    let (place, storage, outside) = storage_and_outside();
    symlink(outside.path(), place.path().join("link")).unwrap();
    assert_eq!(names(&storage), ["shop/archive"]);
    assert!(storage.leftovers("").unwrap().is_empty());
    let partial = Leftover {
        location: "link/archive.1-1.partial".into(),
        description: "unfinished file".into(),
        size_bytes: 7,
    };
    let errors = [
        storage.list("link").map(drop),
        storage.leftovers("link").map(drop),
        storage.stat(&key("link/archive")).map(drop),
        storage.read(&key("link/archive"), None).map(drop),
        storage.delete(&key("link/archive")),
        storage.discard(&partial),
        put(&storage, "link/archive", b"new").map(drop),
        put(&storage, "link/below/archive", b"new").map(drop),
    ];
    for (number, error) in errors.into_iter().enumerate() {
        let error = error.expect_err(&format!("call {number} follows the link"));
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(error.message().contains("symbolic link") && error.advice().is_some());
    }
    assert!(untouched(outside.path()));
}

#[test]
fn a_linked_file_is_no_object_and_is_replaced_not_followed() {
    let (place, storage, outside) = storage_and_outside();
    symlink(outside.path().join("archive"), place.path().join("linked")).unwrap();
    symlink(outside.path().join("archive"), place.path().join("linked.1-1.partial")).unwrap();
    assert_eq!(names(&storage), ["shop/archive"]);
    assert!(storage.stat(&key("linked")).unwrap().is_none());
    assert_eq!(storage.read(&key("linked"), None).map(drop).unwrap_err().kind(), ErrorKind::NotFound);
    storage.delete(&key("linked")).unwrap();
    put(&storage, "linked", b"new").unwrap();
    assert_eq!(std::fs::read(place.path().join("linked")).unwrap(), b"new");
    assert!(!std::fs::symlink_metadata(place.path().join("linked")).unwrap().is_symlink());
    assert!(untouched(outside.path()));
}

#[test]
fn the_root_itself_may_be_a_link() {
    let (place, _, _outside) = storage_and_outside();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(place.path(), elsewhere.path().join("root")).unwrap();
    let storage = Local::new(elsewhere.path().join("root"));
    put(&storage, "shop/other", b"").unwrap();
    assert_eq!(names(&storage), ["shop/archive", "shop/other"]);
    storage.check().unwrap();
}

#[test]
fn a_link_put_in_place_of_a_folder_while_writing_changes_nothing_outside() {
    let (place, storage, outside) = storage_and_outside();
    let options =
        cadangkan_storage::WriteOptions { overwrite: true, ..cadangkan_storage::WriteOptions::default() };
    let mut writer = storage.begin_write(&key("shop/archive"), options).unwrap();
    writer.write(b"new").unwrap();
    std::fs::rename(place.path().join("shop"), place.path().join("moved")).unwrap();
    symlink(outside.path(), place.path().join("shop")).unwrap();
    writer.close().unwrap();
    assert!(untouched(outside.path()));
    assert_eq!(std::fs::read(place.path().join("moved/archive")).unwrap(), b"new");
}
