//! What a database has besides its content, carried over to the one that takes its place.

use cadangkan_core::{Control, Result};
use cadangkan_pgwire::{Connection, identifier, literal};

use super::look::column;
use crate::catalog::one_row;

/// Statements that give another database the properties of one: each is a template for the server's `format`, with
/// the database's name as `%1$I`.
#[derive(Clone, Debug, Default)]
pub(super) struct Properties {
    templates: Vec<String>,
    /// Whether new sessions are let in.
    pub(super) allows_connections: bool,
}

/// Values are quoted by the server, so that the session's settings do not matter. A setting that is a list of names
/// is kept by the server in the form in which it is written (PostgreSQL's GUC_LIST_QUOTE).
const TEMPLATES: &str = "
  SELECT t FROM (
    SELECT 1 AS turn, pg_catalog.format('ALTER DATABASE %%1$I CONNECTION LIMIT %s', d.datconnlimit) AS t
      FROM pg_catalog.pg_database d WHERE d.datname = $NAME AND d.datconnlimit >= -1
    UNION ALL
    SELECT 2, pg_catalog.format('ALTER DATABASE %%1$I IS_TEMPLATE true')
      FROM pg_catalog.pg_database d WHERE d.datname = $NAME AND d.datistemplate
    UNION ALL
    SELECT 3, 'REVOKE ALL ON DATABASE %1$I FROM PUBLIC'
      FROM pg_catalog.pg_database d WHERE d.datname = $NAME AND d.datacl IS NOT NULL
    UNION ALL
    SELECT 4, pg_catalog.format('GRANT %s ON DATABASE %%1$I TO %s%s', a.privilege_type,
              CASE WHEN a.grantee = 0 THEN 'PUBLIC'
                   ELSE pg_catalog.replace(pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)), '%', '%%') END,
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
      FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a
     WHERE d.datname = $NAME AND a.grantee <> d.datdba
    UNION ALL
    SELECT 5, pg_catalog.format('ALTER %s SET %s TO %s',
              CASE WHEN r.rolname IS NULL THEN 'DATABASE %1$I'
                   ELSE 'ROLE ' || pg_catalog.replace(pg_catalog.quote_ident(r.rolname), '%', '%%') || ' IN DATABASE %1$I' END,
              pg_catalog.replace(pg_catalog.quote_ident(pg_catalog.split_part(u.setting, '=', 1)), '%', '%%'),
              pg_catalog.replace(
                CASE WHEN pg_catalog.split_part(u.setting, '=', 1) IN ('local_preload_libraries', 'search_path',
                          'session_preload_libraries', 'temp_tablespaces')
                          AND u.setting !~ '=$'
                     THEN pg_catalog.substr(u.setting, pg_catalog.strpos(u.setting, '=') + 1)
                     ELSE pg_catalog.quote_literal(pg_catalog.substr(u.setting, pg_catalog.strpos(u.setting, '=') + 1)) END,
                '%', '%%'))
      FROM pg_catalog.pg_db_role_setting s
      JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase AND d.datname = $NAME
      CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) AS u(setting)
      LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
     WHERE s.setrole = 0 OR r.rolname IS NOT NULL
  ) all_of_them ORDER BY turn, t";

impl Properties {
    /// Reads the properties of a database.
    pub(super) fn of(there: &mut Connection, name: &str, control: &Control<'_>) -> Result<Properties> {
        let templates = column(there, &TEMPLATES.replace("$NAME", &literal(name)), control)?;
        let sql =
            format!("SELECT datallowconn FROM pg_catalog.pg_database WHERE datname = {}", literal(name));
        Ok(Properties { templates, allows_connections: one_row(there, &sql, control)?.flag() })
    }

    /// Gives them to another database; returns what could not be given.
    pub(super) fn give_to(
        &self,
        there: &mut Connection,
        name: &str,
        control: &Control<'_>,
    ) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        for template in &self.templates {
            let statement = filled(template, name);
            if let Err(error) = there.execute(&statement, control) {
                if there.is_broken() || control.check().is_err() {
                    return Err(error);
                }
                warnings.push(format!(
                    "a property of the old database was not carried over: {statement}: {error}"
                ));
            }
        }
        Ok(warnings)
    }
}

/// Puts the name in, and undoes the doubling of percent signs.
fn filled(template: &str, name: &str) -> String {
    let (mut statement, mut rest) = (String::new(), template);
    while let Some((before, after)) = rest.split_once('%') {
        statement.push_str(before);
        match after.strip_prefix("1$I") {
            Some(after) => {
                statement.push_str(&identifier(name));
                rest = after;
            }
            None => {
                statement.push('%');
                rest = after.strip_prefix('%').unwrap_or(after);
            }
        }
    }
    statement + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_percent_signs_come_through() {
        let statement = filled("ALTER DATABASE %1$I SET application_name TO '100%% %%1$I'", "a%1$I\"");
        assert_eq!(statement, "ALTER DATABASE \"a%1$I\"\"\" SET application_name TO '100% %1$I'");
    }
}
