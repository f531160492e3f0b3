//! What is known of the target before anything is touched.

use std::time::Duration;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_pgwire::{Connection, Target, literal, server_error};

use super::objects::{self, Object};
use crate::catalog::{Row, one_row};
use crate::view::supported;

/// A server with the database that is restored into.
#[derive(Clone)]
pub(super) struct Look {
    /// The database itself.
    pub(super) target: Target,
    /// Another database, from which this one can be made, renamed and dropped.
    pub(super) maintenance: Target,
    /// The server's version: 150018.
    pub(super) version: u32,
    /// The role that restores.
    pub(super) user: String,
    /// Whether it may do everything.
    pub(super) superuser: bool,
    /// Whether it may make databases.
    pub(super) createdb: bool,
    /// What the database is now; none when there is none.
    pub(super) present: Option<Present>,
}

/// A database that is there.
#[derive(Clone)]
pub(super) struct Present {
    pub(super) owner: String,
    /// Whether the role that restores is its owner, or a member of it.
    pub(super) owned: bool,
    pub(super) encoding: String,
    pub(super) collate: String,
    pub(super) bytes: Option<u64>,
    /// Sessions that use it, this one left out.
    pub(super) connections: u64,
    pub(super) tables: u64,
    pub(super) large_objects: bool,
    /// What users made in it, schemas and extensions left out.
    pub(super) objects: Vec<Object>,
    /// Whether it has default privileges of its own.
    pub(super) default_privileges: bool,
    /// Whether triggers and foreign keys can be switched off for a session.
    pub(super) replica: bool,
}

impl Present {
    /// Tells whether nothing was made in it yet. Empty schemas and extensions do not count: hosts prepare them.
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && !self.large_objects
    }
}

impl Look {
    /// Looks at the server and at the database.
    pub(super) fn at(target: &Target, control: &Control<'_>) -> Result<Look> {
        let mut here = match open(target, control) {
            Ok(connection) => Some(connection),
            Err(error) if code(&error) == Some("3D000") => None,
            Err(error) => return Err(error),
        };
        let maintenance = maintenance(target, control)?;
        let mut there = open(&maintenance, control)?;
        let version = supported(there.server_version())?;
        let sql = "SELECT current_user, r.rolsuper, r.rolcreatedb, pg_catalog.pg_is_in_recovery()
                     FROM pg_catalog.pg_roles r WHERE r.rolname = current_user";
        let mut row = one_row(&mut there, sql, control)?;
        let (user, superuser, createdb) = (row.text()?, row.flag(), row.flag());
        if row.flag() {
            return Err(Error::new(
                ErrorKind::Denied,
                "the server is a standby: nothing can be written to it",
            )
            .context("host", target.host())
            .hint("restore to its primary server"));
        }
        let present = match &mut here {
            Some(here) => Some(present(here, &mut there, target.database(), control)?),
            None => None,
        };
        let (target, createdb) = (target.clone(), createdb || superuser);
        Ok(Look { target, maintenance, version, user, superuser, createdb, present })
    }

    /// A database of the same server to work on others from.
    pub(super) fn maintenance_of(target: &Target, control: &Control<'_>) -> Result<Target> {
        maintenance(target, control)
    }

    /// The database's name.
    pub(super) fn name(&self) -> &str {
        self.target.database()
    }
}

/// Opens a connection for work on databases as wholes, or for a look.
pub(super) fn open(target: &Target, control: &Control<'_>) -> Result<Connection> {
    let mut connection = Connection::open(target, control)?;
    // A commit that waits for a standby that is away would never end.
    connection.execute(
        "SET search_path = ''; SET statement_timeout = 0; SET default_transaction_read_only = off;
         SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '60s'; SET synchronous_commit = local;
         SET client_min_messages = warning; SET standard_conforming_strings = on",
        control,
    )?;
    connection.set_silence(None::<Duration>);
    Ok(connection)
}

/// The SQLSTATE of an error of the server.
pub(super) fn code(error: &Error) -> Option<&str> {
    server_error(error).map(|error| error.code.as_str())
}

/// Finds a database other than the target that lets this user in; the target itself when there is none.
fn maintenance(target: &Target, control: &Control<'_>) -> Result<Target> {
    for name in ["postgres", "template1"].into_iter().filter(|name| *name != target.database()) {
        let candidate = target.with_database(name);
        match Connection::open(&candidate, control) {
            Ok(_) => return Ok(candidate),
            // Missing, closed to this user, or closed to everybody.
            Err(error) if matches!(code(&error), Some("3D000" | "28000" | "42501" | "55000" | "28P01")) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(target.clone())
}

fn present(
    here: &mut Connection,
    there: &mut Connection,
    name: &str,
    control: &Control<'_>,
) -> Result<Present> {
    let sql = format!(
        "SELECT pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_has_role(d.datdba, 'MEMBER'),
           pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate,
           CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') THEN pg_catalog.pg_database_size(d.oid) END,
           (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid AND a.pid <> {} AND a.pid <> {})
         FROM pg_catalog.pg_database d WHERE d.datname = {}",
        here.backend_pid(),
        there.backend_pid(),
        literal(name)
    );
    let mut row = one_row(there, &sql, control)?;
    let (owner, owned, encoding, collate) = (row.text()?, row.flag(), row.text()?, row.text()?);
    let (bytes, connections) = (row.next().and_then(|bytes| bytes.parse().ok()), row.number()?);
    let objects = objects::list(here, control)?;
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata),
                      EXISTS (SELECT FROM pg_catalog.pg_default_acl)";
    let mut row = one_row(here, sql, control)?;
    let (large_objects, default_privileges) = (row.flag(), row.flag());
    Ok(Present {
        owner,
        owned,
        encoding,
        collate,
        bytes,
        connections,
        tables: objects.iter().filter(|object| object.kind == "table").count() as u64,
        large_objects,
        default_privileges,
        objects: objects.into_iter().filter(|object| !object.is_container()).collect(),
        replica: here.execute("SET session_replication_role = replica", control).is_ok(),
    })
}

/// Runs a query and gives its first column.
pub(super) fn column(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<Vec<String>> {
    let rows = connection.query(sql, control)?;
    rows.into_iter().map(|row| Row(row.into_iter()).text()).collect()
}
