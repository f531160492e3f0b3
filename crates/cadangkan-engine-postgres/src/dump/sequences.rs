use std::fmt::Write as _;

use cadangkan_core::{Control, Result, Selection};
use cadangkan_pgwire::{Connection, literal};

use crate::catalog::{self, Row};

/// So many sequences are read with one query.
const AT_ONCE: usize = 200;

/// Tells whether there is any sequence to dump.
pub(super) fn any(connection: &mut Connection, selection: &Selection, control: &Control<'_>) -> Result<bool> {
    Ok(!catalog::sequences(connection, selection, control)?.is_empty())
}

/// Writes the statements that set the selected sequences, as `pg_dump` does.
///
/// Sequences are outside of transactions: their values are read after the snapshot was taken, so they are never
/// behind the rows.
pub(super) fn script(
    connection: &mut Connection,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<Vec<Vec<u8>>> {
    let sequences = catalog::sequences(connection, selection, control)?;
    let mut texts = Vec::new();
    for sequences in sequences.chunks(AT_ONCE) {
        let read: Vec<_> = sequences
            .iter()
            .map(|sequence| format!("(SELECT last_value, is_called FROM {})", sequence.quoted))
            .collect();
        let rows = connection.query(&read.join(" UNION ALL "), control)?;
        let mut text = String::new();
        for (sequence, row) in sequences.iter().zip(rows) {
            let mut row = Row(row.into_iter());
            let (value, called) = (row.text()?, row.flag());
            let value: i64 = value.parse().map_err(|_| catalog::unexpected())?;
            let (name, schema) = (&sequence.name.name, sequence.name.schema.as_deref().unwrap_or("-"));
            let _ = write!(
                text,
                "--\n-- Name: {}; Type: SEQUENCE SET; Schema: {}; Owner: -\n--\n\nSELECT pg_catalog.setval({}, {value}, {called});\n\n\n",
                one_line(name),
                one_line(schema),
                literal(&sequence.quoted)
            );
        }
        texts.push(text.into_bytes());
    }
    Ok(texts)
}

/// A name as it may stand in a comment.
pub(super) fn one_line(name: &str) -> String {
    name.replace(['\n', '\r'], " ")
}
