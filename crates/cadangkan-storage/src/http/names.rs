/// The whole name of an object or folder below a prefix that has no slashes around it.
pub fn whole_name(prefix: &str, key: &str) -> String {
    match (prefix, key) {
        ("", key) => key.to_owned(),
        (prefix, "") => prefix.to_owned(),
        (prefix, key) => format!("{prefix}/{key}"),
    }
}

/// What whole names in a folder below a prefix begin with.
pub fn names_begin(prefix: &str, folder: &str) -> String {
    let whole = whole_name(prefix, folder);
    if whole.is_empty() { whole } else { format!("{whole}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_and_a_folder_may_be_empty() {
        let cases = [
            ("", "", "", ""),
            ("", "a", "a", "a/"),
            ("p", "", "p", "p/"),
            ("p/q", "a/b", "p/q/a/b", "p/q/a/b/"),
        ];
        for (prefix, key, whole, begin) in cases {
            assert_eq!((whole_name(prefix, key).as_str(), names_begin(prefix, key).as_str()), (whole, begin));
        }
    }
}
