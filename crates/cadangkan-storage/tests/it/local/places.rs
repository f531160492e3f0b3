use cadangkan_core::ErrorKind;
use cadangkan_storage::{LOCAL, Local, Storage};
use serde_json::json;

use crate::support::{key, names, put};

#[test]
fn settings_are_checked() {
    assert!((LOCAL.open)(&json!({ "path": "/backups" })).is_ok());
    for (settings, path, message) in [
        (json!({}), vec![], "missing field `path`"),
        (json!({ "path": "" }), vec!["path"], "the path is empty"),
        (json!({ "path": "/backups", "pth": 1 }), vec!["pth"], "unknown field `pth`, expected `path`"),
        (json!({ "path": ["/backups"] }), vec!["path"], "invalid type: sequence, expected path string"),
    ] {
        let Err(error) = (LOCAL.open)(&settings) else { panic!("{settings} is taken") };
        assert_eq!(error.path, path, "{settings}");
        assert_eq!(error.message, message, "{settings}");
    }
}

#[test]
fn urls_and_paths_are_told_from_names_and_from_other_storages() {
    for (text, path) in [
        ("file:///mnt/disk", "/mnt/disk"),
        ("file:/mnt/disk", "/mnt/disk"),
        ("/mnt/disk", "/mnt/disk"),
        ("./disk", "./disk"),
        ("disk/backups", "disk/backups"),
        ("~/disk", "~/disk"),
        ("..", ".."),
    ] {
        assert_eq!((LOCAL.parse_url)(text), Some(Ok(json!({ "path": path }))), "{text}");
    }
    for other in ["home", "s3://bucket/prefix", "sftp://host/disk"] {
        assert_eq!((LOCAL.parse_url)(other), None, "{other}");
    }
    for wrong in ["file://host/disk", "file:disk", "file:"] {
        let error = (LOCAL.parse_url)(wrong).unwrap().unwrap_err();
        assert!(!error.message.contains("host/disk"), "{error:?}");
    }
}

#[test]
fn a_root_that_is_not_there_is_unreachable_until_it_is_made() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("not/mounted");
    let storage = Local::new(&root);
    let errors = [
        storage.list("").map(drop),
        storage.leftovers("").map(drop),
        storage.stat(&key("a")).map(drop),
        storage.read(&key("a"), None).map(drop),
        storage.delete(&key("a")),
    ];
    for error in errors {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.advice().unwrap().contains("mounted"), "{error:?}");
    }
    assert!(storage.space().unwrap().unwrap().total > 0);
    assert!(!root.exists());
    storage.check().unwrap();
    assert!(names(&storage).is_empty());
    assert_eq!(std::fs::read_dir(&root).unwrap().count(), 0);
}

#[test]
fn a_root_that_is_a_file_is_told() {
    let place = tempfile::NamedTempFile::new().unwrap();
    let storage = Local::new(place.path());
    for error in [storage.check(), storage.list("").map(drop), put(&storage, "a", b"").map(drop)] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains(&*place.path().to_string_lossy()), "{error}");
        assert!(error.advice().is_some());
    }
    let below = Local::new(place.path().join("below"));
    assert_eq!(below.check().unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_file_where_a_folder_must_be_is_a_conflict_and_stays() {
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path());
    put(&storage, "shop", b"a file").unwrap();
    let error = put(&storage, "shop/archive", b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("/shop"), "{error}");
    put(&storage, "other/archive", b"").unwrap();
    let error = put(&storage, "other", b"").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(names(&storage), ["other/archive", "shop"]);
    assert!(storage.leftovers("").unwrap().is_empty());
}

#[test]
fn foreign_files_are_not_objects_and_stay() {
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path());
    put(&storage, "shop/archive", b"").unwrap();
    let foreign = [".hidden", "shop/.hidden", "back\\slash", "line\nbreak", "lost+found/inode"];
    for name in foreign {
        let path = place.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "foreign").unwrap();
    }
    let not_text: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff\xfe");
    std::fs::write(place.path().join(not_text), "foreign").unwrap();
    assert_eq!(names(&storage), ["shop/archive"]);
    assert!(storage.leftovers("").unwrap().is_empty());
    storage.delete(&key("shop/archive")).unwrap();
    assert!(foreign.iter().all(|name| place.path().join(name).exists()));
}

#[test]
fn deleting_removes_empty_folders_but_not_the_root() {
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path());
    put(&storage, "shop/2026/01/archive", b"").unwrap();
    put(&storage, "shop/2025/12/archive", b"").unwrap();
    storage.delete(&key("shop/2026/01/archive")).unwrap();
    assert!(!place.path().join("shop/2026").exists() && place.path().join("shop").exists());
    storage.delete(&key("shop/2025/12/archive")).unwrap();
    assert!(!place.path().join("shop").exists() && place.path().exists());
}

#[test]
fn a_named_pipe_neither_blocks_nor_counts() {
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path());
    let made = std::process::Command::new("mkfifo").arg(place.path().join("pipe")).status().unwrap();
    assert!(made.success());
    assert_eq!(storage.read(&key("pipe"), None).map(drop).unwrap_err().kind(), ErrorKind::NotFound);
    assert!(storage.stat(&key("pipe")).unwrap().is_none() && names(&storage).is_empty());
    storage.delete(&key("pipe")).unwrap();
    assert!(place.path().join("pipe").exists());
}

#[test]
fn what_is_told_of_an_object_is_right() {
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path());
    let written = put(&storage, "shop/archive", b"12345").unwrap();
    assert_eq!(storage.local_path(&key("shop/archive")), Some(place.path().join("shop/archive")));
    assert_eq!(storage.location(), place.path().to_str().unwrap());
    let modified = std::fs::metadata(place.path().join("shop/archive")).unwrap().modified().unwrap();
    let modified = cadangkan_core::Timestamp::try_from(modified).unwrap();
    assert_eq!(storage.stat(&key("shop/archive")).unwrap().as_ref(), Some(&written));
    assert_eq!(written.modified, Some(modified));
}
