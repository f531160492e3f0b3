//! The table by which databases that a restore fills or kept are known again: a database itself has no comment on
//! every server.

use cadangkan_core::{Control, Result, ResultExt, Timestamp};
use cadangkan_mywire::{Connection, identifier, literal};

use super::statement::define;

/// The name of that table. Its comment says the rest.
pub(crate) const MARKER: &str = "_cadangkan";

/// What stands in the name of a database that is filled beside the target.
pub(super) const BESIDE: &str = "_cadangkan_";

/// What stands in the name of one that keeps old content.
pub(super) const BEFORE: &str = "_before_";

const UNFINISHED: &str = "cadangkan: unfinished restore of ";
const KEPT: &str = "cadangkan: content before a restore of ";

/// What a marked database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// A restore began to fill it; whether the database itself was made by it.
    Unfinished(bool),
    /// A restore put another one in its place.
    Kept,
}

impl Mark {
    /// The comment for a restore of the database `name`.
    pub(super) fn comment(self, name: &str, now: Timestamp) -> String {
        let when = now.strftime("%Y-%m-%d %H:%M:%S UTC");
        let name = spelled(name);
        match self {
            Mark::Unfinished(true) => format!("{UNFINISHED}{name} begun {when}, database made"),
            Mark::Unfinished(false) => format!("{UNFINISHED}{name} begun {when}, database was empty"),
            Mark::Kept => format!("{KEPT}{name} at {when}"),
        }
    }

    /// Reads a comment, with the name of the database that the restore was of.
    pub(super) fn read(comment: &str) -> Option<(Mark, String)> {
        if let Some(rest) = comment.strip_prefix(KEPT) {
            return Some((Mark::Kept, unspelled(rest.rsplit_once(" at ")?.0)));
        }
        let (name, when) = comment.strip_prefix(UNFINISHED)?.rsplit_once(" begun ")?;
        Some((Mark::Unfinished(when.ends_with("database made")), unspelled(name)))
    }

    /// Marks a database.
    pub(super) fn put(
        self,
        connection: &mut Connection,
        database: &str,
        of: &str,
        now: Timestamp,
        control: &Control<'_>,
    ) -> Result<()> {
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {}.{} (id INT NOT NULL PRIMARY KEY) COMMENT = {}",
            identifier(database),
            identifier(MARKER),
            literal(&self.comment(of, now)),
        );
        define(connection, sql, control).context("during", "marking the database as being restored")?;
        Ok(())
    }
}

/// A name without quotes, backslashes and control characters, which is still no other's.
fn spelled(name: &str) -> String {
    let mut text = String::new();
    for character in name.chars() {
        if character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '$' | ' ') {
            text.push(character);
        } else {
            text.push_str(&format!("%{:x};", u32::from(character)));
        }
    }
    text
}

/// The name that was spelled.
fn unspelled(text: &str) -> String {
    let (mut name, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('%') {
        name.push_str(before);
        let Some((code, after)) = after.split_once(';') else { break };
        name.extend(u32::from_str_radix(code, 16).ok().and_then(char::from_u32));
        rest = after;
    }
    name.push_str(rest);
    name
}

/// Tells whether a restore made or kept a database: by the comment of its mark and by the ending of its name, since
/// somebody may have given one back its own name.
pub(crate) fn is_ours(name: &str, comment: &str) -> bool {
    Mark::read(comment).is_some() && [BESIDE, BEFORE].iter().any(|ending| name.contains(ending))
}

/// Takes the mark of a database away.
pub(super) fn remove(connection: &mut Connection, database: &str, control: &Control<'_>) -> Result<()> {
    let sql = format!("DROP TABLE IF EXISTS {}.{}", identifier(database), identifier(MARKER));
    define(connection, sql, control).context("during", "taking the mark of the restore away")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_read_back() {
        for name in ["app", "a at b begun c", "x'y\\\n`ü"] {
            for mark in [Mark::Unfinished(true), Mark::Unfinished(false), Mark::Kept] {
                let comment = mark.comment(name, Timestamp::UNIX_EPOCH);
                assert_eq!(Mark::read(&comment), Some((mark, name.to_owned())));
                assert!(!comment.contains(['\'', '\\']));
            }
        }
        assert_eq!(Mark::read("somebody's own"), None);
        let kept = Mark::Kept.comment("app", Timestamp::UNIX_EPOCH);
        assert!(is_ours("app_before_20260101_000000", &kept) && !is_ours("app", &kept));
        assert!(!is_ours("app_before_20260101_000000", "somebody's own"));
    }
}
