use cadangkan_core::ErrorKind;

use super::{Subject, key};

pub(super) fn round_trip(subject: &Subject) {
    let bytes: Vec<u8> = (0..=255).collect();
    let info = subject.put("a/b/object", &bytes);
    subject.ensure(info.key == key("a/b/object") && info.size == 256, &format!("close says {info:?}"));
    subject.ensure(subject.get("a/b/object", None) == bytes, "other bytes are read than were written");
    subject.holds_only(&["a/b/object"]);
}

pub(super) fn empty(subject: &Subject) {
    let info = subject.ok(subject.begin("empty", false).close(), "close");
    subject.ensure(info.size == 0, &format!("close says {info:?}"));
    subject.ensure(subject.get("empty", None).is_empty(), "an empty object has bytes");
    subject.put("also-empty", b"");
    subject.holds_only(&["also-empty", "empty"]);
}

pub(super) fn large(subject: &Subject) {
    const PARTS: u32 = 4000;
    let part = |number: u32| number.to_le_bytes().repeat(512);
    let mut writer = subject.begin("large", false);
    for number in 0..PARTS {
        subject.ok(writer.write(&part(number)), "write");
    }
    let info = subject.ok(writer.close(), "close");
    subject.ensure(info.size == u64::from(PARTS) * 2048, &format!("close says {info:?}"));
    let read = subject.get("large", None);
    let parts = read.chunks(2048).zip(0..PARTS);
    subject.ensure(read.len() as u64 == info.size, "the size is another");
    subject.ensure(parts.into_iter().all(|(read, number)| read == part(number)), "the bytes are others");
}

pub(super) fn invisible_until_closed(subject: &Subject) {
    let mut writer = subject.begin("a/object", false);
    subject.ok(writer.write(b"bytes"), "write");
    subject.ensure(subject.ok(subject.storage.stat(&key("a/object")), "stat").is_none(), "stat sees it");
    subject.ensure(subject.names("").is_empty(), "list sees it");
    subject.fails(subject.storage.read(&key("a/object"), None), ErrorKind::NotFound, "reading it");
    subject.ok(writer.close(), "close");
    subject.holds_only(&["a/object"]);
}

pub(super) fn overwrite(subject: &Subject) {
    subject.put("object", b"a long first version");
    let mut writer = subject.begin("object", true);
    subject.ok(writer.write(b"second"), "write");
    subject
        .ensure(subject.get("object", None) == b"a long first version", "the old one goes before the close");
    subject.ok(writer.close(), "close");
    subject.ensure(subject.get("object", None) == b"second", "the new one is not there");
    subject.holds_only(&["object"]);
}

pub(super) fn conflict(subject: &Subject) {
    subject.put("object", b"first");
    let mut writer = subject.begin("object", false);
    subject.ok(writer.write(b"second"), "write");
    subject.fails(writer.close(), ErrorKind::Conflict, "close");
    subject.ensure(subject.get("object", None) == b"first", "the object was changed");
    subject.holds_only(&["object"]);
}

pub(super) fn abort(subject: &Subject) {
    let mut writer = subject.begin("a/b/object", false);
    subject.ok(writer.write(b"bytes"), "write");
    subject.ok(writer.abort(), "abort");
    subject.ok(subject.begin("other", true).abort(), "abort without a write");
    subject.holds_only(&[]);
}

pub(super) fn dropped(subject: &Subject) {
    let mut writer = subject.begin("a/b/object", false);
    subject.ok(writer.write(b"bytes"), "write");
    drop(writer);
    subject.holds_only(&[]);
}

pub(super) fn abort_of_overwrite(subject: &Subject) {
    subject.put("object", b"old");
    let mut writer = subject.begin("object", true);
    subject.ok(writer.write(b"new"), "write");
    subject.ok(writer.abort(), "abort");
    subject.ensure(subject.get("object", None) == b"old", "the old object was changed");
    subject.holds_only(&["object"]);
}
