//! Where in the server's history a view is.

use cadangkan_core::{Control, Result};
use cadangkan_mywire::{Connection, Flavor};
use serde_json::{Map, Value, json};

/// Reads the position, as far as this user may and the server has one. `held` says that nobody writes: without that,
/// only what the server keeps for the snapshot itself is right.
pub(super) fn of(
    connection: &mut Connection,
    held: bool,
    control: &Control<'_>,
) -> Result<Map<String, Value>> {
    let mut position = Map::new();
    let version = connection.version().clone();
    let log = if held {
        let word = match (version.flavor, version.number) {
            (Flavor::MySql, (8, 2.., _) | (9.., _, _)) => "SHOW BINARY LOG STATUS",
            _ => "SHOW MASTER STATUS",
        };
        first_two(connection, word, control)?
    } else {
        of_snapshot(connection, control)?
    };
    if let Some((file, offset)) = log {
        position.insert("binlog_file".to_owned(), json!(file));
        position.insert("binlog_offset".to_owned(), json!(offset));
        if version.flavor == Flavor::MariaDb && !held {
            let sql = format!("SELECT BINLOG_GTID_POS({}, {offset})", cadangkan_mywire::literal(&file));
            insert(&mut position, "gtid_binlog_pos", value(connection, &sql, control)?);
        }
    }
    if held {
        let variables: &[(&str, &str)] = match version.flavor {
            Flavor::MySql => &[
                ("gtid_executed", "@@GLOBAL.gtid_executed"),
                ("gtid_purged", "@@GLOBAL.gtid_purged"),
                ("server_uuid", "@@GLOBAL.server_uuid"),
            ],
            Flavor::MariaDb => &[
                ("gtid_binlog_pos", "@@GLOBAL.gtid_binlog_pos"),
                ("gtid_slave_pos", "@@GLOBAL.gtid_slave_pos"),
                ("gtid_current_pos", "@@GLOBAL.gtid_current_pos"),
            ],
        };
        for (key, variable) in variables {
            let found = value(connection, &format!("SELECT {variable}"), control)?;
            insert(&mut position, key, found.map(|text| text.replace('\n', "")));
        }
    }
    Ok(position)
}

fn insert(position: &mut Map<String, Value>, key: &str, value: Option<String>) {
    if let Some(value) = value.filter(|value| !value.is_empty()) {
        position.insert(key.to_owned(), json!(value));
    }
}

/// The position that MariaDB keeps for a snapshot (manual, "START TRANSACTION", "WITH CONSISTENT SNAPSHOT").
fn of_snapshot(connection: &mut Connection, control: &Control<'_>) -> Result<Option<(String, u64)>> {
    let rows = connection.query("SHOW STATUS LIKE 'binlog\\_snapshot\\_%'", control)?;
    let named = |name: &str| {
        let is_it = |row: &&Vec<Option<String>>| {
            row.first().and_then(Option::as_deref).is_some_and(|found| found.eq_ignore_ascii_case(name))
        };
        rows.iter().find(is_it).and_then(|row| row.get(1).cloned().flatten())
    };
    let file = named("binlog_snapshot_file").filter(|file| !file.is_empty());
    Ok(file.zip(named("binlog_snapshot_position").and_then(|offset| offset.parse().ok())))
}

/// The first two columns of a statement's first row; none when this user may not, or without a log.
fn first_two(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<Option<(String, u64)>> {
    let rows = match connection.query(sql, control) {
        Ok(rows) => rows,
        Err(error) if connection.is_broken() || cadangkan_mywire::server_error(&error).is_none() => {
            return Err(error);
        }
        Err(_) => return Ok(None),
    };
    let mut row = rows.into_iter().next().unwrap_or_default().into_iter();
    let (file, offset) = (row.next().flatten(), row.next().flatten());
    Ok(file.zip(offset.and_then(|offset| offset.parse().ok())))
}

/// One value; none when this server does not know it, or this user may not.
fn value(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<Option<String>> {
    match connection.query(sql, control) {
        Ok(rows) => Ok(rows.into_iter().next().and_then(|row| row.into_iter().next().flatten())),
        Err(error) if connection.is_broken() || cadangkan_mywire::server_error(&error).is_none() => {
            Err(error)
        }
        Err(_) => Ok(None),
    }
}
