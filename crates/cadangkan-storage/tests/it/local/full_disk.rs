use std::path::{Path, PathBuf};
use std::process::Command;

use cadangkan_core::ErrorKind;
use cadangkan_storage::{Local, Storage, WriteOptions};
use tempfile::TempDir;

use crate::support::{can_run, key, names, put};

/// A small file system in memory; unmounted when dropped.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(options: &str) -> Option<SmallDisk> {
        let place = tempfile::tempdir().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place.path()).output();
        let mounted = mounted.is_ok_and(|output| output.status.success());
        can_run(mounted, "the right to mount a tmpfs").then_some(SmallDisk(place))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

#[test]
fn a_full_disk_is_told_and_leaves_what_was_there() {
    let Some(disk) = SmallDisk::mount("size=1m") else { return };
    let root: PathBuf = disk.path().join("backups");
    let storage = Local::new(&root);
    put(&storage, "shop/archive", &vec![1; 300_000]).unwrap();
    let mut writer = storage
        .begin_write(&key("shop/archive"), WriteOptions { overwrite: true, ..WriteOptions::default() })
        .unwrap();
    let error = (0..100).find_map(|_| writer.write(&[2; 65536]).err()).unwrap();
    assert_eq!(error.kind(), ErrorKind::NoSpace);
    let hint = error.advice().unwrap();
    assert!(hint.contains("free space") && hint.contains(root.to_str().unwrap()), "{hint}");
    assert_eq!(writer.close().unwrap_err().kind(), ErrorKind::Io, "closing after a failed write");
    assert_eq!(names(&storage), ["shop/archive"]);
    assert!(storage.leftovers("").unwrap().is_empty());
    assert_eq!(storage.stat(&key("shop/archive")).unwrap().unwrap().size, 300_000);
    let space = storage.space().unwrap().unwrap();
    assert!(space.total == 1 << 20 && space.available > 600_000, "{space:?}");
    put(&storage, "shop/small", b"fits again").unwrap();
}

#[test]
fn a_disk_without_room_for_another_name_is_full_too() {
    // The root of the file system, the root of the storage, and one file.
    let Some(disk) = SmallDisk::mount("size=1m,nr_inodes=3") else { return };
    let storage = Local::new(disk.path().join("backups"));
    put(&storage, "first", b"bytes").unwrap();
    for name in ["second", "folder/second"] {
        assert_eq!(put(&storage, name, b"bytes").unwrap_err().kind(), ErrorKind::NoSpace);
    }
    assert_eq!(storage.check().unwrap_err().kind(), ErrorKind::NoSpace);
    assert_eq!(names(&storage), ["first"]);
}

#[test]
fn a_disk_mounted_read_only_is_denied() {
    let Some(disk) = SmallDisk::mount("size=1m") else { return };
    let storage = Local::new(disk.path());
    put(&storage, "object", b"bytes").unwrap();
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.path()).status().unwrap();
    assert!(remounted.success());
    for error in [storage.check(), put(&storage, "other", b"").map(drop), storage.delete(&key("object"))] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(error.advice().unwrap().contains(disk.path().to_str().unwrap()));
    }
    assert_eq!(names(&storage), ["object"]);
}
