use cadangkan_core::ErrorKind;
use cadangkan_storage::WriteOptions;
use cadangkan_testkit::storages::storage_server;
use serde_json::json;

use crate::support::{get, key, names, open, put};

/// One that keeps objects behind a cache, lets the last of two names win, and offers what it cannot do.
#[test]
fn a_server_that_is_not_opensshs() {
    let Some(server) = storage_server("other_sftp") else { return };
    let storage = open(&json!({
        "host": "127.0.0.1",
        "port": server.port,
        "user": server.setting("user"),
        "password": server.setting("password"),
        "path": format!("/{}", cadangkan_storage::new_partial_name("other")),
        "known_hosts": server.setting("known_hosts"),
        "ssh_config": "/dev/null",
    }));
    storage.check().unwrap();
    assert_eq!(storage.space().unwrap(), None);
    let bytes: Vec<u8> = (0..5_000_000).map(|at| (at / 777 % 251) as u8).collect();
    for bytes in [&b"old"[..], &bytes] {
        put(&*storage, "shop/archive", bytes).unwrap();
        assert!(get(&*storage, "shop/archive").unwrap() == bytes, "other bytes are read than were written");
    }
    let mut writer = storage.begin_write(&key("shop/archive"), WriteOptions::default()).unwrap();
    writer.write(b"new").unwrap();
    assert_eq!(writer.close().unwrap_err().kind(), ErrorKind::Conflict);
    storage.begin_write(&key("shop/other"), WriteOptions::default()).unwrap().abort().unwrap();
    assert_eq!((names(&*storage), storage.leftovers("").unwrap()), (vec!["shop/archive".to_owned()], vec![]));
    storage.delete(&key("shop/archive")).unwrap();
    assert_eq!(names(&*storage), Vec::<String>::new());
}
