//! From what a row holds to the types of the catalog.

use std::str::FromStr;

use cadangkan_core::{Error, Timestamp};
use rusqlite::Row;
use rusqlite::types::{FromSql, Type};
use serde::de::DeserializeOwned;

/// What reading a column may fail with; it becomes "the catalog is damaged".
pub(crate) type Column<T> = rusqlite::Result<T>;

/// Reads the columns of a row from left to right: by position, since a search by name took half of the time of
/// a long list. So the fields of a type are read in the order in which its `SELECT` names them.
pub(crate) struct Columns<'row> {
    row: &'row Row<'row>,
    next: usize,
}

impl<'row> Columns<'row> {
    pub(crate) fn of(row: &'row Row<'row>) -> Self {
        Columns { row, next: 0 }
    }

    /// The next column, as it is.
    pub(crate) fn plain<T: FromSql>(&mut self) -> Column<T> {
        let position = self.next;
        self.next += 1;
        self.row.get(position)
    }

    /// The next column, converted.
    pub(crate) fn converted<S: FromSql, T, E>(&mut self, convert: impl FnOnce(S) -> Result<T, E>) -> Column<T>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let value = self.plain()?;
        convert(value).map_err(|error| self.makes_no_sense(error.into()))
    }

    fn optional<S: FromSql, T, E>(&mut self, convert: impl FnOnce(S) -> Result<T, E>) -> Column<Option<T>>
    where
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.converted(|value: Option<S>| value.map(convert).transpose())
    }

    fn makes_no_sense(&self, source: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
        rusqlite::Error::FromSqlConversionFailure(self.next - 1, Type::Text, source)
    }

    pub(crate) fn time(&mut self) -> Column<Timestamp> {
        self.converted(Timestamp::from_microsecond)
    }

    pub(crate) fn optional_time(&mut self) -> Column<Option<Timestamp>> {
        self.optional(Timestamp::from_microsecond)
    }

    pub(crate) fn size(&mut self) -> Column<u64> {
        self.converted(|value: i64| u64::try_from(value))
    }

    pub(crate) fn optional_size(&mut self) -> Column<Option<u64>> {
        self.optional(|value: i64| u64::try_from(value))
    }

    pub(crate) fn word<T: FromStr<Err = Error>>(&mut self) -> Column<T> {
        self.converted(|value: String| value.parse())
    }

    pub(crate) fn optional_word<T: FromStr<Err = Error>>(&mut self) -> Column<Option<T>> {
        self.optional(|value: String| value.parse())
    }

    pub(crate) fn json<T: DeserializeOwned>(&mut self) -> Column<T> {
        self.converted(|value: String| serde_json::from_str(&value))
    }

    pub(crate) fn optional_json<T: DeserializeOwned>(&mut self) -> Column<Option<T>> {
        self.optional(|value: String| serde_json::from_str(&value))
    }
}
