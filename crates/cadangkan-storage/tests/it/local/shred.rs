use cadangkan_storage::{Local, Storage};

use crate::support::{key, put};

#[test]
fn what_is_shredded_is_overwritten_in_its_place() {
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path().join("backups"));
    for length in [0, 1, (2 << 20) + 5] {
        put(&storage, "shop/archive", &vec![7; length]).unwrap();
        // The same blocks under another name, as somebody finds them on the disk.
        let blocks = place.path().join(format!("blocks-{length}"));
        std::fs::hard_link(place.path().join("backups/shop/archive"), &blocks).unwrap();
        storage.shred(&key("shop/archive")).unwrap();
        assert!(storage.stat(&key("shop/archive")).unwrap().is_none());
        assert!(std::fs::read(&blocks).unwrap() == vec![0; length], "{length}");
    }
    assert!(storage.about_shredding().contains("overwritten"), "{}", storage.about_shredding());
}

#[test]
fn nothing_but_a_plain_file_is_overwritten() {
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path().join("backups"));
    put(&storage, "shop/other", b"other").unwrap();
    let outside = place.path().join("outside");
    std::fs::write(&outside, "precious").unwrap();
    std::os::unix::fs::symlink(&outside, place.path().join("backups/shop/link")).unwrap();
    storage.shred(&key("shop/link")).unwrap();
    storage.shred(&key("shop")).unwrap();
    assert_eq!(std::fs::read(&outside).unwrap(), b"precious");
    assert_eq!(std::fs::read(place.path().join("backups/shop/other")).unwrap(), b"other");
}
