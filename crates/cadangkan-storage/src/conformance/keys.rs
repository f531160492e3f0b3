use super::{Subject, key};

pub(super) fn odd(subject: &Subject) {
    let longest_name = "n".repeat(255);
    let wide_name = "ä".repeat(127);
    let deep = ["d"; 500].join("/");
    let long = format!("{}/{}/{}/{}", "a".repeat(250), "b".repeat(250), "c".repeat(250), "d".repeat(247));
    let odd = [
        "with space/ leading and trailing ",
        "датабаза/バックアップ/قاعدة",
        "emoji/💾",
        "percent%2F/plus+/at@/colon:",
        "-rf",
        "--",
        "~",
        "*?[a]",
        "quote'double\"back`tick",
        "dollar$(id)",
        "semi;colon|pipe&and",
        "trailing.",
        "CON",
        "partial/a.partial.zst",
        "folder.partial/object",
        &longest_name,
        &wide_name,
        &deep,
        &long,
    ];
    for name in odd {
        subject.put(name, name.as_bytes());
        subject
            .ensure(subject.get(name, None) == name.as_bytes(), &format!("{name:?} reads back other bytes"));
        let info = subject.ok(subject.storage.stat(&key(name)), "stat");
        subject.ensure(info.is_some(), &format!("{name:?} is not there"));
        subject.holds_only(&[name]);
        let folder = key(name).folder().to_owned();
        subject.ensure(subject.names(&folder) == [name], &format!("{name:?} is not listed in its folder"));
        subject.ok(subject.storage.delete(&key(name)), "delete");
        subject.holds_only(&[]);
    }
}
