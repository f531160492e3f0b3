//! Puts the definitions that come behind the rows in an order in which several connections can make them.

use cadangkan_pgwire::identifier;

use super::entry::Entry;
use super::header::Header;
use super::lexer::Kind;
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

/// The stage of indexes and of constraints that have one.
pub(crate) const INDEX_STAGE: u8 = 1;

/// The stage in which indexes of partitions are put together.
const ATTACH_STAGE: u8 = 2;

/// The stage of foreign keys, which need indexes on both sides.
pub(crate) const FOREIGN_KEY_STAGE: u8 = 3;

/// What is run to gather statistics, as a kind of entry.
const ANALYZE: &str = "ANALYZE";

impl Job {
    /// Gathers statistics of a table, when nothing else is to be made for it before the next stage.
    pub(crate) fn analyze(table: QualifiedName) -> Job {
        let quoted: Vec<_> = table.schema.iter().chain([&table.name]).map(|part| identifier(part)).collect();
        let entry = Entry {
            header: Header::new(&table.name, ANALYZE, table.schema.as_deref(), None),
            statements: vec![quoted.join(".")],
            settings: Vec::new(),
        };
        Job { entry, stage: FOREIGN_KEY_STAGE, exclusive: vec![table], shared: Vec::new() }
    }

    /// Whether this gathers statistics; its statement is then the table's name.
    pub(crate) fn is_analyze(&self) -> bool {
        self.entry.header.kind == ANALYZE
    }

    /// Whether it reads no rows but those of the tables that it names: so it can be made while others have none yet.
    ///
    /// An expression may call a function that reads other tables, whatever it was declared as.
    pub(crate) fn needs_own_rows_only(&self) -> bool {
        match self.stage {
            INDEX_STAGE => self.entry.statements.iter().all(|text| !has_expression(text)),
            FOREIGN_KEY_STAGE => true,
            _ => false,
        }
    }

    /// All tables that it locks.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &QualifiedName> {
        self.exclusive.iter().chain(&self.shared)
    }
}

/// The last stage: privileges, comments and all that is not known to be safe beside others. In order, one at a time.
pub(super) const LAST_STAGE: u8 = 6;

/// The stage of what fills materialized views: in order, one at a time.
pub(crate) const REFRESH_STAGE: u8 = 5;

/// Puts entries in order: stages from 1 to [`LAST_STAGE`], and within a stage the order of the script.
///
/// Jobs of the stages 1 to 4 may run at the same time when no table that one has exclusively is named by another; of
/// two that may not, the earlier one goes first. A stage begins when the one before has ended, but for foreign keys.
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
        let stage = if entry.switches_trigger() { LAST_STAGE } else { stage(subject, is_foreign_key) };
        Some((subject.action, subject.kind, subject.table.clone(), stage))
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
        (Action::Make, "CONSTRAINT") if is_foreign_key => FOREIGN_KEY_STAGE,
        (Action::Make, "INDEX" | "CONSTRAINT") => INDEX_STAGE,
        (Action::Attach, "INDEX") => ATTACH_STAGE,
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

/// Whether a definition of an index has more than names between its parentheses, or a condition.
fn has_expression(text: &str) -> bool {
    let statement = Statement::read(text);
    let mut depth = 0;
    for token in statement.tokens() {
        match (token.kind, statement.text_of(*token)) {
            (Kind::Symbol, "(") => depth += 1,
            (Kind::Symbol, ")") => depth -= 1,
            (Kind::Word, word) if word.eq_ignore_ascii_case("where") => return true,
            _ => {}
        }
        if depth > 1 {
            return true;
        }
    }
    false
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
