//! Rows in the binary format of COPY, which costs the server less to take than text: it need not find where fields end,
//! undo escapes, nor read numbers and dates (manual, COPY, "Binary Format").

mod moment;
mod number;
mod text;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cadangkan_core::{Control, ObjectName, Result};
use cadangkan_pgwire::{Connection, literal};

use super::frame::{CopyHead, RowFrame};
use super::plan::quoted;
use super::rows::copy;

/// Fewer bytes of rows are not worth the question for the types of their columns.
const SMALL: usize = 64 << 10;

/// More are not held twice: such a frame is one long row.
const LARGE: usize = 12 << 20;

/// A translation does not get longer than this, and a row: each connection holds one.
const MOST: usize = 16 << 20;

/// What a file in this format begins with: its signature, no flags, no more header.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

const NULL: [u8; 4] = (-1_i32).to_be_bytes();

/// Translates frames of rows, table after table.
#[derive(Default)]
pub(super) struct Binary {
    /// The columns of the tables seen so far; none where one of them cannot be translated.
    tables: Mutex<HashMap<String, Option<Arc<[Kind]>>>>,
    /// Buffers that are used again, at most one for each connection.
    spare: Mutex<Vec<Vec<u8>>>,
}

/// Types of which a value in text is translated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bool,
    Bytes,
    Date,
    Float4,
    Float8,
    Int2,
    Int4,
    Int8,
    Jsonb,
    Numeric,
    /// All that are sent as their text: also the labels of an enum.
    Text,
    Time,
    Timestamp,
    TimestampWithZone,
    Uuid,
}

impl Binary {
    /// Sends the rows of a frame to the table that is called `here` in the target, translated where that is better;
    /// returns how many the server took.
    pub(super) fn copy(
        &self,
        connection: &mut Connection,
        frame: &RowFrame<'_>,
        here: &ObjectName,
        control: &Control<'_>,
    ) -> Result<u64> {
        let (statement, table) = (frame.head.statement(here), &frame.head.table);
        let Some(translated) = self.translate(connection, &statement, frame, here, control)? else {
            return copy(connection, &statement, table, frame.rows, control);
        };
        let statement = format!("{statement} WITH (FORMAT binary)");
        let sent = copy(connection, &statement, table, &translated, control);
        self.give_back(translated);
        sent
    }

    /// Translates the rows; `None` where they are better sent as they are.
    ///
    /// What is translated is what the server itself would have understood; for whatever is not plain, there is no
    /// translation.
    fn translate(
        &self,
        connection: &mut Connection,
        statement: &str,
        frame: &RowFrame<'_>,
        here: &ObjectName,
        control: &Control<'_>,
    ) -> Result<Option<Vec<u8>>> {
        if !(SMALL..LARGE).contains(&frame.rows.len()) {
            return Ok(None);
        }
        let Some(columns) = self.columns(statement, &frame.head, here, connection, control)? else {
            return Ok(None);
        };
        let mut buffer = lock(&self.spare).pop().unwrap_or_default();
        if encode(frame.rows, &columns, &mut buffer).is_some() {
            return Ok(Some(buffer));
        }
        if buffer.len() > MOST {
            // Rows of many short numbers: their text is as good.
            lock(&self.tables).insert(statement.to_owned(), None);
        }
        self.give_back(buffer);
        Ok(None)
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        lock(&self.spare).push(buffer);
    }

    fn columns(
        &self,
        statement: &str,
        head: &CopyHead<'_>,
        here: &ObjectName,
        connection: &mut Connection,
        control: &Control<'_>,
    ) -> Result<Option<Arc<[Kind]>>> {
        if let Some(known) = lock(&self.tables).get(statement) {
            return Ok(known.clone());
        }
        let columns = match head.column_names() {
            Some(names) if !names.is_empty() => look_up(&names, here, connection, control)?,
            _ => None,
        };
        let columns: Option<Arc<[Kind]>> = columns.map(Arc::from);
        lock(&self.tables).insert(statement.to_owned(), columns.clone());
        Ok(columns)
    }
}

/// What columns of a table in the target are.
fn look_up(
    names: &[String],
    table: &ObjectName,
    connection: &mut Connection,
    control: &Control<'_>,
) -> Result<Option<Vec<Kind>>> {
    let sql = format!(
        "SELECT a.attname, a.atttypid, t.typtype FROM pg_catalog.pg_attribute a
           JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
          WHERE a.attrelid = pg_catalog.to_regclass({}) AND a.attnum > 0 AND NOT a.attisdropped",
        literal(&quoted(table))
    );
    let mut kinds = HashMap::new();
    for row in connection.query(&sql, control)? {
        let [name, number, class] = row.as_slice() else { continue };
        let number = number.as_deref().and_then(|number| number.parse().ok());
        let is_enum = class.as_deref() == Some("e");
        let kind = if is_enum { Some(Kind::Text) } else { number.and_then(Kind::of) };
        kinds.extend(name.clone().zip(kind));
    }
    Ok(names.iter().map(|name| kinds.get(name).copied()).collect())
}

impl Kind {
    /// By the number that the type has in every server (`pg_type.dat`).
    fn of(number: u32) -> Option<Kind> {
        Some(match number {
            16 => Kind::Bool,
            17 => Kind::Bytes,
            20 => Kind::Int8,
            21 => Kind::Int2,
            23 => Kind::Int4,
            // text, json, char(n), varchar
            25 | 114 | 1042 | 1043 => Kind::Text,
            700 => Kind::Float4,
            701 => Kind::Float8,
            1082 => Kind::Date,
            1083 => Kind::Time,
            1114 => Kind::Timestamp,
            1184 => Kind::TimestampWithZone,
            1700 => Kind::Numeric,
            2950 => Kind::Uuid,
            3802 => Kind::Jsonb,
            _ => return None,
        })
    }
}

/// Appends rows in the binary format; `None` when a value is not plain, or when it gets too long, with rubbish in `out`.
fn encode(rows: &[u8], columns: &[Kind], out: &mut Vec<u8>) -> Option<()> {
    let count = i16::try_from(columns.len()).ok()?.to_be_bytes();
    let (last, others) = columns.split_last()?;
    out.extend_from_slice(HEADER);
    let mut rest = rows;
    while !rest.is_empty() {
        if out.len() > MOST {
            return None;
        }
        out.extend_from_slice(&count);
        for kind in others {
            rest = field(*kind, rest, b'\t', out)?;
        }
        rest = field(*last, rest, b'\n', out)?;
    }
    out.extend_from_slice(&(-1_i16).to_be_bytes());
    Some(())
}

/// Appends a field, and returns what follows the byte that it must end with.
fn field<'a>(kind: Kind, rest: &'a [u8], end: u8, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    if let [b'\\', b'N', next, rest @ ..] = rest {
        out.extend_from_slice(&NULL);
        return (*next == end).then_some(rest);
    }
    let rest = match kind {
        // These look for the end themselves: it may stand in them with an escape.
        Kind::Text => return with_length(out, |out| text::unescaped(rest, end, out)),
        Kind::Jsonb => {
            return with_length(out, |out| {
                out.push(1);
                text::unescaped(rest, end, out)
            });
        }
        Kind::Int2 | Kind::Int4 | Kind::Int8 => {
            let (number, rest) = number::integer(rest)?;
            match kind {
                Kind::Int2 => fixed(out, i16::try_from(number).ok()?.to_be_bytes()),
                Kind::Int4 => fixed(out, i32::try_from(number).ok()?.to_be_bytes()),
                _ => fixed(out, number.to_be_bytes()),
            }
            rest
        }
        Kind::Numeric => number::numeric(rest, out)?,
        Kind::Date => {
            let (day, rest) = rest.split_first_chunk()?;
            fixed(out, moment::date(day)?.to_be_bytes());
            rest
        }
        _ => {
            let (value, rest) = rest.split_at_checked(memchr::memchr(end, rest)?)?;
            other(kind, value, out)?;
            rest
        }
    };
    rest.split_first().filter(|(found, _)| **found == end).map(|(_, rest)| rest)
}

/// Appends a value whose end was found. The other delimiter, or an escape, is part of none of these.
fn other(kind: Kind, value: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match kind {
        Kind::Bool => fixed(out, text::bool(value)?),
        Kind::Bytes => with_length(out, |out| text::bytes(value, out))?,
        Kind::Float4 => fixed(out, number::float4(value)?.to_be_bytes()),
        Kind::Float8 => fixed(out, number::float8(value)?.to_be_bytes()),
        Kind::Time => fixed(out, moment::time(value)?.to_be_bytes()),
        Kind::Timestamp => fixed(out, moment::timestamp(value)?.to_be_bytes()),
        Kind::TimestampWithZone => fixed(out, moment::timestamp_with_zone(value)?.to_be_bytes()),
        Kind::Uuid => with_length(out, |out| text::uuid(value, out))?,
        _ => return None,
    }
    Some(())
}

/// Appends a value of a fixed length.
fn fixed<const LENGTH: usize>(out: &mut Vec<u8>, value: [u8; LENGTH]) {
    out.reserve(4 + LENGTH);
    out.extend_from_slice(&(LENGTH as u32).to_be_bytes());
    out.extend_from_slice(&value);
}

/// Appends what `write` appends, with its length before it.
fn with_length<T>(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> Option<T>) -> Option<T> {
    let begin = out.len();
    out.extend_from_slice(&[0; 4]);
    let result = write(out)?;
    let length = i32::try_from(out.len() - begin - 4).ok()?;
    out.get_mut(begin..begin + 4)?.copy_from_slice(&length.to_be_bytes());
    Some(result)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
