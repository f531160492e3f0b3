//! Rows on their way into tables.

use std::sync::Arc;

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result};
use cadangkan_mywire::{Connection, identifier};

pub(super) use cadangkan_engine::{Count, Counts};

use super::statement::explain;
use crate::script::{Insert, Inserts, Shapes};

/// What the packet of a statement has besides its text, and some room.
const PACKET_ROOM: usize = 64;

/// How rows are given to the server.
#[derive(Clone, Debug)]
pub(super) struct Sending {
    /// The longest statement that the server takes.
    pub(super) max_packet: usize,
    /// The columns that number their members, where the server takes files of a client and the table can take rows
    /// back: see [`as_file`].
    pub(super) as_file: Option<Arc<[String]>>,
}

/// Sends the rows of a frame, all or none unless the engine has no transactions; returns how many the server took.
///
/// # Errors
/// `DamagedBackup` when the frame holds anything but rows of that table.
pub(super) fn send_frame(
    connection: &mut Connection,
    table: &ObjectName,
    data: &[u8],
    sending: &Sending,
    control: &Control<'_>,
) -> Result<u64> {
    let inserts: Option<Vec<Insert<'_>>> = Inserts::new(data).collect();
    let inserts = inserts.filter(|inserts| inserts.iter().all(|insert| insert.is_for(&table.name)));
    let inserts =
        inserts.ok_or_else(|| missing("a frame of rows is not what it should be").context("table", table))?;
    if let Some(members) = &sending.as_file
        && data.len() < sending.max_packet
        && let Some(rows) = as_file(connection, table, &inserts, members, control)?
    {
        return Ok(rows);
    }
    let mut rows = 0;
    for insert in inserts {
        let taken = send(connection, table, insert.text, sending.max_packet, control)?;
        if taken != insert.rows {
            return Err(Error::new(ErrorKind::NotEqual, "the server took another number of rows than it was given")
                .context("table", table)
                .context("given", insert.rows)
                .context("taken", taken)
                .hint("a trigger or a partition refuses some: restore to a database where the table has none of that"));
        }
        rows += taken;
    }
    Ok(rows)
}

/// Sends rows as a file by `LOAD DATA LOCAL INFILE`, which takes half the time of `INSERT`: the server need not parse
/// a statement. The file is the text of the rows as it stands in the archive; its lines begin with a bracket and end
/// with one (manual, "LOAD DATA Statement", "Field and Line Handling"). Columns in hexadecimal are turned into bytes
/// by the server.
///
/// Returns `None` when these rows cannot go this way: some value is written in a way that only a statement knows, or
/// the server had anything to say, since it turns errors into warnings then. The transaction is rolled back.
fn as_file(
    connection: &mut Connection,
    table: &ObjectName,
    inserts: &[Insert<'_>],
    members: &[String],
    control: &Control<'_>,
) -> Result<Option<u64>> {
    let Some(sql) = file_statement(table, inserts, members) else { return Ok(None) };
    let mut parts = inserts.iter().map(Insert::values);
    let given: u64 = inserts.iter().map(|insert| insert.rows).sum();
    let mut next = |buffer: &mut Vec<u8>| {
        let Some(part) = parts.next() else { return Ok(false) };
        buffer.extend_from_slice(part);
        buffer.extend_from_slice(b",\n");
        Ok(parts.len() > 0)
    };
    let taken = connection.load_data(&sql, control, &mut next);
    match taken {
        Ok(taken) if taken == given && connection.warnings() == 0 => Ok(Some(taken)),
        Err(error) if connection.is_broken() || error.kind() == ErrorKind::Cancelled => {
            Err(explain(error, &format!("TABLE {table}"), sql.as_bytes()))
        }
        // What it is, the statement says.
        _ => {
            connection.execute("ROLLBACK", control)?;
            Ok(None)
        }
    }
}

/// The statement for rows that can go as a file. `members` are the columns where a number and a text of digits are not
/// the same: those of an ENUM or a SET.
fn file_statement(table: &ObjectName, inserts: &[Insert<'_>], members: &[String]) -> Option<String> {
    let columns = inserts.first()?.columns();
    let mut shapes = Shapes::default();
    for insert in inserts {
        insert.shapes(&mut shapes)?;
    }
    let hexadecimal = shapes.hexadecimal()?;
    let is_same = inserts.iter().all(|insert| insert.columns() == columns);
    if columns.is_empty() || !is_same || hexadecimal.len() > columns.len() {
        return None;
    }
    let (mut list, mut sets) = (Vec::new(), Vec::new());
    for (place, column) in columns.iter().enumerate() {
        if shapes.is_number(place) && members.contains(column) {
            return None;
        }
        if hexadecimal.get(place) == Some(&true) {
            list.push(format!("@c{place}"));
            sets.push(format!("{} = UNHEX(SUBSTR(@c{place}, 3))", identifier(column)));
        } else {
            list.push(identifier(column));
        }
    }
    let set = if sets.is_empty() { String::new() } else { format!(" SET {}", sets.join(", ")) };
    Some(format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET utf8mb4
         FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\\'' ESCAPED BY '\\\\'
         LINES STARTING BY '(' TERMINATED BY '),\\n' ({}){set}",
        identifier(&table.name),
        list.join(", ")
    ))
}

/// Sends one `INSERT`, in parts where the server would not take it whole.
pub(super) fn send(
    connection: &mut Connection,
    table: &ObjectName,
    text: &[u8],
    max_packet: usize,
    control: &Control<'_>,
) -> Result<u64> {
    let title = || format!("TABLE {table}");
    if text.len() + PACKET_ROOM <= max_packet {
        return connection.execute(text, control).map_err(|error| explain(error, &title(), text));
    }
    let too_long = || {
        Error::new(ErrorKind::Unsupported, "a row is longer than what the server takes")
            .context("table", table)
            .context("max_allowed_packet", max_packet)
            .hint("raise max_allowed_packet on the server (SET GLOBAL max_allowed_packet = 1073741824)")
    };
    let insert = Insert::read(text).ok_or_else(too_long)?;
    let mut rows = 0;
    for part in insert.split(max_packet.saturating_sub(PACKET_ROOM)) {
        if part.len() + PACKET_ROOM > max_packet {
            return Err(too_long());
        }
        rows += connection.execute(&part, control).map_err(|error| explain(error, &title(), &part))?;
    }
    Ok(rows)
}

/// The error for a backup of which something did not come.
pub(super) fn missing(message: &str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .hint("restore another backup, or another storage's copy of it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_as_files_where_they_can() {
        let table = ObjectName::new("t`");
        let statement = |text: &'static [u8]| {
            let inserts: Vec<_> = Inserts::new(text).collect::<Option<_>>().unwrap();
            file_statement(&table, &inserts, &["e".to_owned()])
        };
        let sql = statement(b"INSERT INTO `t``` (`a`,`b`) VALUES\n(1,0xFF),\n(2,NULL);\n").unwrap();
        assert!(
            sql.contains("INTO TABLE `t``` ")
                && sql.contains("TERMINATED BY '),\\n' (`a`, @c1) SET `b` = UNHEX(SUBSTR(@c1, 3))"),
            "{sql}"
        );
        assert!(sql.contains("ENCLOSED BY '\\'' ESCAPED BY '\\\\'"), "{sql}");
        for other in [
            &b"INSERT INTO `t``` (`a`,`b`) VALUES\n(1,_latin1 0xFF);\n"[..],
            b"INSERT INTO `t``` VALUES\n(1);\n",
            b"INSERT INTO `t``` (`e`) VALUES\n(0);\n",
            b"INSERT INTO `t``` (`a`) VALUES\n(1);\nINSERT INTO `t``` (`b`) VALUES\n(1);\n",
            b"",
        ] {
            assert_eq!(statement(other), None);
        }
    }
}
