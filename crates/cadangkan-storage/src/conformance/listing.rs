use cadangkan_core::ErrorKind;

use super::Subject;

pub(super) fn order(subject: &Subject) {
    // `-` and `.` sort before `/`, so the order of whole keys is not that of a walk through folders.
    let mut names = ["b", "a/z", "a/b/c", "a-b", "a.b", "a/b.c", "Z", "a/b0", "é", "a/b/a/a"];
    for name in names {
        subject.put(name, name.as_bytes());
    }
    names.sort_unstable();
    subject.holds_only(&names);
    for object in subject.ok(subject.storage.list(""), "list") {
        let right = object.size == object.key.as_str().len() as u64;
        subject.ensure(right, &format!("the size in {object:?} is wrong"));
    }
}

pub(super) fn borders(subject: &Subject) {
    for name in ["a/b/1", "a/b/c/2", "a/bc/3", "a/b.d/4", "a/b-e", "x/a/b/5"] {
        subject.put(name, b"");
    }
    let names = subject.names("a/b");
    subject.ensure(names == ["a/b/1", "a/b/c/2"], &format!("the list of a/b has {names:?}"));
    let names = subject.names("a/b/1");
    subject.ensure(names.is_empty(), &format!("the list of an object as a folder has {names:?}"));
}

pub(super) fn nothing(subject: &Subject) {
    subject.put("object", b"");
    for prefix in ["none", "no/folder", "object/below"] {
        let names = subject.names(prefix);
        subject.ensure(names.is_empty(), &format!("the list of {prefix} has {names:?}"));
        let leftovers = subject.ok(subject.storage.leftovers(prefix), "leftovers");
        subject.ensure(leftovers.is_empty(), &format!("the leftovers of {prefix} are {leftovers:?}"));
    }
}

pub(super) fn hostile(subject: &Subject) {
    for prefix in ["..", "a/..", "/", "/etc", "a//b", "a/", "a\0", "."] {
        subject.fails(subject.storage.list(prefix), ErrorKind::Usage, &format!("the list of {prefix:?}"));
        subject.fails(subject.storage.leftovers(prefix), ErrorKind::Usage, "leftovers");
    }
}
