//! What a server and a database say of themselves.

use std::collections::BTreeMap;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_engine::{DatabaseInfo, ServerInfo};
use cadangkan_mywire::{Connection, Flavor, literal};
use serde_json::{Map, Value, json};

use crate::catalog::{RowOf, Schema, Size, engines_with_transactions, one_row};
use crate::load::{MARKER, is_ours};

/// Facts about one database that a manifest keeps, and that a restore needs.
pub(crate) struct Facts {
    pub(crate) server: ServerInfo,
    pub(crate) attributes: Map<String, Value>,
    /// The database's character set and collation.
    pub(crate) charset: String,
    pub(crate) collation: String,
}

/// Databases of the server's own.
const SYSTEM: &str = "('mysql', 'sys', 'information_schema', 'performance_schema', 'ndbinfo', 'mysql_innodb_cluster_metadata')";

/// Counts the sessions that are in a statement, but for this one. Those of another backup by this program count, since only the
/// number is told to everybody (manual, 7.1.10 `Threads_running`).
pub(crate) fn sessions_at_work(connection: &mut Connection, control: &Control<'_>) -> Result<u64> {
    let mut row = one_row(connection, "SHOW GLOBAL STATUS LIKE 'Threads_running'", control)?;
    row.text()?;
    let running: u64 = row.text()?.parse().unwrap_or_default();
    Ok(running.saturating_sub(1))
}

/// Asks for everything about one database but its size.
pub(crate) fn look(
    connection: &mut Connection,
    schema: &Schema,
    size: Size,
    control: &Control<'_>,
) -> Result<Facts> {
    let sql = format!(
        "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME
           FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        schema.literal()
    );
    let found = connection.query(&sql, control)?;
    let mut found = found.into_iter().map(|row| row.into_iter().map(Option::unwrap_or_default));
    let found = found.find_map(|mut row| schema.is(&row.next()?).then(|| (row.next(), row.next())));
    let Some((Some(charset), Some(collation))) = found else { return Err(missing(schema)) };
    let mut server = server(connection, control)?;
    server.size_bytes = Some(size.bytes);
    server.tables = Some(size.tables);
    server.facts.insert(0, ("character set".to_owned(), charset.clone()));
    server.facts.insert(1, ("collation".to_owned(), collation.clone()));
    let version = connection.version();
    let flavor = match version.flavor {
        Flavor::MySql => "mysql",
        Flavor::MariaDb => "mariadb",
    };
    let mut names = one_row(connection, "SELECT @@lower_case_table_names", control)?;
    let lower: u64 = names.text()?.parse().unwrap_or_default();
    let attributes = Map::from_iter([
        ("database".to_owned(), json!(schema.name)),
        ("flavor".to_owned(), json!(flavor)),
        ("version".to_owned(), json!(connection.version().text)),
        ("charset".to_owned(), json!(charset)),
        ("collation".to_owned(), json!(collation)),
        ("lower_case_table_names".to_owned(), json!(lower)),
        ("database_size_bytes".to_owned(), json!(size.bytes)),
    ]);
    Ok(Facts { server, attributes, charset, collation })
}

/// Asks what the server is.
pub(crate) fn server(connection: &mut Connection, control: &Control<'_>) -> Result<ServerInfo> {
    let (major, minor, patch) = connection.version().number;
    let flavor = connection.version().flavor;
    let mut row = one_row(connection, "SELECT CURRENT_USER(), @@read_only, @@log_bin", control)?;
    let (user, read_only, log) = (row.text()?, row.text()?, row.text()?);
    let mut facts = vec![("server".to_owned(), flavor.to_string()), ("user".to_owned(), user)];
    facts.push(("binary log".to_owned(), if is_on(&log) { "on" } else { "off" }.to_owned()));
    if is_on(&read_only) {
        facts.push(("writing".to_owned(), "read only".to_owned()));
    }
    if connection.is_encrypted() {
        facts.push(("encrypted".to_owned(), "yes".to_owned()));
    }
    let whose = match flavor {
        Flavor::MySql => "",
        Flavor::MariaDb => "-MariaDB",
    };
    let version = format!("{major}.{minor}.{patch}{whose}");
    Ok(ServerInfo { version, facts, ..ServerInfo::default() })
}

/// Lists the databases that this user sees, with their sizes; those of the server itself, and those that restores
/// made or kept, are left out.
pub(crate) fn databases(connection: &mut Connection, control: &Control<'_>) -> Result<Vec<DatabaseInfo>> {
    let names = names(connection, control)?;
    let transactional = engines_with_transactions(connection, control)?;
    let empty = |name| DatabaseInfo { name, size_bytes: Some(0), tables: Some(0), ..DatabaseInfo::default() };
    let mut found: BTreeMap<_, _> = names.into_iter().map(|name| (name.clone(), empty(name))).collect();
    let sql =
        "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, DATA_LENGTH, INDEX_LENGTH FROM information_schema.TABLES
                WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')";
    connection.rows(sql, control, |_, row| {
        let mut row = RowOf::new(row);
        let (schema, table, engine) = (row.text()?, row.text()?, row.next()?);
        let bytes = row.number()?.unwrap_or_default().saturating_add(row.number()?.unwrap_or_default());
        let Some(database) = found.get_mut(&schema).filter(|_| table != MARKER) else { return Ok(()) };
        database.size_bytes = database.size_bytes.map(|size| size.saturating_add(bytes));
        database.tables = database.tables.map(|tables| tables + 1);
        // A table that cannot be opened has none.
        let engine = engine.unwrap_or_else(|| "unknown".to_owned());
        if !transactional.contains(&engine.to_ascii_uppercase()) {
            database.without_transactions.push(table);
        }
        *database.engines.entry(engine).or_default() += 1;
        Ok(())
    })?;
    let sorted = |mut database: DatabaseInfo| {
        database.without_transactions.sort();
        database
    };
    Ok(found.into_values().map(sorted).collect())
}

/// Lists the names of these databases.
pub(crate) fn names(connection: &mut Connection, control: &Control<'_>) -> Result<Vec<String>> {
    let marked = format!(
        "SELECT TABLE_SCHEMA, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_NAME = {}",
        literal(MARKER)
    );
    let mut ours = Vec::new();
    for row in connection.query(&marked, control)? {
        let mut row = row.into_iter().map(Option::unwrap_or_default);
        let (name, comment) = (row.next().unwrap_or_default(), row.next().unwrap_or_default());
        ours.extend(is_ours(&name, &comment).then_some(name));
    }
    let sql =
        format!("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN {SYSTEM}");
    let names = connection.query(&sql, control)?.into_iter().flatten().flatten();
    let mut names: Vec<_> = names.filter(|name| !ours.contains(name)).collect();
    names.sort();
    Ok(names)
}

/// Asks for the size of one database.
pub(crate) fn size(connection: &mut Connection, schema: &Schema, control: &Control<'_>) -> Result<Size> {
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, DATA_LENGTH, INDEX_LENGTH FROM information_schema.TABLES
          WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND TABLE_SCHEMA = {}",
        schema.literal()
    );
    let mut size = Size::default();
    connection.rows(&sql, control, |_, row| {
        let mut row = RowOf::new(row);
        let (of, table) = (row.text()?, row.text()?);
        let (rows, indexes) = (row.number()?.unwrap_or_default(), row.number()?.unwrap_or_default());
        if table != MARKER && schema.is(&of) {
            size.add(rows, indexes);
        }
        Ok(())
    })?;
    Ok(size)
}

fn is_on(value: &str) -> bool {
    value != "0" && !value.eq_ignore_ascii_case("off") && !value.is_empty()
}

fn missing(schema: &Schema) -> Error {
    Error::new(ErrorKind::NotFound, "the database does not exist, or this user may not see it")
        .context("database", schema.name.escape_debug())
        .hint("check the database's name: SHOW DATABASES lists those that the user may see")
}
