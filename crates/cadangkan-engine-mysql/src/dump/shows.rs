//! What `SHOW CREATE` says, byte by byte: definitions are in the character set of the session that made them.

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_mywire::Connection;

use crate::catalog::text;

/// One row of a `SHOW CREATE`, taken from left to right.
pub(super) struct Shown(std::vec::IntoIter<Option<Vec<u8>>>);

impl Shown {
    /// A row that was read.
    pub(super) fn of(row: Vec<Option<Vec<u8>>>) -> Self {
        Shown(row.into_iter())
    }

    /// Leaves a column out.
    pub(super) fn skip(&mut self) {
        self.0.next();
    }

    /// The next column; none where this user may not see it.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.0.next().flatten()
    }

    /// The next column, which is there.
    pub(super) fn bytes(&mut self) -> Result<Vec<u8>> {
        self.next().ok_or_else(|| {
            Error::new(ErrorKind::Denied, "the server does not show a definition to this user")
                .hint("grant it the right to see the object")
        })
    }

    /// The next column, a text.
    pub(super) fn text(&mut self) -> Result<String> {
        text(&self.bytes()?)
    }
}

/// Asks for a definition.
pub(super) fn show(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<Shown> {
    let rows = connection.query_bytes(sql, control)?;
    Ok(Shown::of(rows.into_iter().next().unwrap_or_default()))
}
