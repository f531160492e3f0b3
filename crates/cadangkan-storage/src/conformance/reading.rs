use std::io::Read;
use std::ops::Range;

use cadangkan_core::ErrorKind;

use super::{Subject, key};

pub(super) fn ranges(subject: &Subject) {
    let bytes: Vec<u8> = (0..200).collect();
    subject.put("object", &bytes);
    let cases: [(Range<u64>, Range<usize>); 9] = [
        (0..200, 0..200),
        (0..1, 0..1),
        (199..200, 199..200),
        (50..150, 50..150),
        (10..10, 10..10),
        (150..1000, 150..200),
        (200..300, 200..200),
        (u64::MAX - 1..u64::MAX, 200..200),
        (0..u64::MAX, 0..200),
    ];
    for (range, expected) in cases {
        let read = subject.get("object", Some(range.clone()));
        let expected = bytes.get(expected).unwrap_or_default();
        subject.ensure(read == expected, &format!("{range:?} of 200 bytes gives {} bytes", read.len()));
    }
    let reversed = Range { start: 20, end: 10 };
    subject.ensure(
        subject.get("object", Some(reversed)).is_empty(),
        "a range that ends before it begins has bytes",
    );
}

pub(super) fn missing(subject: &Subject) {
    subject.put("folder/object", b"bytes");
    for name in ["nothing", "folder/nothing", "no/folder", "folder", "folder/object/below"] {
        subject.fails(
            subject.storage.read(&key(name), None),
            ErrorKind::NotFound,
            &format!("reading {name}"),
        );
        subject.fails(subject.storage.read(&key(name), Some(0..1)), ErrorKind::NotFound, "reading a range");
    }
}

pub(super) fn deleted_meanwhile(subject: &Subject) {
    let bytes = vec![7; 1 << 20];
    subject.put("object", &bytes);
    let mut reader = subject.ok(subject.storage.read(&key("object"), None), "read");
    subject.ok(subject.storage.delete(&key("object")), "delete");
    subject.put("object", &vec![8; 1 << 20]);
    let mut read = Vec::new();
    if reader.read_to_end(&mut read).is_ok() {
        subject.ensure(read == bytes, "the reader gives bytes of another object, or not all of them");
    }
}
