//! What belongs to the database itself: its settings, its comment, who may connect.

use cadangkan_core::{Control, Result, Selection};
use cadangkan_pgwire::{Connection, identifier, literal};

use crate::catalog::Row;

/// Settings whose value is a list of names, each of them quoted on its own (PostgreSQL's GUC_LIST_QUOTE).
const LISTS: &[&str] = &[
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

/// Writes statements that give another database the properties of this one. They name no database, so that they
/// work in whichever they are run.
pub(super) fn script(
    connection: &mut Connection,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<String> {
    if selection.is_of_tables() || selection.data_only {
        return Ok(String::new());
    }
    let mut text = String::new();
    let settings: Vec<_> = connection
        .query(SETTINGS, control)?
        .into_iter()
        .map(|row| setting(&mut Row(row.into_iter())))
        .collect::<Result<_>>()?;
    push(&mut text, "DATABASE PROPERTIES", &settings);
    let comments = connection.query(COMMENT, control)?;
    let comments: Vec<_> = comments
        .into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .map(|comment| execute(&format!("COMMENT ON DATABASE %I IS {}", format_literal(&comment))))
        .collect();
    push(&mut text, "DATABASE COMMENT", &comments);
    let grants: Vec<_> = connection
        .query(GRANTS, control)?
        .into_iter()
        .map(|row| grant(&mut Row(row.into_iter())))
        .collect::<Result<_>>()?;
    if !grants.is_empty() {
        let mut all = vec![execute("REVOKE ALL ON DATABASE %I FROM PUBLIC")];
        all.extend(grants);
        push(&mut text, "DATABASE ACL", &all);
    }
    Ok(text)
}

const SETTINGS: &str = "SELECT r.rolname, u.setting
   FROM pg_catalog.pg_db_role_setting s
   CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH ORDINALITY AS u(setting, place)
   LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
  WHERE s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
  ORDER BY r.rolname COLLATE \"C\" NULLS FIRST, u.place";

const COMMENT: &str =
    "SELECT pg_catalog.shobj_description(d.oid, 'pg_database') FROM pg_catalog.pg_database d
  WHERE d.datname = pg_catalog.current_database()";

const GRANTS: &str =
    "SELECT CASE WHEN a.grantee = 0 THEN NULL ELSE pg_catalog.pg_get_userbyid(a.grantee) END,
    a.privilege_type, a.is_grantable
  FROM pg_catalog.pg_database d CROSS JOIN LATERAL pg_catalog.aclexplode(d.datacl) a
  WHERE d.datname = pg_catalog.current_database() AND d.datacl IS NOT NULL AND a.grantee <> d.datdba
  ORDER BY 1 NULLS FIRST, 2";

/// `ALTER DATABASE … SET`, or `ALTER ROLE … IN DATABASE … SET`.
fn setting(row: &mut Row) -> Result<String> {
    let (role, setting) = (row.next(), row.text()?);
    let (name, value) = setting.split_once('=').unwrap_or((&setting, ""));
    let value = if LISTS.contains(&name) {
        let parts: Vec<_> = split_names(value).iter().map(|part| literal(part)).collect();
        if parts.is_empty() { "''".to_owned() } else { parts.join(", ") }
    } else {
        literal(value)
    };
    let set = format!("SET {} TO {value}", identifier(name)).replace('%', "%%");
    Ok(execute(&match role {
        Some(role) => format!("ALTER ROLE {} IN DATABASE %I {set}", identifier(&role).replace('%', "%%")),
        None => format!("ALTER DATABASE %I {set}"),
    }))
}

fn grant(row: &mut Row) -> Result<String> {
    let (grantee, privilege, grantable) = (row.next(), row.text()?, row.flag());
    let to = grantee.map_or_else(|| "PUBLIC".to_owned(), |role| identifier(&role).replace('%', "%%"));
    let option = if grantable { " WITH GRANT OPTION" } else { "" };
    Ok(execute(&format!("GRANT {privilege} ON DATABASE %I TO {to}{option}")))
}

/// Makes a statement that runs `template`, a format string, with the present database's name for `%I`.
fn execute(template: &str) -> String {
    let template = literal(template);
    let body = format!("BEGIN EXECUTE pg_catalog.format({template}, pg_catalog.current_database()); END");
    let mut tag = "database".to_owned();
    while body.contains(&format!("${tag}$")) {
        tag.push('_');
    }
    format!("DO ${tag}${body}${tag}$;\n")
}

fn format_literal(text: &str) -> String {
    literal(text).replace('%', "%%")
}

fn push(text: &mut String, kind: &str, statements: &[String]) {
    if !statements.is_empty() {
        text.push_str(&format!("--\n-- Name: {kind}; Type: {kind}; Schema: -; Owner: -\n--\n\n"));
        text.push_str(&statements.concat());
        text.push_str("\n\n");
    }
}

/// Splits `"$user", public` as the server does: names in double quotes as they are.
fn split_names(text: &str) -> Vec<String> {
    let (mut names, mut name, mut quoted) = (Vec::new(), String::new(), false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                name.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => names.push(std::mem::take(&mut name)),
            other if !quoted && other.is_whitespace() => {}
            other => name.push(other),
        }
    }
    if !name.is_empty() || !names.is_empty() {
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_split_as_the_server_does() {
        assert_eq!(split_names("\"$user\", public"), ["$user", "public"]);
        assert_eq!(split_names("\"a, b\",\"c\"\"d\""), ["a, b", "c\"d"]);
        assert!(split_names("").is_empty());
    }

    #[test]
    fn a_body_never_ends_its_own_quotes() {
        let statement = execute("COMMENT ON DATABASE %I IS '$database$'");
        assert!(
            statement.starts_with("DO $database_$") && statement.ends_with("$database_$;\n"),
            "{statement}"
        );
    }
}
