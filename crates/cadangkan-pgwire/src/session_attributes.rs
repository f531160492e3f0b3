use std::fmt;
use std::str::FromStr;

use cadangkan_core::{Control, Error, ErrorKind, Result};

use crate::Connection;

/// Which kind of server is meant where there are several, by libpq's words (manual, `target_session_attrs`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionAttributes {
    /// Any that takes us.
    #[default]
    Any,
    /// One that can be written to.
    ReadWrite,
    /// One that cannot be written to, unless a session asks for it.
    ReadOnly,
    /// One that is no standby.
    Primary,
    /// A standby.
    Standby,
    /// A standby, or any where there is none.
    PreferStandby,
}

const WORDS: [(&str, SessionAttributes); 6] = [
    ("any", SessionAttributes::Any),
    ("read-write", SessionAttributes::ReadWrite),
    ("read-only", SessionAttributes::ReadOnly),
    ("primary", SessionAttributes::Primary),
    ("standby", SessionAttributes::Standby),
    ("prefer-standby", SessionAttributes::PreferStandby),
];

impl SessionAttributes {
    /// What is asked of the servers, one time round after the other.
    pub(crate) fn rounds(self) -> &'static [SessionAttributes] {
        match self {
            SessionAttributes::Any => &[SessionAttributes::Any],
            SessionAttributes::ReadWrite => &[SessionAttributes::ReadWrite],
            SessionAttributes::ReadOnly => &[SessionAttributes::ReadOnly],
            SessionAttributes::Primary => &[SessionAttributes::Primary],
            SessionAttributes::Standby => &[SessionAttributes::Standby],
            SessionAttributes::PreferStandby => &[SessionAttributes::Standby, SessionAttributes::Any],
        }
    }

    /// Refuses a server of another kind, as one that is not to be reached.
    pub(crate) fn check(self, connection: &mut Connection, control: &Control<'_>) -> Result<()> {
        let fits = match self {
            SessionAttributes::Any | SessionAttributes::PreferStandby => true,
            SessionAttributes::Primary => !is_standby(connection, control)?,
            SessionAttributes::Standby => is_standby(connection, control)?,
            SessionAttributes::ReadWrite => !is_read_only(connection, control)?,
            SessionAttributes::ReadOnly => is_read_only(connection, control)?,
        };
        if fits {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unreachable, format!("the server is not the one that is meant: {self}"))
            .hint("name the other servers too, or another target_session_attrs"))
    }
}

/// From version 14 on servers say it by themselves.
fn is_standby(connection: &mut Connection, control: &Control<'_>) -> Result<bool> {
    match connection.parameter("in_hot_standby") {
        Some(said) => Ok(said == "on"),
        None => is_true(connection, "SELECT pg_catalog.pg_is_in_recovery()", control),
    }
}

fn is_read_only(connection: &mut Connection, control: &Control<'_>) -> Result<bool> {
    is_true(connection, "SHOW transaction_read_only", control)
}

fn is_true(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<bool> {
    let rows = connection.query(sql, control)?;
    let said = rows.into_iter().flatten().flatten().next();
    Ok(matches!(said.as_deref(), Some("t" | "on")))
}

impl FromStr for SessionAttributes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = WORDS.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<_> = WORDS.iter().map(|(word, _)| *word).collect();
            format!("target_session_attrs is one of {}", words.join(", "))
        })
    }
}

impl fmt::Display for SessionAttributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = WORDS.iter().find(|(_, value)| value == self);
        f.write_str(found.map_or("any", |(word, _)| word))
    }
}
