//! Functions, procedures and packages.

use std::collections::{BTreeMap, BTreeSet};

use cadangkan_core::{Control, Result, ResultExt};
use cadangkan_mywire::{Connection, identifier};

use super::entries::{Entries, Made, Title};
use super::shows::show;
use crate::catalog::{RowOf, Schema};
use crate::probe::Facts;
use crate::script::Tokens;

/// What became known while routines were added.
#[derive(Debug, Default)]
pub(super) struct Routines {
    /// What this user may not see.
    pub(super) denied: Vec<String>,
    /// The names, in lower case, that stand in each function.
    pub(super) functions: BTreeMap<String, BTreeSet<String>>,
}

/// The kinds in the order in which they are made.
const KINDS: [&str; 4] = ["FUNCTION", "PROCEDURE", "PACKAGE", "PACKAGE BODY"];

/// Adds all routines.
pub(super) fn add(
    connection: &mut Connection,
    schema: &Schema,
    facts: &Facts,
    entries: &mut Entries,
    control: &Control<'_>,
) -> Result<Routines> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let sql = format!(
        "SELECT ROUTINE_SCHEMA, ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES
          WHERE ROUTINE_SCHEMA = {}",
        schema.literal()
    );
    connection.rows(&sql, control, |_, row| {
        let mut row = RowOf::new(row);
        let (of, kind, name) = (row.text()?, row.text()?, row.text()?);
        if let Some(place) = KINDS.iter().position(|known| *known == kind).filter(|_| schema.is(&of)) {
            found.push((place, name));
        }
        Ok(())
    })?;
    // A package and its body stand together: one entry.
    found.sort_by(|(kind, name), (other, other_name)| {
        (kind.min(&2), name, kind).cmp(&(other.min(&2), other_name, other))
    });
    let mut routines = Routines::default();
    for (kind, name) in found {
        let Some(kind) = KINDS.get(kind) else { continue };
        let sql = format!("SHOW CREATE {kind} {}", identifier(&name));
        // Name, sql_mode, Create …, character_set_client, collation_connection, Database Collation.
        let mut shown = show(connection, &sql, control).context("routine", &name)?;
        shown.skip();
        let sql_mode = Some(shown.text()?);
        let Some(definition) = shown.next() else {
            routines.denied.push(format!("the body of {} {name}", kind.to_lowercase()));
            continue;
        };
        let made = Made { sql_mode, client: shown.text()?, collation: shown.text()?, ..Made::default() };
        let collation = shown.text()?;
        if *kind == "FUNCTION" {
            routines.functions.insert(name.to_lowercase(), names_in(&definition));
        }
        let (before, after) = around(&collation, facts);
        let title = Title { kind: kind.split(' ').next().unwrap_or(kind), name: &name, table: None };
        entries.add_made(&title, &made, (&before, &after), &definition);
    }
    Ok(routines)
}

/// Statements around the definition of what was made when the database had another collation, which it keeps.
pub(super) fn around(collation: &str, facts: &Facts) -> (String, String) {
    if collation == facts.collation || collation.is_empty() {
        return (String::new(), String::new());
    }
    let word =
        |text: &str| text.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    (
        format!("ALTER DATABASE COLLATE {};\n", word(collation)),
        format!(
            "ALTER DATABASE CHARACTER SET {} COLLATE {};\n",
            word(&facts.charset),
            word(&facts.collation)
        ),
    )
}

/// All that may be names, in lower case.
fn names_in(definition: &[u8]) -> BTreeSet<String> {
    Tokens::new(definition).filter(|token| token.is_name()).map(|token| token.name().to_lowercase()).collect()
}
