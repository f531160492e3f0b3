use cadangkan_core::{Result, Ticket, Timestamp};
use rusqlite::params;
use serde::Serialize;
use serde_json::Value;

use crate::columns::{Column, Columns};
use crate::{Catalog, convert};

/// One entry of the audit trail.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditEntry {
    /// Its number; rises with each entry.
    pub id: i64,
    /// When it happened, by the wall clock.
    pub at: Timestamp,
    /// Who did it: `cli:root@host`.
    pub initiator: String,
    /// What was done: `delete`.
    pub action: String,
    /// To what: `production/2026-01-15-143022`.
    pub subject: String,
    /// The ticket that asked for it.
    pub ticket: Option<String>,
    /// More about it, without secrets.
    pub detail: Option<Value>,
}

impl Catalog {
    /// Records that somebody removed or changed something.
    pub fn audit(
        &self,
        at: Timestamp,
        initiator: &str,
        action: &str,
        subject: &str,
        ticket: Option<&Ticket>,
        detail: Option<&Value>,
    ) -> Result<()> {
        let (detail, ticket) = (convert::to_text(detail), ticket.map(Ticket::as_str));
        self.transaction("cannot write to the audit trail", |transaction| {
            let id = next_number(transaction, "audit")?;
            transaction
                .prepare_cached(
                    "INSERT INTO audit (id, at, initiator, action, subject, ticket, detail)
                     VALUES ($1, $2, $3, $4, $5, $6, $7)",
                )?
                .execute(params![id, convert::micros(at), initiator, action, subject, ticket, detail])?;
            Ok(())
        })
    }

    /// The last entries, newest first.
    pub fn audit_entries(&self, limit: u64) -> Result<Vec<AuditEntry>> {
        let sql =
            "SELECT id, at, initiator, action, subject, ticket, detail FROM audit ORDER BY id DESC LIMIT $1";
        self.query("cannot read the audit trail", sql, [convert::clamp(limit)], read_entry)
    }
}

fn read_entry(columns: &mut Columns<'_>) -> Column<AuditEntry> {
    Ok(AuditEntry {
        id: columns.plain()?,
        at: columns.time()?,
        initiator: columns.plain()?,
        action: columns.plain()?,
        subject: columns.plain()?,
        ticket: columns.plain()?,
        detail: columns.optional_json()?,
    })
}

/// Takes the next number of a counter. Its row stays locked until the transaction ends, so no number is given twice.
pub(crate) fn next_number(transaction: &rusqlite::Transaction<'_>, counter: &str) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = $1 RETURNING value")?
        .query_row([counter], |row| row.get(0))
}
