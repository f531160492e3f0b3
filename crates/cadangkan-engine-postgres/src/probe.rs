//! What a server and a database say of themselves.

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result};
use cadangkan_engine::{DatabaseInfo, Scan, ServerInfo};
use cadangkan_pgwire::Connection;
use serde_json::{Map, Value, json};

use crate::catalog::{Row, one_row};

/// Facts about one database that a manifest keeps, and that a restore needs.
pub(crate) struct Facts {
    pub(crate) server: ServerInfo,
    pub(crate) position: Map<String, Value>,
    pub(crate) attributes: Map<String, Value>,
    /// Whether text is converted to UTF-8; otherwise it is taken byte by byte.
    pub(crate) utf8: bool,
}

/// Connects nothing, asks everything. Runs inside a transaction or outside.
pub(crate) fn look(connection: &mut Connection, control: &Control<'_>) -> Result<Facts> {
    let version = connection.server_version();
    let locale = match version {
        170_000.. => "d.datlocprovider, d.datlocale",
        150_000.. => "d.datlocprovider, d.daticulocale",
        _ => "'c', NULL",
    };
    let sql = format!(
        "SELECT pg_catalog.current_setting('server_version'), pg_catalog.pg_database_size(d.oid),
           (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND n.nspname <> 'information_schema'
               AND n.nspname !~ '^pg_'),
           pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, {locale},
           pg_catalog.pg_get_userbyid(d.datdba), pg_catalog.pg_is_in_recovery(),
           (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), current_user,
           (SELECT system_identifier FROM pg_catalog.pg_control_system())
         FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()"
    );
    let mut row = one_row(connection, &sql, control)?;
    let (release, size, tables) = (row.text()?, row.number()?, row.number()?);
    let (encoding, collate, ctype) = (row.text()?, row.text()?, row.text()?);
    let (provider, locale, owner) = (row.text()?, row.next(), row.text()?);
    let (standby, superuser, user) = (row.flag(), row.flag(), row.text()?);
    let system = row.next();
    let release = release.split_whitespace().next().unwrap_or_default().to_owned();
    let mut facts =
        vec![("encoding".to_owned(), encoding.clone()), ("collation".to_owned(), collate.clone())];
    facts.push(("user".to_owned(), if superuser { format!("{user} (superuser)") } else { user }));
    if standby {
        facts.push(("role".to_owned(), "standby".to_owned()));
    }
    let mut attributes = Map::from_iter([
        ("server_version_num".to_owned(), json!(version)),
        ("database_size_bytes".to_owned(), json!(size)),
        ("encoding".to_owned(), json!(encoding)),
        ("collate".to_owned(), json!(collate)),
        ("ctype".to_owned(), json!(ctype)),
        ("locale_provider".to_owned(), json!(provider)),
        ("owner".to_owned(), json!(owner)),
        ("extensions".to_owned(), names(connection, EXTENSIONS, control)?),
    ]);
    if let Some(locale) = locale {
        attributes.insert("locale".to_owned(), json!(locale));
    }
    let utf8 = !matches!(encoding.as_str(), "SQL_ASCII" | "MULE_INTERNAL");
    let mut position = position(connection, standby, control)?;
    if let Some(system) = system {
        position.insert("system_identifier".to_owned(), json!(system));
    }
    let server = ServerInfo { version: release, size_bytes: Some(size), tables: Some(tables), facts };
    Ok(Facts { server, position, attributes, utf8 })
}

/// Counts the sessions of clients that are in a statement, but for those of this program. What those of others do is hidden
/// from whoever lacks `pg_read_all_stats` (manual, 27.2.3 `pg_stat_activity`).
pub(crate) fn sessions_at_work(connection: &mut Connection, control: &Control<'_>) -> Result<u64> {
    let sql = "SELECT count(*) FILTER (WHERE backend_type = 'client backend' AND state = 'active'
             AND application_name <> 'cadangkan'),
           count(*) FILTER (WHERE usesysid IS NOT NULL AND query = '<insufficient privilege>')
         FROM pg_catalog.pg_stat_activity WHERE pid <> pg_catalog.pg_backend_pid()";
    let mut row = one_row(connection, sql, control)?;
    let (at_work, hidden) = (row.number()?, row.number()?);
    if hidden == 0 {
        return Ok(at_work);
    }
    Err(Error::new(ErrorKind::Denied, "this user may not see what other sessions do")
        .context("sessions", hidden)
        .hint("`GRANT pg_read_all_stats TO <user>` lets it"))
}

/// Looks at the whole server.
pub(crate) fn scan(connection: &mut Connection, control: &Control<'_>) -> Result<Scan> {
    let sql =
        "SELECT pg_catalog.current_setting('server_version'), current_user, pg_catalog.pg_is_in_recovery(),
         pg_catalog.current_setting('wal_level'), pg_catalog.current_setting('archive_mode'),
         (SELECT count(*) FROM pg_catalog.pg_stat_replication),
         (SELECT r.sender_host || ':' || r.sender_port FROM pg_catalog.pg_stat_wal_receiver r)";
    let mut row = one_row(connection, sql, control)?;
    let (version, user, standby) = (row.text()?, row.text()?, row.flag());
    let (level, archived, replicas) = (row.text()?, row.text()?, row.number()?);
    let role = match (standby, replicas) {
        (true, 0) => "standby",
        (true, _) => "standby, with standbys of its own",
        (false, 0) => "alone",
        (false, _) => "primary",
    };
    let mut replication = Map::from_iter([("role".to_owned(), json!(role))]);
    replication.extend(row.next().map(|source| ("source".to_owned(), json!(source))));
    if replicas > 0 {
        replication.insert("replicas".to_owned(), json!(replicas));
    }
    replication.insert("wal_level".to_owned(), json!(level));
    replication.insert("archive_mode".to_owned(), json!(archived));
    let version = version.split_whitespace().next().unwrap_or_default().to_owned();
    let server = ServerInfo { version, facts: vec![("user".to_owned(), user)], ..ServerInfo::default() };
    Ok(Scan { server, replication, databases: databases(connection, control)? })
}

/// Lists the databases that one can connect to, with their sizes where this user may know them.
pub(crate) fn databases(connection: &mut Connection, control: &Control<'_>) -> Result<Vec<DatabaseInfo>> {
    let sql = "SELECT d.datname,
         CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') THEN pg_catalog.pg_database_size(d.oid) END
       FROM pg_catalog.pg_database d WHERE d.datallowconn AND NOT d.datistemplate ORDER BY d.datname COLLATE \"C\"";
    let database = |row: Vec<Option<String>>| {
        let mut row = Row(row.into_iter());
        let (name, size) = (row.text()?, row.next());
        let size_bytes = size.and_then(|size| size.parse().ok());
        Ok(DatabaseInfo { name, size_bytes, ..DatabaseInfo::default() })
    };
    connection.query(sql, control)?.into_iter().map(database).collect()
}

/// Where in the write-ahead log the server is.
fn position(connection: &mut Connection, standby: bool, control: &Control<'_>) -> Result<Map<String, Value>> {
    let sql = if standby {
        "SELECT pg_catalog.pg_last_wal_replay_lsn(), NULL"
    } else {
        "SELECT l, pg_catalog.left(pg_catalog.pg_walfile_name(l), 8)
           FROM pg_catalog.pg_current_wal_insert_lsn() AS l"
    };
    let mut row = one_row(connection, sql, control)?;
    let mut position = Map::new();
    if let Some(lsn) = row.next() {
        position.insert("lsn".to_owned(), json!(lsn));
    }
    // A log file's name begins with the timeline in hexadecimal.
    if let Some(timeline) = row.next().and_then(|digits| u32::from_str_radix(&digits, 16).ok()) {
        position.insert("timeline".to_owned(), json!(timeline));
    }
    Ok(position)
}

const EXTENSIONS: &str =
    "SELECT e.extname FROM pg_catalog.pg_extension e WHERE e.extname <> 'plpgsql' ORDER BY 1";

/// The roles that own things of this database or are granted privileges on them (manual, pg_shdepend).
pub(crate) const ROLES: &str = "SELECT DISTINCT r.rolname FROM pg_catalog.pg_shdepend s
   JOIN pg_catalog.pg_roles r ON r.oid = s.refobjid
  WHERE s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass
    AND s.dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  ORDER BY 1";

/// The roles to which the definitions of this database give things: not what belongs to the server or to extensions.
pub(crate) const OWNERS: &str = "SELECT DISTINCT pg_catalog.pg_get_userbyid(o.owner) FROM (
      SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS class, oid, relowner AS owner
        FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relpersistence <> 't'
      UNION ALL SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass, oid, proowner FROM pg_catalog.pg_proc
      UNION ALL SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, oid, typowner FROM pg_catalog.pg_type WHERE typrelid = 0
      UNION ALL SELECT 'pg_catalog.pg_namespace'::pg_catalog.regclass, oid, nspowner
        FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_') o
  WHERE o.oid >= 16384
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid AND d.deptype = 'e')
  ORDER BY 1";

/// The tablespaces, other than the default ones, that things of this database lie in: name, owner, folder, options,
/// comment, and who but the owner may use them; no role is everyone.
pub(crate) fn tablespaces(connection: &mut Connection, control: &Control<'_>) -> Result<Value> {
    let sql =
        "SELECT t.spcname, pg_catalog.pg_get_userbyid(t.spcowner), pg_catalog.pg_tablespace_location(t.oid),
         pg_catalog.array_to_string(t.spcoptions, ', '), pg_catalog.shobj_description(t.oid, 'pg_tablespace'),
         (SELECT pg_catalog.json_agg(pg_catalog.json_build_object('role',
              CASE WHEN a.grantee <> 0 THEN pg_catalog.pg_get_userbyid(a.grantee) END, 'grantable', a.is_grantable))
            FROM pg_catalog.aclexplode(t.spcacl) a WHERE a.grantee <> t.spcowner)
       FROM pg_catalog.pg_tablespace t
      WHERE t.oid IN (SELECT reltablespace FROM pg_catalog.pg_class) AND t.spcname !~ '^pg_' ORDER BY 1";
    let rows = connection.query(sql, control)?.into_iter().map(|row| -> Result<Value> {
        let mut row = Row(row.into_iter());
        let (name, owner, location) = (row.text()?, row.text()?, row.text()?);
        let (options, comment) = (row.next(), row.next());
        let grants =
            row.next().and_then(|grants| serde_json::from_str(&grants).ok()).unwrap_or_else(|| json!([]));
        Ok(json!({
            "name": name, "owner": owner, "location": location, "options": options, "comment": comment,
            "grants": grants,
        }))
    });
    rows.collect()
}

/// Runs a query that gives one column, as a list.
pub(crate) fn names(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<Value> {
    let rows = connection.query(sql, control)?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect::<Vec<_>>().into())
}

/// The object under which an archive keeps definitions.
pub(crate) fn definitions() -> ObjectName {
    ObjectName::new("definitions")
}
