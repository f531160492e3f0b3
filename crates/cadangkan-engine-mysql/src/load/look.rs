//! What is known of the target before anything is touched.

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_mywire::{Connection, Target, Version, identifier, literal};

use super::grants::Grants;
use super::marks::{MARKER, Mark};
use super::objects::{self, Object};
use crate::catalog::Schema;
use crate::script::Kind;

/// A server with the database that is restored into.
#[derive(Clone)]
pub(super) struct Look {
    /// The server, without a database.
    pub(super) server: Target,
    /// The database's name.
    pub(super) name: String,
    pub(super) version: Version,
    /// `lower_case_table_names`: 0 keeps and minds the case, 1 lowers it, 2 keeps it and does not mind.
    pub(super) lower_case: u8,
    /// The longest statement that the server takes.
    pub(super) max_packet: usize,
    pub(super) grants: Grants,
    /// Whether nobody but those of higher rights may write.
    pub(super) read_only: bool,
    /// Whether the server takes files of a client.
    pub(super) local_infile: bool,
    /// What the database is now; none when there is none.
    pub(super) present: Option<Present>,
}

/// A database that is there.
#[derive(Clone)]
pub(super) struct Present {
    pub(super) charset: String,
    pub(super) collation: String,
    pub(super) bytes: Option<u64>,
    /// Sessions that use it, as far as this user sees them.
    pub(super) connections: u64,
    pub(super) tables: u64,
    /// What users made in it.
    pub(super) objects: Vec<Object>,
    /// Tables of other databases whose foreign keys lead into this one.
    pub(super) referrers: Vec<String>,
    /// Whether a restore that died began to fill it.
    pub(super) unfinished: bool,
}

impl Look {
    /// Looks at the target.
    pub(super) fn at(target: &Target, control: &Control<'_>) -> Result<Look> {
        let name = target.database().filter(|name| !name.is_empty()).ok_or_else(|| {
            Error::new(ErrorKind::Usage, "no database is named to restore into")
                .hint("name it at the end of the URL: mysql://user@host/name")
        })?;
        let server = target.with_database(None);
        let mut there = open(&server, control)?;
        let variables = there.query(
            "SELECT @@lower_case_table_names, @@max_allowed_packet, @@read_only, @@local_infile",
            control,
        )?;
        let mut variables = variables.into_iter().flatten().map(Option::unwrap_or_default);
        let mut next = || variables.next().unwrap_or_default();
        let (lower_case, max_packet, read_only, local_infile) = (next(), next(), next(), next());
        let grants = Grants::of(&mut there, control)?;
        let present = present(&mut there, name, control)?;
        Ok(Look {
            name: name.to_owned(),
            version: there.version().clone(),
            server,
            lower_case: lower_case.parse().unwrap_or(0),
            max_packet: max_packet.parse().unwrap_or(1 << 20),
            grants,
            read_only: read_only != "0" && !read_only.eq_ignore_ascii_case("off"),
            local_infile: local_infile == "1" || local_infile.eq_ignore_ascii_case("on"),
            present,
        })
    }
}

/// Connects.
pub(super) fn open(target: &Target, control: &Control<'_>) -> Result<Connection> {
    Connection::open(target, control)
}

/// The first value of a query's first row.
pub(super) fn one(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<Option<String>> {
    Ok(connection.query(sql, control)?.into_iter().next().and_then(|row| row.into_iter().next().flatten()))
}

/// Tells whether a database exists, and gives its character set and collation.
pub(super) fn database(
    there: &mut Connection,
    name: &str,
    control: &Control<'_>,
) -> Result<Option<(String, String)>> {
    let sql = format!(
        "SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA
          WHERE SCHEMA_NAME = {}",
        literal(name)
    );
    let schema = Schema::of(there, name, control)?;
    for row in there.query(&sql, control)? {
        let mut row = row.into_iter().flatten();
        let found = row.next().unwrap_or_default();
        if schema.is(&found) {
            return Ok(Some((row.next().unwrap_or_default(), row.next().unwrap_or_default())));
        }
    }
    Ok(None)
}

fn present(there: &mut Connection, name: &str, control: &Control<'_>) -> Result<Option<Present>> {
    let Some((charset, collation)) = database(there, name, control)? else { return Ok(None) };
    let objects = objects::list(there, name, control)?;
    let schema = literal(name);
    let sql = format!(
        "SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}"
    );
    let bytes = one(there, &sql, control)?.and_then(|bytes| bytes.parse().ok());
    let connections = sessions(there, name, control)?;
    let sql = format!(
        "SELECT CONCAT(CONSTRAINT_SCHEMA, '.', TABLE_NAME) FROM information_schema.REFERENTIAL_CONSTRAINTS
          WHERE UNIQUE_CONSTRAINT_SCHEMA = {schema} AND CONSTRAINT_SCHEMA <> {schema}"
    );
    let referrers = there.query(&sql, control)?.into_iter().flatten().flatten().collect();
    Ok(Some(Present {
        referrers,
        charset,
        collation,
        bytes,
        connections,
        tables: objects.iter().filter(|object| object.kind == Kind::Table).count() as u64,
        unfinished: mark(there, name, control)?.is_some_and(|mark| matches!(mark, Mark::Unfinished(_))),
        objects,
    }))
}

/// The number of sessions that use a database, this one left out, as far as this user sees them.
///
/// Asked in this way since the tables of the same name fail while a statement with characters beyond the basic plane
/// runs anywhere on a MySQL server.
pub(super) fn sessions(there: &mut Connection, name: &str, control: &Control<'_>) -> Result<u64> {
    let (own, schema) = (there.connection_id().to_string(), Schema::of(there, name, control)?);
    let rows = there.query_bytes("SHOW PROCESSLIST", control)?;
    let at = |row: &[Option<Vec<u8>>], at: usize| {
        let value = row.get(at).and_then(Option::as_deref);
        value.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
    };
    Ok(rows.iter().filter(|row| schema.is(&at(row, 3)) && at(row, 0) != own).count() as u64)
}

/// Tells whether a session is still there.
pub(super) fn has_session(there: &mut Connection, id: u64, control: &Control<'_>) -> Result<bool> {
    let (rows, id) = (there.query_bytes("SHOW PROCESSLIST", control)?, id.to_string());
    Ok(rows.iter().any(|row| row.first().and_then(Option::as_deref) == Some(id.as_bytes())))
}

/// The mark of a database, when it has one.
pub(super) fn mark(there: &mut Connection, name: &str, control: &Control<'_>) -> Result<Option<Mark>> {
    let sql = format!("SHOW TABLE STATUS FROM {} LIKE {}", identifier(name), literal(MARKER));
    for row in there.query(&sql, control)? {
        // `_` stands for any character in a pattern. The comment is the last column but those of newer versions.
        if row.first().and_then(Option::as_deref) == Some(MARKER) {
            let comment = row.iter().flatten().find_map(|value| Mark::read(value).map(|(mark, _)| mark));
            return Ok(comment);
        }
    }
    Ok(None)
}
