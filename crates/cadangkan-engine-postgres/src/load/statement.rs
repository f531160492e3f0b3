//! How a statement of the backup is shown when it fails.

use cadangkan_core::Error;

use super::look::code;

/// Characters of a statement that an error shows.
const SHOWN: usize = 200;

/// Adds to the server's error what was run, and of which object it is.
pub(super) fn explain(error: Error, object: &str, statement: &str) -> Error {
    let hint = match code(&error) {
        Some("42704") if statement.contains("OWNER TO") || statement.starts_with("GRANT") => {
            "create the role first, restore with --globals, or leave owners and privileges out (--no-owner, --no-privileges)"
        }
        Some("42501") => {
            "restore as a superuser or as the owner, or leave owners and privileges out (--no-owner, --no-privileges)"
        }
        Some("42P07" | "42710" | "42723" | "42P06") => {
            "it is there already: restore into an empty database, or use --mode clean or replace"
        }
        Some("2BP01") => {
            "something that is not restored depends on it: drop that by hand, or restore the whole database with --mode replace"
        }
        Some("55P03") => "another session holds a lock: wait for it, or raise lock_timeout",
        Some("53100") => "free space on the server's disk",
        Some("23503" | "23505") => {
            "the rows do not fit what the target holds already: restore into an empty database, or empty the tables first"
        }
        Some("22P02" | "22P04" | "22021") => {
            "the rows do not fit the table's columns or the database's encoding"
        }
        _ => {
            "the statement is the backup's own; look up the server's message, and restore with --tables to leave the object out"
        }
    };
    error.context("object", object.escape_debug()).context("statement", shown(statement)).hint(hint)
}

/// The beginning of a statement, without what may be a secret: what stands in quotes behind a word like password.
pub(super) fn shown(statement: &str) -> String {
    let lower = statement.to_ascii_lowercase();
    let secret = ["password", "connection", "secret", "options"]
        .iter()
        .filter_map(|word| lower.find(word))
        .min()
        .and_then(|at| Some(at + statement.get(at..)?.find(['\'', '$'])?));
    let visible = secret.and_then(|end| statement.get(..end)).unwrap_or(statement);
    let mut text: String = visible.chars().take(SHOWN).collect();
    if text.len() < statement.len() {
        text.push('…');
    }
    text.replace(['\n', '\r', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use cadangkan_core::ErrorKind;

    use super::*;

    #[test]
    fn statements_are_shown_short_and_without_secrets() {
        assert_eq!(shown("CREATE TABLE a\n(b int)"), "CREATE TABLE a (b int)");
        assert_eq!(shown("ALTER ROLE x WITH PASSWORD 'SCRAM-SHA-256$1'"), "ALTER ROLE x WITH PASSWORD …");
        let subscription = "CREATE SUBSCRIPTION s CONNECTION 'host=a password=b' PUBLICATION p";
        assert_eq!(shown(subscription), "CREATE SUBSCRIPTION s CONNECTION …");
        let long = format!("SELECT '{}'", "ü".repeat(500));
        assert_eq!(shown(&long).chars().count(), SHOWN + 1);
    }

    #[test]
    fn every_error_has_a_hint() {
        let error = explain(Error::new(ErrorKind::Io, "no"), "TABLE a", "CREATE TABLE a()");
        assert!(error.advice().is_some() && error.to_string().contains("TABLE a"), "{error}");
    }
}
