//! A look at a whole server: its databases, and its part in replication.

use std::collections::HashMap;

use cadangkan_core::{Control, Result};
use cadangkan_engine::Scan;
use cadangkan_mywire::{Connection, Flavor};
use serde_json::{Map, Value, json};

use crate::catalog::text;
use crate::probe;

/// What a server says of its part in replication, as far as it knows these, with the words for it here.
const VARIABLES: &[(&str, &str)] = &[
    ("read_only", "read_only"),
    ("super_read_only", "super_read_only"),
    ("log_bin", "binary_log"),
    ("binlog_format", "binlog_format"),
    ("gtid_mode", "gtid_mode"),
    ("gtid_strict_mode", "gtid_strict_mode"),
    ("gtid_domain_id", "gtid_domain_id"),
    ("server_id", "server_id"),
];

/// Looks at everything that this user may see.
pub(crate) fn look(connection: &mut Connection, control: &Control<'_>) -> Result<Scan> {
    Ok(Scan {
        server: probe::server(connection, control)?,
        replication: replication(connection, control)?,
        databases: probe::databases(connection, control)?,
    })
}

/// Says which part the server has in replication. What this user may not know is left out.
fn replication(connection: &mut Connection, control: &Control<'_>) -> Result<Map<String, Value>> {
    let mut facts = Map::new();
    let sources = sources(connection, control)?;
    let replicas = replicas(connection, control)?.unwrap_or_default();
    let role = match (&sources, replicas) {
        (None, 0) => "unknown: this user may not see it",
        (None, _) => "source",
        (Some(sources), 0) if sources.is_empty() => "alone",
        (Some(sources), _) if sources.is_empty() => "source",
        (Some(_), 0) => "replica",
        (Some(_), _) => "replica and source",
    };
    facts.insert("role".to_owned(), json!(role));
    if replicas > 0 {
        facts.insert("replicas".to_owned(), json!(replicas));
    }
    for (number, source) in sources.unwrap_or_default().into_iter().enumerate() {
        let key = if number == 0 { "source".to_owned() } else { format!("source_{}", number + 1) };
        facts.insert(key, json!(source));
    }
    let names: Vec<_> = VARIABLES.iter().map(|(name, _)| format!("'{name}'")).collect();
    let sql = format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({})", names.join(", "));
    let values: HashMap<_, _> = connection
        .query(&sql, control)?
        .into_iter()
        .filter_map(|row| {
            let mut row = row.into_iter().flatten();
            Some((row.next()?.to_lowercase(), row.next()?))
        })
        .collect();
    for (name, key) in VARIABLES {
        let value = values.get(*name).filter(|value| !value.is_empty());
        facts.extend(value.map(|value| ((*key).to_owned(), json!(value.to_lowercase()))));
    }
    Ok(facts)
}

/// The servers that this one follows, each with how that goes; none when this user may not know.
fn sources(connection: &mut Connection, control: &Control<'_>) -> Result<Option<Vec<String>>> {
    let version = connection.version();
    let statement = match (version.flavor, version.number) {
        (Flavor::MariaDb, _) => "SHOW ALL SLAVES STATUS",
        (Flavor::MySql, (8, 0, 22..) | (8, 1.., _) | (9.., _, _)) => "SHOW REPLICA STATUS",
        (Flavor::MySql, _) => "SHOW SLAVE STATUS",
    };
    let mut sources = Vec::new();
    let asked = connection.rows(statement, control, |columns, row| {
        let mut named = HashMap::new();
        for (column, value) in columns.iter().zip(row.values()) {
            let value = value?.map(text).transpose()?;
            named.insert(column.name.replace("Master", "Source").replace("Slave", "Replica"), value);
        }
        let value = |name: &str| named.get(name).cloned().flatten().unwrap_or_default();
        let runs = ["Replica_IO_Running", "Replica_SQL_Running"].iter().all(|name| value(name) == "Yes");
        let state = match (runs, value("Seconds_Behind_Source").as_str()) {
            (false, _) => "stopped".to_owned(),
            (true, "") => "running".to_owned(),
            (true, seconds) => format!("running, {seconds} s behind"),
        };
        sources.push(format!("{}:{} ({state})", value("Source_Host"), value("Source_Port")));
        Ok(())
    });
    match asked {
        Ok(_) => Ok(Some(sources)),
        Err(error) if connection.is_broken() || cadangkan_mywire::server_error(&error).is_none() => {
            Err(error)
        }
        Err(_) => Ok(None),
    }
}

/// The number of replicas that read the binary log now, as far as this user sees them.
fn replicas(connection: &mut Connection, control: &Control<'_>) -> Result<Option<u64>> {
    let table = match connection.version().flavor {
        Flavor::MariaDb => "information_schema.PROCESSLIST",
        Flavor::MySql => "performance_schema.processlist",
    };
    let sql = format!("SELECT COUNT(*) FROM {table} WHERE COMMAND LIKE 'Binlog Dump%'");
    match connection.query(&sql, control) {
        Ok(rows) => Ok(rows.into_iter().flatten().flatten().next().and_then(|count| count.parse().ok())),
        Err(error) if connection.is_broken() || cadangkan_mywire::server_error(&error).is_none() => {
            Err(error)
        }
        Err(_) => Ok(None),
    }
}
