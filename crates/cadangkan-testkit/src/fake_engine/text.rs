//! The lines of the fake archive.

use std::collections::BTreeMap;

use cadangkan_core::{Error, ErrorKind, Result};

use super::{Rows, Tables};

/// One row as a line.
pub(super) fn row_line(row: &[u8]) -> Vec<u8> {
    let mut line: String = row.iter().map(|byte| format!("{byte:02x}")).collect();
    line.push('\n');
    line.into_bytes()
}

/// Reads statements, which may come in pieces cut anywhere.
#[derive(Default)]
pub(super) struct Parser {
    rest: Vec<u8>,
    inserting: Option<(String, String, Rows)>,
    pub(super) databases: BTreeMap<String, Tables>,
}

impl Parser {
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        self.rest.extend_from_slice(bytes);
        let whole = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines: Vec<u8> = self.rest.drain(..whole).collect();
        lines.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| self.line(line))
    }

    /// Makes sure that nothing is half read.
    pub(super) fn end(&self) -> Result<()> {
        if self.rest.is_empty() && self.inserting.is_none() { Ok(()) } else { Err(damaged()) }
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        let line = std::str::from_utf8(line).map_err(|_| damaged())?.trim_end_matches('\n');
        let words: Vec<&str> = line.split(' ').collect();
        match (self.inserting.as_mut(), words.as_slice()) {
            (None, ["CREATE", database, table]) => {
                self.table(database, table);
            }
            (None, ["INSERT", database, table]) => {
                self.inserting = Some(((*database).to_owned(), (*table).to_owned(), Rows::new()));
            }
            (Some(_), ["END"]) => {
                if let Some((database, table, rows)) = self.inserting.take() {
                    self.table(&database, &table).extend(rows);
                }
            }
            (Some((_, _, rows)), [row]) => rows.push(from_hex(row).ok_or_else(damaged)?),
            _ => return Err(damaged()),
        }
        Ok(())
    }

    fn table(&mut self, database: &str, table: &str) -> &mut Rows {
        self.databases.entry(database.to_owned()).or_default().entry(table.to_owned()).or_default()
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits?;
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    digits
        .chunks(2)
        .map(|pair| u8::try_from(pair.iter().fold(0, |sum, digit| sum * 16 + digit)).ok())
        .collect()
}

pub(super) fn damaged() -> Error {
    Error::new(ErrorKind::DamagedBackup, "the fake archive cannot be read").hint("restore another backup")
}
