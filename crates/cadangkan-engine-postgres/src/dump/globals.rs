//! What belongs to the whole server: roles, with what they are members of, their settings, and what they may set.

use cadangkan_core::{Control, Result};
use cadangkan_pgwire::{Connection, server_error};

/// Writes statements that make the server's roles where they are missing and give them their attributes.
///
/// Password hashes are in it where this user may read them (`pg_authid`), which takes a superuser.
pub(super) fn script(connection: &mut Connection, control: &Control<'_>) -> Result<Vec<Vec<u8>>> {
    // A failed statement would end the coordinator's transaction, and with it the snapshot.
    connection.execute("SAVEPOINT globals", control)?;
    let roles = match connection.query(&roles("pg_authid", "r.rolpassword"), control) {
        Ok(rows) => rows,
        Err(error) if server_error(&error).is_some_and(|server| server.code == "42501") => {
            connection.execute("ROLLBACK TO SAVEPOINT globals", control)?;
            connection.query(&roles("pg_roles", "NULL::pg_catalog.text"), control)?
        }
        Err(error) => return Err(error),
    };
    let version = connection.server_version();
    let members =
        connection.query(if version >= OPTIONS_SINCE { MEMBERS_WITH_OPTIONS } else { MEMBERS }, control)?;
    let settings = connection.query(SETTINGS, control)?;
    let parameters =
        if version >= PARAMETERS_SINCE { connection.query(PARAMETERS, control)? } else { Vec::new() };
    let mut text = String::from("--\n-- Name: ROLES; Type: GLOBALS; Schema: -; Owner: -\n--\n\n");
    for row in roles.into_iter().chain(members).chain(settings).chain(parameters) {
        for statement in row.into_iter().flatten() {
            text.push_str(&statement);
            text.push_str(";\n");
        }
    }
    text.push_str("\n\n");
    Ok(vec![text.into_bytes()])
}

fn roles(source: &str, password: &str) -> String {
    format!(
        "SELECT pg_catalog.format('DO $role$BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = %L) THEN CREATE ROLE %I; END IF; END$role$', r.rolname, r.rolname),
           pg_catalog.format('ALTER ROLE %I WITH %s %s %s %s %s %s %s CONNECTION LIMIT %s', r.rolname,
             CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'NOSUPERUSER' END,
             CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END,
             CASE WHEN rolcreaterole THEN 'CREATEROLE' ELSE 'NOCREATEROLE' END,
             CASE WHEN rolcreatedb THEN 'CREATEDB' ELSE 'NOCREATEDB' END,
             CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END,
             CASE WHEN rolreplication THEN 'REPLICATION' ELSE 'NOREPLICATION' END,
             CASE WHEN rolbypassrls THEN 'BYPASSRLS' ELSE 'NOBYPASSRLS' END, rolconnlimit)
             || coalesce(' PASSWORD ' || pg_catalog.quote_literal({password}), '')
             || coalesce(' VALID UNTIL ' || pg_catalog.quote_literal(rolvaliduntil::pg_catalog.text), ''),
           pg_catalog.format('COMMENT ON ROLE %I IS %L', r.rolname, pg_catalog.shobj_description(r.oid, 'pg_authid'))
         FROM pg_catalog.{source} r
         WHERE r.rolname !~ '^pg_' AND r.rolname <> 'postgres' AND r.rolname !~ '[$]role[$]'
         ORDER BY r.rolname COLLATE \"C\""
    )
}

const MEMBERS: &str = "SELECT pg_catalog.format('GRANT %I TO %I%s', g.rolname, m.rolname,
      CASE WHEN a.admin_option THEN ' WITH ADMIN OPTION' ELSE '' END)
   FROM pg_catalog.pg_auth_members a
   JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
   JOIN pg_catalog.pg_roles m ON m.oid = a.member
  WHERE m.rolname !~ '^pg_'
  ORDER BY 1";

/// From this version on a membership has options of its own and belongs to whom it was granted by.
const OPTIONS_SINCE: u32 = 160_000;

/// Options are written where they are not what a plain GRANT gives, so that older servers take it too. Whoever passes
/// a role on needs the option to do so before: the server's first role has it always.
const MEMBERS_WITH_OPTIONS: &str = "WITH RECURSIVE granted (roleid, member, grantor, turn) AS (
      SELECT roleid, member, grantor, 0 FROM pg_catalog.pg_auth_members WHERE grantor = 10
      UNION ALL
      SELECT a.roleid, a.member, a.grantor, g.turn + 1
        FROM pg_catalog.pg_auth_members a
        JOIN granted g ON g.roleid = a.roleid AND g.member = a.grantor
        JOIN pg_catalog.pg_auth_members m
          ON m.roleid = g.roleid AND m.member = g.member AND m.grantor = g.grantor AND m.admin_option
       WHERE g.turn < 100)
   SELECT pg_catalog.format('GRANT %I TO %I%s%s', g.rolname, m.rolname,
      ' WITH ' || nullif(pg_catalog.concat_ws(', ', CASE WHEN a.admin_option THEN 'ADMIN OPTION' END,
        CASE WHEN a.inherit_option <> m.rolinherit THEN CASE WHEN a.inherit_option THEN 'INHERIT TRUE' ELSE 'INHERIT FALSE' END END,
        CASE WHEN NOT a.set_option THEN 'SET FALSE' END), ''),
      CASE WHEN a.grantor <> 10 THEN pg_catalog.format(' GRANTED BY %I', pg_catalog.pg_get_userbyid(a.grantor)) END)
   FROM pg_catalog.pg_auth_members a
   JOIN pg_catalog.pg_roles g ON g.oid = a.roleid
   JOIN pg_catalog.pg_roles m ON m.oid = a.member
  WHERE m.rolname !~ '^pg_'
  ORDER BY (SELECT min(t.turn) FROM granted t WHERE t.roleid = a.roleid AND t.member = a.member AND t.grantor = a.grantor), 1";

/// Those of single roles, and those of all.
const SETTINGS: &str = "SELECT pg_catalog.format('ALTER ROLE %s SET %I TO %s', coalesce(pg_catalog.quote_ident(r.rolname), 'ALL'),
      pg_catalog.split_part(u.setting, '=', 1),
      CASE WHEN pg_catalog.split_part(u.setting, '=', 1) IN ('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries')
           THEN pg_catalog.substr(u.setting, pg_catalog.strpos(u.setting, '=') + 1)
           ELSE pg_catalog.quote_literal(pg_catalog.substr(u.setting, pg_catalog.strpos(u.setting, '=') + 1)) END)
   FROM pg_catalog.pg_db_role_setting s
   CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS u(setting, place)
   LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
  WHERE s.setdatabase = 0
  ORDER BY r.rolname COLLATE \"C\", u.place";

/// From this version on roles may be let set what else takes a superuser.
const PARAMETERS_SINCE: u32 = 150_000;

const PARAMETERS: &str = "SELECT pg_catalog.format('GRANT %s ON PARAMETER %I TO %s%s', a.privilege_type, p.parname,
      CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
      CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
   FROM pg_catalog.pg_parameter_acl p CROSS JOIN LATERAL pg_catalog.aclexplode(p.paracl) a
  WHERE a.grantee <> 10
  ORDER BY 1";
