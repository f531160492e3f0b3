use super::{Subject, key};

pub(super) fn stat(subject: &Subject) {
    subject.put("folder/object", b"12345");
    let info = subject.ok(subject.storage.stat(&key("folder/object")), "stat");
    let right = info.as_ref().is_some_and(|info| info.size == 5 && info.key == key("folder/object"));
    subject.ensure(right, &format!("stat says {info:?}"));
    for name in ["nothing", "folder", "folder/object/below", "folder/objec"] {
        let info = subject.ok(subject.storage.stat(&key(name)), "stat");
        subject.ensure(info.is_none(), &format!("stat of {name} says {info:?}"));
    }
}

pub(super) fn delete_twice(subject: &Subject) {
    subject.put("a/b/object", b"bytes");
    subject.put("a/other", b"bytes");
    for name in ["nothing", "a", "a/b", "a/b/object/below", "no/such/folder"] {
        subject.ok(subject.storage.delete(&key(name)), "delete of what is no object");
    }
    subject.holds_only(&["a/b/object", "a/other"]);
    for _ in 0..2 {
        subject.ok(subject.storage.delete(&key("a/b/object")), "delete");
        subject.holds_only(&["a/other"]);
    }
}

pub(super) fn shred(subject: &Subject) {
    subject.put("a/object", &vec![7; 3 << 20]);
    subject.put("a/object2", b"bytes");
    for name in ["nothing", "a", "a/object/below", "no/such/folder"] {
        subject.ok(subject.storage.shred(&key(name)), "shred of what is no object");
    }
    subject.holds_only(&["a/object", "a/object2"]);
    for _ in 0..2 {
        subject.ok(subject.storage.shred(&key("a/object")), "shred");
        subject.holds_only(&["a/object2"]);
    }
    subject.ensure(!subject.storage.about_shredding().is_empty(), "nothing is said of it");
}

pub(super) fn write_after_delete(subject: &Subject) {
    subject.put("a/b/object", b"first");
    subject.ok(subject.storage.delete(&key("a/b/object")), "delete");
    subject.put("a/b/object", b"second");
    subject.ensure(subject.get("a/b/object", None) == b"second", "other bytes are read than were written");
}

pub(super) fn check(subject: &Subject) {
    subject.put("object", b"bytes");
    subject.ok(subject.storage.check(), "check");
    subject.holds_only(&["object"]);
}

pub(super) fn space(subject: &Subject) {
    if let Some(space) = subject.ok(subject.storage.space(), "space") {
        subject.ensure(space.available <= space.total && space.total > 0, &format!("space says {space:?}"));
    }
}
