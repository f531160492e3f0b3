//! What of a backup's definitions this server cannot have, found before anything is made or dropped.

use std::collections::BTreeSet;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_mywire::{Connection, Flavor, Version};

use super::entries::Entry;
use super::look::one;
use super::statement::code;
use crate::script::{CreateTable, Kind, Tokens};

/// An error names so many objects.
const SHOWN: usize = 5;

/// Makes sure that a server knows what definitions ask for.
///
/// # Errors
/// `Unsupported` with the objects and the reasons.
pub(super) fn check(connection: &mut Connection, entries: &[Entry], control: &Control<'_>) -> Result<()> {
    let version = connection.version().clone();
    let mut reasons: Vec<String> = Vec::new();
    for entry in entries {
        reasons.extend(
            of_entry(entry, &version).into_iter().map(|reason| format!("{}: {reason}", entry.shown())),
        );
    }
    let (mut collations, mut charsets, mut engines) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for entry in entries.iter().filter(|entry| entry.kind == Kind::Table) {
        let Some(text) = entry.main() else { continue };
        let words = Words::of(text);
        collations.extend(words.collations);
        charsets.extend(words.charsets);
        engines.extend(CreateTable::read(text).and_then(|table| table.engine));
    }
    reasons.extend(unknown(connection, collations.iter(), Thing::Collation, control)?);
    reasons.extend(unknown(connection, charsets.iter(), Thing::Charset, control)?);
    let there = connection.query("SHOW ENGINES", control)?;
    let has = |engine: &String| {
        there.iter().any(|row| {
            let value = |at: usize| row.get(at).and_then(Option::as_deref).unwrap_or_default();
            value(0).eq_ignore_ascii_case(engine) && matches!(value(1), "YES" | "DEFAULT")
        })
    };
    reasons.extend(
        engines
            .iter()
            .filter(|engine| !has(engine))
            .map(|engine| format!("storage engine {engine} is not there")),
    );
    if reasons.is_empty() {
        return Ok(());
    }
    let more =
        if reasons.len() > SHOWN { format!("; and {} more", reasons.len() - SHOWN) } else { String::new() };
    let some: Vec<_> = reasons.iter().take(SHOWN).map(String::as_str).collect();
    Err(Error::new(ErrorKind::Unsupported, "the backup has what this server cannot have")
        .context("server", &version)
        .context("reasons", format!("{}{more}", some.join("; ")))
        .hint("restore to a server of the kind and version that the backup is of, or leave those tables out with --exclude-tables"))
}

/// Tells whether a server knows a collation.
pub(super) fn knows_collation(
    connection: &mut Connection,
    name: &str,
    control: &Control<'_>,
) -> Result<bool> {
    Ok(unknown(connection, [name.to_owned()].iter(), Thing::Collation, control)?.is_empty())
}

#[derive(Clone, Copy)]
enum Thing {
    Collation,
    Charset,
}

/// Asks the server for each name: some know more than they list.
fn unknown<'a>(
    connection: &mut Connection,
    names: impl Iterator<Item = &'a String>,
    thing: Thing,
    control: &Control<'_>,
) -> Result<Vec<String>> {
    let is_plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let mut unknown = Vec::new();
    for name in names.filter(|name| is_plain(name)) {
        let (word, sql) = match thing {
            Thing::Collation => {
                let charset = name.split('_').next().unwrap_or_default();
                let charset = if charset.starts_with("uca") { "utf8mb4" } else { charset };
                ("collation", format!("SELECT CONVERT('' USING {charset}) COLLATE {name}"))
            }
            Thing::Charset => ("character set", format!("SELECT CONVERT('' USING {name})")),
        };
        match one(connection, &sql, control) {
            Err(error) if matches!(code(&error), Some(1273 | 1115)) => {
                unknown.push(format!("{word} {name} is not known"));
            }
            // Another mistake of the question itself says nothing.
            Err(error) if connection.is_broken() || error.kind() == ErrorKind::Cancelled => {
                return Err(error);
            }
            _ => {}
        }
    }
    Ok(unknown)
}

/// The character sets and collations that a table names.
#[derive(Debug, Default, PartialEq, Eq)]
struct Words {
    collations: Vec<String>,
    charsets: Vec<String>,
}

impl Words {
    fn of(text: &[u8]) -> Words {
        let mut words = Words::default();
        let tokens: Vec<_> = Tokens::new(text).collect();
        for (at, token) in tokens.iter().enumerate() {
            let mut after = tokens.iter().skip(at + 1).filter(|token| !token.is_char(b'='));
            if token.is("COLLATE") {
                words.collations.extend(after.next().map(|name| name.name().to_lowercase()));
            } else if token.is("CHARSET") {
                words.charsets.extend(after.next().map(|name| name.name().to_lowercase()));
            } else if token.is("CHARACTER") && after.next().is_some_and(|token| token.is("SET")) {
                words.charsets.extend(after.next().map(|name| name.name().to_lowercase()));
            }
        }
        words
    }
}

/// What a server of the other kind, or an older one, does not have.
fn of_entry(entry: &Entry, version: &Version) -> Vec<String> {
    let is_mysql = version.flavor == Flavor::MySql;
    let mut reasons = Vec::new();
    if is_mysql && matches!(entry.kind, Kind::Sequence | Kind::SequenceValue) {
        reasons.push("MySQL has no sequences".to_owned());
    }
    if is_mysql && entry.kind == Kind::Package {
        reasons.push("MySQL has no packages".to_owned());
    }
    let Some(table) = entry.main().and_then(|text| CreateTable::read(text)) else { return reasons };
    if is_mysql && table.is_versioned() {
        reasons.push("MySQL has no system-versioned tables".to_owned());
    }
    if !is_mysql && table.has_functional_key() {
        reasons.push("MariaDB has no indexes over expressions".to_owned());
    }
    for (column, kind) in table.columns() {
        let lacks = match kind {
            "uuid" | "inet4" | "inet6" | "xmltype" => is_mysql,
            "vector" if is_mysql => version.number < (9, 0, 0),
            "vector" => version.number < (11, 7, 0),
            _ => false,
        };
        if lacks {
            reasons.push(format!("column {column} is of type {kind}, which {version} does not have"));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(kind: Kind, text: &str, flavor: Flavor, number: (u16, u16, u16)) -> Vec<String> {
        let entry = Entry { kind, name: "x".into(), table: None, statements: vec![text.as_bytes().to_vec()] };
        of_entry(&entry, &Version { flavor, number, text: String::new() })
    }

    #[test]
    fn what_the_other_kind_lacks_is_named() {
        let uuid = "CREATE TABLE x (`a` uuid, `b` vector(3), `uuid` int) WITH SYSTEM VERSIONING";
        assert_eq!(reasons(Kind::Table, uuid, Flavor::MySql, (8, 4, 0)).len(), 3);
        assert_eq!(reasons(Kind::Table, uuid, Flavor::MariaDb, (11, 8, 0)).len(), 0);
        assert_eq!(reasons(Kind::Sequence, "CREATE SEQUENCE x", Flavor::MySql, (9, 0, 0)).len(), 1);
        let functional = "CREATE TABLE x (`a` int, KEY `k` ((lower(`a`))))";
        assert_eq!(reasons(Kind::Table, functional, Flavor::MariaDb, (11, 8, 0)).len(), 1);
        assert!(
            reasons(Kind::Table, "CREATE TABLE x (`a` int, KEY `k` (`a`(3)))", Flavor::MariaDb, (10, 6, 0))
                .is_empty()
        );
    }

    #[test]
    fn names_of_character_sets_are_found() {
        let text = b"CREATE TABLE x (a text CHARACTER SET latin1 COLLATE latin1_bin) DEFAULT CHARSET=utf8mb4 COLLATE='x_ci'";
        let words = Words::of(text);
        assert_eq!(
            (words.collations, words.charsets),
            (vec!["latin1_bin".into(), "x_ci".into()], vec!["latin1".into(), "utf8mb4".into()])
        );
    }
}
