//! What is left of the backup's entries when wishes of the request are applied.

use cadangkan_engine::LoadOptions;

use crate::script::Entry;

/// Changes to entries before they are run.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) options: LoadOptions,
    pub(super) missing_tablespaces: Vec<String>,
}

impl Filter {
    /// Leaves out and rewrites what was asked for.
    pub(super) fn apply(&self, entries: Vec<Entry>) -> Vec<Entry> {
        entries
            .into_iter()
            .filter(|entry| !self.is_left_out(entry))
            .map(|entry| self.rewrite(entry))
            .collect()
    }

    fn is_left_out(&self, entry: &Entry) -> bool {
        let is_privileges = entry.is_privileges() || entry.header.kind == "DATABASE ACL";
        self.options.no_privileges && is_privileges
    }

    fn rewrite(&self, entry: Entry) -> Entry {
        let mut entry = if self.options.no_owner { entry.without_owner() } else { entry };
        for (from, to) in &self.options.rename_schemas {
            entry = entry.rename_schema(from, to);
        }
        if entry.header.kind == "SCHEMA" {
            entry.statements.iter_mut().for_each(create_if_missing);
        }
        entry.settings.retain(|setting| !self.is_missing_tablespace(setting));
        entry
    }

    /// Tells whether a statement is `SET default_tablespace` to one that this server does not have.
    fn is_missing_tablespace(&self, setting: &str) -> bool {
        let Some((_, name)) =
            setting.strip_prefix("SET default_tablespace").and_then(|rest| rest.split_once('='))
        else {
            return false;
        };
        let name = name.trim();
        let plain = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
        let name = plain.map_or_else(|| name.to_owned(), |name| name.replace("\"\"", "\""));
        self.missing_tablespaces.contains(&name)
    }
}

/// Tells whether an entry gives the database itself something: settings, a comment, privileges.
pub(super) fn is_of_database(entry: &Entry) -> bool {
    matches!(entry.header.kind.as_str(), "DATABASE PROPERTIES" | "DATABASE COMMENT" | "DATABASE ACL")
}

/// Schemas such as `public` are there before anything is restored.
fn create_if_missing(statement: &mut String) {
    if let Some(name) =
        statement.strip_prefix("CREATE SCHEMA ").filter(|name| !name.starts_with("IF NOT EXISTS"))
    {
        *statement = format!("CREATE SCHEMA IF NOT EXISTS {name}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Header;

    fn entry(kind: &str, statement: &str) -> Entry {
        Entry {
            header: Header::new("x", kind, None, None),
            statements: vec![statement.to_owned()],
            settings: vec![
                "SET default_tablespace = \"fa\"\"st\"".to_owned(),
                "SET default_tablespace = ''".to_owned(),
            ],
        }
    }

    #[test]
    fn wishes_are_applied() {
        let filter = Filter {
            options: LoadOptions { no_privileges: true, ..LoadOptions::default() },
            missing_tablespaces: vec!["fa\"st".to_owned()],
        };
        let entries = ["ACL", "DEFAULT ACL", "ACL LARGE OBJECTS", "DATABASE ACL", "SCHEMA"];
        let left = filter.apply(entries.map(|kind| entry(kind, "CREATE SCHEMA s")).into());
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].statements, ["CREATE SCHEMA IF NOT EXISTS s"]);
        assert_eq!(left[0].settings, ["SET default_tablespace = ''"]);
    }
}
