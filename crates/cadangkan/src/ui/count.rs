//! Numbers of things.

/// Writes how many there are of something: `1 backup`, `2 backups`. For words whose plural ends in `s`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
