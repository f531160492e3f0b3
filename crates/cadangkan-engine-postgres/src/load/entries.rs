//! Runs entries of the backup on a connection.

use cadangkan_core::{Control, Level, Result};
use cadangkan_pgwire::Connection;

use super::look::code;
use super::pool::run_setting;
use super::statement::explain;
use crate::script::Entry;

/// How entries are run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Runner {
    /// Whether things that tables share with others, such as types and functions, may be there already.
    pub(super) among_others: bool,
}

/// Kinds that several tables may share.
const SHARED: &[&str] = &[
    "TYPE",
    "SHELL TYPE",
    "DOMAIN",
    "FUNCTION",
    "PROCEDURE",
    "AGGREGATE",
    "OPERATOR",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "COLLATION",
    "CONVERSION",
    "CAST",
    "PROCEDURAL LANGUAGE",
    "ACCESS METHOD",
    "TRANSFORM",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH CONFIGURATION",
    "FOREIGN DATA WRAPPER",
    "SERVER",
    "FOREIGN SERVER",
];

impl Runner {
    /// Runs an entry with its settings.
    pub(super) fn run(
        &self,
        connection: &mut Connection,
        entry: &Entry,
        control: &Control<'_>,
    ) -> Result<()> {
        for setting in &entry.settings {
            run_setting(connection, setting, control)?;
        }
        let guarded = self.may_tolerate(entry) && connection.in_transaction();
        if guarded {
            connection.execute("SAVEPOINT entry", control)?;
        }
        for statement in &entry.statements {
            let Err(error) = connection.execute(statement, control) else { continue };
            if !self.tolerates(entry, code(&error)) {
                return Err(explain(error, &title(entry), statement));
            }
            if guarded {
                connection.execute("ROLLBACK TO SAVEPOINT entry", control)?;
            }
            control.message(Level::Warning, &format!("{} is left as it is: {error}", title(entry)));
            break;
        }
        if guarded {
            connection.execute("RELEASE SAVEPOINT entry", control)?;
        }
        Ok(())
    }

    fn may_tolerate(&self, entry: &Entry) -> bool {
        (self.among_others && SHARED.contains(&entry.header.kind.as_str()))
            || is_comment_on_extension(entry)
            || super::filter::is_of_database(entry)
    }

    fn tolerates(&self, entry: &Entry, code: Option<&str>) -> bool {
        let is_there = matches!(code, Some("42710" | "42723" | "42P06" | "42P07"));
        let is_denied = matches!(code, Some("42501"));
        if super::filter::is_of_database(entry) {
            // What the database itself has changes none of its content.
            return is_denied || matches!(code, Some("42704"));
        }
        // Extensions belong to whoever installed them, often not to whoever restores.
        (is_there && !is_comment_on_extension(entry) && self.may_tolerate(entry))
            || (is_denied && is_comment_on_extension(entry))
    }
}

/// Names an entry for people.
pub(super) fn title(entry: &Entry) -> String {
    let schema = entry.header.schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
    format!("{} {schema}{}", entry.header.kind, entry.header.name)
}

fn is_comment_on_extension(entry: &Entry) -> bool {
    entry.header.kind == "COMMENT"
        && entry.statements.iter().all(|statement| statement.starts_with("COMMENT ON EXTENSION"))
}
