use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_mywire::{Connection, Row, Values};

/// The values of one row of a catalog, taken from left to right.
pub(crate) struct RowOf<'a>(Values<'a>);

impl<'a> RowOf<'a> {
    pub(crate) fn new(row: Row<'a>) -> Self {
        RowOf(row.values())
    }

    /// The next value; none when it is NULL.
    pub(crate) fn next(&mut self) -> Result<Option<String>> {
        self.0.next().transpose()?.flatten().map(text).transpose()
    }

    /// The next value, which is not NULL.
    pub(crate) fn text(&mut self) -> Result<String> {
        self.next()?.ok_or_else(unexpected)
    }

    /// The next value, a number that is not negative, or NULL.
    pub(crate) fn number(&mut self) -> Result<Option<u64>> {
        self.next()?.map(|text| text.parse().map_err(|_| unexpected())).transpose()
    }
}

/// The values of a row that was read whole.
pub(crate) struct OneRow(std::vec::IntoIter<Option<String>>);

impl OneRow {
    /// The next value; none when it is NULL.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    /// The next value, which is not NULL.
    pub(crate) fn text(&mut self) -> Result<String> {
        self.next().ok_or_else(unexpected)
    }
}

/// Runs a query that gives one row.
pub(crate) fn one_row(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<OneRow> {
    let rows = connection.query(sql, control)?;
    rows.into_iter().next().map(|row| OneRow(row.into_iter())).ok_or_else(unexpected)
}

/// Reads a text of the catalogs, which are UTF-8.
pub(crate) fn text(bytes: &[u8]) -> Result<String> {
    str::from_utf8(bytes).map(str::to_owned).map_err(|error| {
        Error::new(ErrorKind::DamagedSource, "the server's catalogs hold a text that is not valid UTF-8")
            .source(error)
            .hint("rename the object by the server's own client")
    })
}

/// The error for an answer that no such server gives.
pub(crate) fn unexpected() -> Error {
    Error::new(ErrorKind::Unsupported, "the server gave an answer that MySQL and MariaDB would not give")
        .hint("check that it is one of them, and no other product that speaks their protocol")
}
