use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use cadangkan_storage::{Local, Storage, WriteOptions};

use crate::support::{as_child, child_folder, key, names, put};

static BYTES: [u8; 1 << 20] = [3; 1 << 20];

/// Writes half of an object, says so, and waits to be killed.
fn write_and_wait(storage: &Local) {
    let mut writer = storage
        .begin_write(&key("shop/archive"), WriteOptions { overwrite: true, ..WriteOptions::default() })
        .unwrap();
    writer.write(&BYTES).unwrap();
    println!("\nwritten");
    std::io::stdout().flush().unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    panic!("nobody killed this process");
}

#[test]
fn a_writer_that_is_killed_leaves_the_old_object_and_a_leftover() {
    if let Some(place) = child_folder() {
        return write_and_wait(&Local::new(place));
    }
    let place = tempfile::tempdir().unwrap();
    let storage = Local::new(place.path());
    put(&storage, "shop/archive", b"old").unwrap();
    let test = "local::crashes::a_writer_that_is_killed_leaves_the_old_object_and_a_leftover";
    let mut command = as_child(Command::new("env"), test, place.path());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(
        lines.map_while(Result::ok).any(|line| line == "written"),
        "the child ended before it had written"
    );
    child.kill().unwrap();
    child.wait().unwrap();

    assert_eq!(names(&storage), ["shop/archive"]);
    assert_eq!(std::fs::read(place.path().join("shop/archive")).unwrap(), b"old");
    let leftovers = storage.leftovers("").unwrap();
    assert_eq!(leftovers.len(), 1);
    assert_eq!(leftovers[0].size_bytes, BYTES.len() as u64);
    assert!(
        leftovers[0].location.starts_with("shop/archive.") && leftovers[0].location.ends_with(".partial")
    );
    storage.discard(&leftovers[0]).unwrap();
    assert!(storage.leftovers("").unwrap().is_empty());
    assert_eq!(names(&storage), ["shop/archive"]);
}
