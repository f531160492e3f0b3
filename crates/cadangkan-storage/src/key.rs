use std::fmt;
use std::hash::{BuildHasher as _, RandomState};

use cadangkan_core::{Error, ErrorKind, Leftover, Result};

/// What the names of unfinished objects end in.
pub const PARTIAL: &str = ".partial";

/// The longest name of a file, in bytes, on every file system we know.
const LONGEST_NAME: usize = 255;

/// The name of an object: segments joined by `/`, relative to the storage's root.
///
/// A key is safe on every provider: no empty segment, none that begins with a dot, no `\`, no control character,
/// at most 255 bytes a segment and 1,000 in all. Its last segment does not end in `.partial`: that marks what is
/// still being written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(String);

impl Key {
    /// Checks a key.
    pub fn new(text: impl Into<String>) -> Result<Self> {
        let text = text.into();
        if is_path(&text) && !text.ends_with(PARTIAL) {
            return Ok(Key(text));
        }
        Err(Error::new(ErrorKind::Usage, "not a usable key for a storage")
            .context("key", text.escape_debug()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key with something put behind it: `a/b.zst` with `.index` is `a/b.zst.index`.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self> {
        Key::new(format!("{}{suffix}", self.0))
    }

    /// The key of another object in the same folder.
    pub fn sibling(&self, file_name: &str) -> Result<Self> {
        let kept = self.0.len() - self.file_name().len();
        Key::new(format!("{}{file_name}", self.0.get(..kept).unwrap_or_default()))
    }

    /// The last segment.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// The segments before the last one; empty at the root.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Returns the name of an unfinished object, `<final name>.<tag>.partial`; the final name is cut when that is too long.
pub(crate) fn partial_name(final_name: &str, tag: &str) -> String {
    let ending = format!(".{tag}{PARTIAL}");
    let mut kept = final_name;
    while kept.len() + ending.len() > LONGEST_NAME {
        let mut characters = kept.chars();
        characters.next_back();
        kept = characters.as_str();
    }
    format!("{kept}{ending}")
}

/// Returns a name for an unfinished object which no other writer has, also of another machine.
pub fn new_partial_name(final_name: &str) -> String {
    let random = RandomState::new().hash_one(final_name);
    partial_name(final_name, &format!("{}-{random:016x}", std::process::id()))
}

/// Tells whether a text names a place below the root: what a key or the folder of one may look like.
pub fn is_path(text: &str) -> bool {
    let segment = |segment: &str| !segment.is_empty() && !segment.starts_with('.') && segment.len() <= 255;
    let bad = |character: char| character == '\\' || character.is_control();
    text.len() <= 1000 && text.split('/').all(segment) && !text.chars().any(bad)
}

/// The path of a leftover of a storage whose unfinished objects lie beside the others, under names that end in
/// [`PARTIAL`]; fails with `Usage` when it is none.
pub fn partial_path(leftover: &Leftover) -> Result<&str> {
    let path = leftover.location.as_str();
    if is_path(path) && path.ends_with(PARTIAL) {
        return Ok(path);
    }
    Err(Error::new(ErrorKind::Usage, "not a leftover of this storage")
        .context("location", path.escape_debug()))
}

/// Checks the folder of a listing: empty for the root, otherwise a path without a slash at its end.
pub fn check_folder(prefix: &str) -> Result<()> {
    if prefix.is_empty() || is_path(prefix) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "not a usable folder of a storage")
        .context("folder", prefix.escape_debug()))
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_unfinished_objects_fit_and_stay_text() {
        assert_eq!(partial_name("a.zst", "7-1"), "a.zst.7-1.partial");
        let long = partial_name(&"ä".repeat(127), &format!("{}-{}", u32::MAX, u64::MAX));
        assert!(long.len() <= LONGEST_NAME && long.len() > LONGEST_NAME - 2, "{}", long.len());
        assert!(long.starts_with("ää") && long.ends_with(".4294967295-18446744073709551615.partial"));
        assert_ne!(new_partial_name("a"), new_partial_name("a"));
    }

    #[test]
    fn refuses_keys_that_could_escape() {
        for bad in [
            "",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/../b",
            ".hidden",
            "a/.x",
            "a\\b",
            "a\0",
            "a\nb",
            "a/b.partial",
            &"a".repeat(256),
        ] {
            assert!(Key::new(bad).is_err(), "{bad:?}");
        }
        let key = Key::new("shop/2026/01/shop_manual.sqlite.zst").unwrap();
        assert_eq!(key.file_name(), "shop_manual.sqlite.zst");
        assert_eq!(key.folder(), "shop/2026/01");
        assert_eq!(key.with_suffix(".index").unwrap().as_str(), "shop/2026/01/shop_manual.sqlite.zst.index");
    }
}
