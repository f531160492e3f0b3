//! The comments by which databases that a restore made or kept are known again.

use cadangkan_core::Timestamp;

const UNFINISHED: &str = "cadangkan: unfinished restore of ";
const KEPT: &str = "cadangkan: content before a restore of ";

/// What a marked database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A restore began to fill it.
    Unfinished,
    /// A restore put another one in its place.
    Kept,
}

/// The comment of a database that a restore of `name` fills.
pub(super) fn unfinished(name: &str, now: Timestamp) -> String {
    format!("{UNFINISHED}{} begun {}", name.escape_debug(), now.strftime("%Y-%m-%d %H:%M:%S UTC"))
}

/// The comment of a database that a restore of `name` kept: what it was before, and a line of ours.
pub(super) fn kept(before: Option<&str>, name: &str, now: Timestamp) -> String {
    let ours = format!("{KEPT}{} at {}", name.escape_debug(), now.strftime("%Y-%m-%d %H:%M:%S UTC"));
    match before {
        Some(before) if !before.is_empty() => format!("{before}\n{ours}"),
        _ => ours,
    }
}

/// Reads the mark of a database that a restore of `name` made or kept.
pub(super) fn read(comment: &str, name: &str) -> Option<Mark> {
    let line = comment.lines().next_back()?;
    let is_of = |begin: &str, then: &str| {
        let rest =
            line.strip_prefix(begin).and_then(|rest| rest.strip_prefix(&name.escape_debug().to_string()));
        rest.is_some_and(|rest| rest.starts_with(then))
    };
    if is_of(UNFINISHED, " begun ") {
        Some(Mark::Unfinished)
    } else if is_of(KEPT, " at ") {
        Some(Mark::Kept)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back_for_their_own_name_only() {
        let now = Timestamp::UNIX_EPOCH;
        for name in ["app", "a at b", "x\ny", "o'\"dd"] {
            assert_eq!(read(&unfinished(name, now), name), Some(Mark::Unfinished), "{name:?}");
            assert_eq!(read(&kept(Some("the shop\nof us"), name, now), name), Some(Mark::Kept), "{name:?}");
            assert_eq!(read(&kept(None, name, now), "other"), None);
        }
        assert_eq!(read(&unfinished("apple", now), "app"), None);
        assert_eq!(read("somebody's own comment", "app"), None);
    }
}
