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

/// Reads a mark, with the name of the database that the restore was of as the mark spells it.
pub(super) fn read_any(comment: &str) -> Option<(Mark, &str)> {
    let line = comment.lines().next_back()?;
    let of = |begin: &str, then: &str| Some(line.strip_prefix(begin)?.rsplit_once(then)?.0);
    let unfinished = of(UNFINISHED, " begun ").map(|name| (Mark::Unfinished, name));
    unfinished.or_else(|| of(KEPT, " at ").map(|name| (Mark::Kept, name)))
}

/// Tells whether a restore made or kept a database: by its comment and by the ending of its name, since somebody may
/// have given one back its own name.
pub(crate) fn is_ours(name: &str, comment: &str) -> bool {
    read_any(comment).is_some() && ["_restore_", "_before_"].iter().any(|ending| name.contains(ending))
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
            let spelled = name.escape_debug().to_string();
            assert_eq!(read_any(&kept(None, name, now)), Some((Mark::Kept, spelled.as_str())));
            assert_eq!(read_any(&unfinished(name, now)), Some((Mark::Unfinished, spelled.as_str())));
        }
        assert_eq!(read(&unfinished("apple", now), "app"), None);
        assert_eq!(read("somebody's own comment", "app"), None);
        let mark = unfinished("app", now);
        assert!(is_ours("app_restore_0a1b2c3d", &mark) && !is_ours("app", &mark));
        assert!(!is_ours("app_restore_0a1b2c3d", "somebody's own comment"));
    }
}
