//! Puts the definitions that come behind the rows in an order in which several connections can make them.

use super::entry::Entry;
use super::name::QualifiedName;
use super::statement::Statement;
use super::subject::{Action, Subject};

/// An entry to be run, and what keeps others from running beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// What is run.
    pub(crate) entry: Entry,
    /// Jobs of a stage begin when all of the stage before have ended.
    pub(crate) stage: u8,
    /// The tables that it locks against every other job. Locks are taken in this order.
    pub(crate) exclusive: Vec<QualifiedName>,
    /// The tables that it locks against jobs that have them exclusively.
    pub(crate) shared: Vec<QualifiedName>,
}

/// The last stage: privileges, comments and all that is not known to be safe beside others. In order, one at a time.
pub(super) const LAST_STAGE: u8 = 6;

/// The stage of what fills materialized views: in order, one at a time.
pub(crate) const REFRESH_STAGE: u8 = 5;

/// Puts entries in order: stages from 1 to [`LAST_STAGE`], and within a stage the order of the script.
///
/// Jobs of the stages 1 to 4 may run at the same time when no table that one has exclusively is named by another; of
/// two that may not, the earlier one goes first.
/// The rule is that of pg_restore -j, which looks at locks as well (manual, "pg_restore", `--jobs`).
pub(crate) fn jobs(entries: Vec<Entry>) -> Vec<Job> {
    let mut jobs: Vec<Job> = entries.into_iter().map(job).collect();
    jobs.sort_by_key(|job| job.stage);
    jobs
}

fn job(entry: Entry) -> Job {
    let is_foreign_key =
        entry.header.kind == "FK CONSTRAINT" || entry.statements.iter().any(|text| references(text));
    let read = entry.subject(|subject| {
        Some((subject.action, subject.kind, subject.table.clone(), stage(subject, is_foreign_key)))
    });
    let (action, kind, table, stage) = read.unwrap_or((Action::Tell, "", None, LAST_STAGE));
    let mut exclusive: Vec<QualifiedName> = Vec::new();
    let mut shared = Vec::new();
    let changes_table =
        entry.statements.iter().skip(1).any(|text| Statement::read(text).cursor().take_words("ALTER TABLE"));
    match (action, kind) {
        (Action::Make, "INDEX") if !changes_table => shared.extend(table),
        (Action::Attach, _) => exclusive.extend(entry.references()),
        // Their expressions may read other tables.
        (Action::Make, "POLICY" | "RULE" | "VIEW") => {
            shared.extend(entry.references().into_iter().filter(|name| Some(name) != table.as_ref()));
            exclusive.extend(table);
        }
        _ if is_foreign_key => {
            exclusive.extend(table);
            exclusive.extend(entry.statements.iter().filter_map(|text| referenced(text)));
        }
        _ => exclusive.extend(table),
    }
    exclusive.sort();
    exclusive.dedup();
    Job { entry, stage, exclusive, shared }
}

fn stage(subject: &Subject<'_>, is_foreign_key: bool) -> u8 {
    match (subject.action, subject.kind) {
        (Action::Make, "CONSTRAINT") if is_foreign_key => 3,
        (Action::Make, "INDEX" | "CONSTRAINT") => 1,
        (Action::Attach, "INDEX") => 2,
        (
            Action::Make,
            "TRIGGER" | "RULE" | "POLICY" | "STATISTICS" | "PUBLICATION" | "SUBSCRIPTION" | "VIEW",
        ) => 4,
        // Tables are added to publications in the last stage: the publication has to be there.
        (Action::Change, "TABLE" | "FOREIGN TABLE") => 4,
        (Action::Refresh, _) => REFRESH_STAGE,
        _ => LAST_STAGE,
    }
}

fn references(text: &str) -> bool {
    referenced(text).is_some()
}

/// The table behind REFERENCES in `ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY (a) REFERENCES b(c)`.
fn referenced(text: &str) -> Option<QualifiedName> {
    let statement = Statement::read(text);
    let mut cursor = statement.cursor();
    if !cursor.take_words("ALTER TABLE") || !cursor.find_word("FOREIGN") || !cursor.take_word("KEY") {
        return None;
    }
    cursor.find_word("REFERENCES").then(|| cursor.name()).flatten()
}

#[cfg(test)]
mod tests;
