//! What of definitions is refused or warned of once they are read.

use std::collections::BTreeSet;

use cadangkan_core::{Control, Error, ErrorKind, Level, Result};
use cadangkan_mywire::Connection;

use super::entries::Entry;
use crate::script::{Kind, definer};

/// A default that takes its value from a sequence names the database that it was made in, and keeps that name when
/// the table moves.
pub(super) fn refuse_sequences_as_defaults(entries: &[Entry]) -> Result<()> {
    let uses = |entry: &&Entry| {
        entry.kind == Kind::Table
            && entry.main().is_some_and(|text| {
                let mut tokens = crate::script::Tokens::new(text);
                tokens.any(|token| token.is("nextval") || token.is("lastval"))
            })
    };
    match entries.iter().find(uses) {
        None => Ok(()),
        Some(entry) => Err(Error::new(
            ErrorKind::Unsupported,
            "a table takes default values from a sequence, which no swap of tables can move",
        )
        .context("table", &entry.name)
        .hint("use `--mode recreate` or `--mode clean`, or restore to another database with `--to`")),
    }
}

/// Says which accounts are missing whose rights objects run with.
pub(super) fn warn_of_definers(
    connection: &mut Connection,
    entries: &[Entry],
    coming: &[String],
    control: &Control<'_>,
) -> Result<()> {
    let statements = entries.iter().flat_map(|entry| &entry.statements);
    let named: BTreeSet<String> = statements.filter_map(|statement| definer(statement)).collect();
    if named.is_empty() {
        return Ok(());
    }
    let accounts = match connection.query("SELECT CONCAT(User, '@', Host) FROM mysql.user", control) {
        Ok(rows) => rows.into_iter().flatten().flatten().collect::<BTreeSet<String>>(),
        Err(error) if connection.is_broken() || error.kind() == ErrorKind::Cancelled => return Err(error),
        // Not everybody may look there.
        Err(_) => return Ok(()),
    };
    let is_there = |name: &&String| {
        accounts.contains(*name) || coming.contains(name) || accounts.contains(&format!("{name}@"))
    };
    let missing: Vec<_> = named.iter().filter(|name| !is_there(name)).map(String::as_str).collect();
    if !missing.is_empty() {
        let text = format!(
            "objects run with the rights of accounts that are not there, and fail when they are used: {}; make the accounts, restore with --users where the backup has them, or with --no-owner",
            missing.join(", ")
        );
        control.message(Level::Warning, &text);
    }
    Ok(())
}
