//! Databases as wholes: made, renamed, dropped, from a connection to another one.

use std::time::{Duration, Instant};

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt};
use cadangkan_pgwire::{Connection, Target, identifier, literal};

use super::look::{code, column, open};
use super::objects;
use crate::catalog::one_row;

/// The longest name of a database, in bytes (manual, "Identifiers and Key Words").
const MAX_NAME: usize = 63;

/// How long sessions that were told to end may take.
const GOODBYE: Duration = Duration::from_secs(10);

/// What a new database is made with; what is missing is as in `template0`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) encoding: Option<String>,
    pub(super) collate: Option<String>,
    pub(super) ctype: Option<String>,
    /// `c`, `i` or `b` as in pg_database.
    pub(super) provider: Option<String>,
    /// The locale of a provider other than libc.
    pub(super) locale: Option<String>,
    pub(super) owner: Option<String>,
}

impl Shape {
    /// The statement that makes a database (manual, CREATE DATABASE), for a server of a version.
    pub(super) fn create_statement(&self, name: &str, version: u32) -> String {
        let mut sql = format!("CREATE DATABASE {} TEMPLATE template0", identifier(name));
        let mut add = |word: &str, value: &Option<String>| {
            if let Some(value) = value {
                sql.push_str(&format!(" {word} {}", literal(value)));
            }
        };
        add("ENCODING", &self.encoding);
        add("LC_COLLATE", &self.collate);
        add("LC_CTYPE", &self.ctype);
        match self.provider.as_deref() {
            Some("i") if version >= 150_000 => {
                add("LOCALE_PROVIDER", &Some("icu".to_owned()));
                add("ICU_LOCALE", &self.locale);
            }
            Some("b") if version >= 170_000 => {
                add("LOCALE_PROVIDER", &Some("builtin".to_owned()));
                add("BUILTIN_LOCALE", &self.locale);
            }
            Some("c") if version >= 150_000 => add("LOCALE_PROVIDER", &Some("libc".to_owned())),
            _ => {}
        }
        if let Some(owner) = &self.owner {
            sql.push_str(&format!(" OWNER {}", identifier(owner)));
        }
        sql
    }
}

/// Makes a database with a comment.
pub(super) fn create(
    there: &mut Connection,
    name: &str,
    shape: &Shape,
    comment: &str,
    control: &Control<'_>,
) -> Result<()> {
    let sql = shape.create_statement(name, there.server_version());
    there.execute(&sql, control).map_err(|error| explain_create(error, shape)).context("database", name)?;
    set_comment(there, name, Some(comment), control)
}

fn explain_create(error: Error, shape: &Shape) -> Error {
    match code(&error) {
        Some("42501") => error.hint("let the role make databases (ALTER ROLE … CREATEDB), or make an empty database yourself and restore into it"),
        Some("42809" | "22023" | "0A000") => error
            .context("encoding", shape.encoding.as_deref().unwrap_or("-"))
            .context("locale", shape.locale.as_ref().or(shape.collate.as_ref()).map_or("-", String::as_str))
            .hint("install that locale on the server, or make an empty database with another one yourself and restore into it"),
        Some("42P04") => error.with_kind(ErrorKind::Conflict).hint("start the restore again"),
        _ => error,
    }
}

/// Sets or removes a database's comment.
pub(super) fn set_comment(
    there: &mut Connection,
    name: &str,
    comment: Option<&str>,
    control: &Control<'_>,
) -> Result<()> {
    there.execute(&comment_statement(name, comment), control)?;
    Ok(())
}

/// The statement that sets or removes a database's comment.
pub(super) fn comment_statement(name: &str, comment: Option<&str>) -> String {
    let comment = comment.map_or_else(|| "NULL".to_owned(), literal);
    format!("COMMENT ON DATABASE {} IS {comment}", identifier(name))
}

/// A database's comment.
pub(super) fn comment(there: &mut Connection, name: &str, control: &Control<'_>) -> Result<Option<String>> {
    let sql = format!(
        "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM pg_catalog.pg_database WHERE datname = {}",
        literal(name)
    );
    Ok(there.query(&sql, control)?.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
}

/// Tells whether a database is there.
pub(super) fn exists(there: &mut Connection, name: &str, control: &Control<'_>) -> Result<bool> {
    let sql = format!("SELECT EXISTS (SELECT FROM pg_catalog.pg_database WHERE datname = {})", literal(name));
    Ok(one_row(there, &sql, control)?.flag())
}

/// Opens or closes a database to new sessions.
pub(super) fn allow_connections(
    there: &mut Connection,
    name: &str,
    allow: bool,
    control: &Control<'_>,
) -> Result<()> {
    there.execute(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS {allow}", identifier(name)), control)?;
    Ok(())
}

/// Ends all sessions of a database, and waits until they are gone.
///
/// # Errors
/// `Denied` when sessions belong to roles that this one may not end, `Timeout` when they do not go.
pub(super) fn end_sessions(there: &mut Connection, name: &str, control: &Control<'_>) -> Result<()> {
    let whose = format!(
        "FROM pg_catalog.pg_stat_activity WHERE datname = {} AND pid <> pg_catalog.pg_backend_pid()",
        literal(name)
    );
    let began = Instant::now();
    loop {
        // Parallel workers and autovacuum come and go: asked again each time.
        there
            .query(&format!("SELECT pg_catalog.pg_terminate_backend(pid) {whose}"), control)
            .context("during", "ending the sessions that use the database")
            .context("database", name)
            .hint("stop the programs that use the database, or let the role end their sessions (GRANT pg_signal_backend)")?;
        let left =
            column(there, &format!("SELECT coalesce(usename, backend_type, 'unknown') {whose}"), control)?;
        if left.is_empty() {
            return Ok(());
        }
        if began.elapsed() > GOODBYE {
            return Err(Error::new(ErrorKind::Timeout, "sessions that use the database do not end")
                .context("database", name)
                .context("of", left.join(", "))
                .hint("stop the programs that use the database, then restore again")
                .retryable());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Drops a database with the sessions that use it; done also when it is not there.
pub(super) fn drop_database(maintenance: &Target, name: &str, control: &Control<'_>) -> Result<()> {
    let mut there = open(maintenance, control)?;
    if !exists(&mut there, name, control)? {
        return Ok(());
    }
    drop_subscriptions(maintenance, name, control);
    end_sessions(&mut there, name, control)?;
    there
        .execute(&format!("DROP DATABASE IF EXISTS {}", identifier(name)), control)
        .context("database", name)?;
    Ok(())
}

/// Drops the subscriptions of a database, with which a server does not drop it. Their slots on publishers stay: a
/// restored database has the same subscriptions and may use them.
pub(super) fn drop_subscriptions(maintenance: &Target, name: &str, control: &Control<'_>) {
    let dropped = open(&maintenance.with_database(name), control)
        .and_then(|mut inside| objects::drop_subscriptions(&mut inside, control));
    // Not a reason to fail: the server says so itself when it minds.
    let _ = dropped;
}

/// A name made of a database's and an ending, cut so that it is not too long.
pub(super) fn name_with(name: &str, ending: &str) -> String {
    let room = MAX_NAME.saturating_sub(ending.len());
    let mut cut = name.len().min(room);
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{ending}", name.get(..cut).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_fit_the_version() {
        let shape = Shape {
            encoding: Some("UTF8".into()),
            provider: Some("i".into()),
            locale: Some("de-x'y".into()),
            owner: Some("o\"w".into()),
            ..Shape::default()
        };
        assert_eq!(
            shape.create_statement("a\"b", 150_000),
            "CREATE DATABASE \"a\"\"b\" TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER 'icu' ICU_LOCALE 'de-x''y' OWNER \"o\"\"w\""
        );
        assert!(!shape.create_statement("a", 140_000).contains("ICU"));
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(name_with("app", "_restore_1"), "app_restore_1");
        let long = name_with(&"ü".repeat(31), "_restore_01234567");
        assert!(long.len() <= 63 && long.ends_with("ü_restore_01234567"), "{long}");
    }
}
