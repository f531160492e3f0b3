//! Views, routines, triggers and events: nobody can be kept from changing them, but for triggers of tables that
//! are held, so a change is noticed.

use std::collections::BTreeMap;

use cadangkan_core::{Control, Fingerprint, Result};
use cadangkan_mywire::Connection;

use crate::catalog::{RowOf, Schema};

/// The kinds, with what tells whether one was changed.
const KINDS: [(&str, &str); 4] = [
    (
        "view",
        "TABLE_SCHEMA, TABLE_NAME, CONCAT(VIEW_DEFINITION, DEFINER, SECURITY_TYPE) FROM information_schema.VIEWS WHERE TABLE_SCHEMA",
    ),
    (
        "routine",
        "ROUTINE_SCHEMA, ROUTINE_NAME, CONCAT(ROUTINE_TYPE, LAST_ALTERED) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA",
    ),
    (
        "trigger",
        "EVENT_OBJECT_SCHEMA, TRIGGER_NAME, CONCAT(EVENT_OBJECT_TABLE, ACTION_ORDER, IFNULL(CREATED, ''), ACTION_STATEMENT) FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA",
    ),
    (
        "event",
        "EVENT_SCHEMA, EVENT_NAME, CONCAT(STATUS, LAST_ALTERED) FROM information_schema.EVENTS WHERE EVENT_SCHEMA",
    ),
];

/// What there is of them in one database.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Others(BTreeMap<(&'static str, String), Fingerprint>);

impl Others {
    /// Looks at one database; triggers stay what they are where all its tables are held.
    pub(super) fn of(
        connection: &mut Connection,
        schema: &Schema,
        are_held: bool,
        control: &Control<'_>,
    ) -> Result<Others> {
        let mut found: BTreeMap<_, Fingerprint> = BTreeMap::new();
        for (kind, rest) in KINDS.into_iter().filter(|(kind, _)| !are_held || *kind != "trigger") {
            let sql = format!("SELECT {rest} = {}", schema.literal());
            connection.rows(&sql, control, |_, row| {
                let mut row = RowOf::new(row);
                let (of, name, state) = (row.text()?, row.text()?, row.next()?);
                if schema.is(&of) {
                    // A function and a procedure may have one name.
                    let state = state.unwrap_or_default();
                    found.entry((kind, name)).or_default().add_row(state.as_bytes());
                }
                Ok(())
            })?;
        }
        Ok(Others(found))
    }

    /// Names one that is not the same in both.
    pub(super) fn difference(&self, now: &Others) -> Option<String> {
        let differs = |(key, state): &(&(&'static str, String), &Fingerprint)| {
            self.0.get(*key) != Some(state) || now.0.get(*key) != Some(state)
        };
        let mut all = self.0.iter().chain(&now.0);
        all.find(differs).map(|((kind, name), _)| format!("{kind} {name}"))
    }
}
