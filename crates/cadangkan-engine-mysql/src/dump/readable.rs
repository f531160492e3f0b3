//! What this user may read: found out before anything is dumped.

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, Selection, format_some};
use cadangkan_mywire::{Connection, Flavor};

use crate::catalog::{Relations, Schema};
use crate::load::Grants;
use crate::session::is;

/// How many names of a long list an error shows.
const SHOWN: usize = 20;

/// Lists what a dump could not read whole, and says what it cannot know.
pub(super) struct Unread {
    /// What is missing, with the privilege that it needs.
    pub(super) denied: Vec<String>,
    /// What a person should know.
    pub(super) warnings: Vec<String>,
}

/// Looks at columns and grants.
pub(super) fn look(
    connection: &mut Connection,
    schema: &Schema,
    relations: &Relations,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<Unread> {
    let mut unread = Unread { denied: Vec::new(), warnings: Vec::new() };
    for table in &relations.tables {
        let is_hidden = table.columns.is_empty() || table.columns.iter().any(|column| !column.readable);
        if selection.has_rows(&table.name) && table.has_rows() && is_hidden {
            unread.denied.push(format!("table {} (SELECT)", table.name));
        }
    }
    let grants = Grants::of(connection, control)?;
    if !selection.data_only {
        // Without these privileges the server does not even say that there is something.
        let mut needed = vec!["TRIGGER"];
        if selection.tables.is_empty() {
            needed.push("EVENT");
        }
        for privilege in grants.missing(&schema.name, &needed) {
            unread.denied.push(format!("the database's {}s ({privilege})", privilege.to_lowercase()));
        }
        if selection.tables.is_empty() && hides_routines(connection, &grants, control)? {
            unread.warnings.push(
                "routines of other users may be left out, as this user does not see them: grant SHOW_ROUTINE (MySQL 8.0.20 and newer) or SELECT on mysql.proc (MariaDB)"
                    .to_owned(),
            );
        }
    }
    Ok(unread)
}

/// Whether routines that others defined stay hidden from this user, as far as can be told.
fn hides_routines(connection: &mut Connection, grants: &Grants, control: &Control<'_>) -> Result<bool> {
    // What counts in a database that no pattern is of counts everywhere.
    let any = |privileges: &[&str]| privileges.iter().any(|one| grants.missing("\u{1}", &[one]).is_empty());
    match connection.version().flavor {
        Flavor::MySql => Ok(!any(&["SELECT", "SHOW_ROUTINE"])),
        Flavor::MariaDb if any(&["SHOW CREATE ROUTINE"]) => Ok(false),
        // The privilege may be on that table alone.
        Flavor::MariaDb => match connection.query("SELECT 1 FROM mysql.proc LIMIT 0", control) {
            Ok(_) => Ok(false),
            Err(error) if is(&error, &[1142, 1143, 1044]) => Ok(true),
            Err(error) => Err(error).context("during", "finding out whether routines are hidden"),
        },
    }
}

/// Fails when something that is meant cannot be read whole.
pub(super) fn check(denied: &[String]) -> Result<()> {
    if denied.is_empty() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Denied, format!("this user may not read {}", format_some(denied, SHOWN)))
        .hint("grant what stands in brackets on the database, or leave tables out with --exclude-tables"))
}
