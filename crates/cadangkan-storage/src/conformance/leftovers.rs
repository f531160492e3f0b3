use cadangkan_core::{ErrorKind, Leftover};

use super::Subject;

/// Begins to write and never ends, as a process does that is killed.
fn die_writing(subject: &Subject, name: &str) {
    let mut writer = subject.begin(name, false);
    subject.ok(writer.write(b"unfinished"), "write");
    std::mem::forget(writer);
}

pub(super) fn killed_writer(subject: &Subject) {
    die_writing(subject, "a/b/object");
    let names = subject.names("");
    subject.ensure(names.is_empty(), &format!("there are objects: {names:?}"));
    subject.put("a/b/object", b"the next attempt");
    subject.ensure(subject.get("a/b/object", None) == b"the next attempt", "other bytes are read");
}

pub(super) fn discard(subject: &Subject) {
    subject.put("a/b/object", b"finished");
    die_writing(subject, "a/b/killed");
    die_writing(subject, "a/bc/killed");
    die_writing(subject, &"n".repeat(255));
    for (prefix, at_most) in [("a/b", 1), ("a", 1), ("", 1)] {
        let leftovers = subject.ok(subject.storage.leftovers(prefix), "leftovers");
        subject.ensure(leftovers.len() <= at_most, &format!("the leftovers of {prefix:?} are {leftovers:?}"));
        for leftover in leftovers {
            // What a writer had not sent yet died with it.
            subject.ensure(leftover.size_bytes <= 10, &format!("the size of {leftover:?} is wrong"));
            subject.ensure(!leftover.description.is_empty(), "a leftover is not described");
            subject.ok(subject.storage.discard(&leftover), "discard");
            subject.ok(subject.storage.discard(&leftover), "discard of what is gone");
        }
    }
    subject.holds_only(&["a/b/object"]);
}

pub(super) fn hostile(subject: &Subject) {
    subject.put("a/object", b"finished");
    for location in
        ["a/object", "a", "", "..", "../x.partial", "/etc/passwd", "a/../a/object", "a/x\0.partial"]
    {
        let leftover = Leftover { location: location.into(), description: "x".into(), size_bytes: 8 };
        subject.fails(
            subject.storage.discard(&leftover),
            ErrorKind::Usage,
            &format!("discarding {location:?}"),
        );
    }
    subject.holds_only(&["a/object"]);
}
