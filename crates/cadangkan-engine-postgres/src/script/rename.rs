//! Moves an entry's names from one schema to another.

use super::about::is_object_literal;
use super::entry::Entry;
use super::statement::Statement;

impl Entry {
    /// The entry with all names of the schema `from` in the schema `to`.
    ///
    /// Rewrites names with a schema, `SCHEMA from` wherever it stands, and strings that are names, as in
    /// `'from.x'::regclass`. Other strings, bodies of functions and a function's `SET search_path` stay as they are.
    /// Where `from` is also an alias or a table in a query, only names in places of tables, types and functions are
    /// rewritten, as `from.x` may be a column there.
    pub(crate) fn rename_schema(&self, from: &str, to: &str) -> Entry {
        let rename = Rename { from, to: &quote(to) };
        let mut entry = self.clone();
        for statement in &mut entry.statements {
            *statement = rename.statement(statement);
        }
        if entry.header.schema.as_deref() == Some(from) {
            entry.header.schema = Some(to.to_owned());
        }
        if entry.header.kind == "SCHEMA" && entry.header.name == from {
            entry.header.name = to.to_owned();
        }
        entry
    }
}

struct Rename<'r> {
    from: &'r str,
    to: &'r str,
}

impl Rename<'_> {
    fn statement(&self, text: &str) -> String {
        let statement = Statement::read(text);
        let narrow = is_query(&statement) && self.is_otherwise_used(&statement);
        let mut renamed = String::with_capacity(text.len());
        let mut copied = 0;
        for (index, token) in statement.tokens().iter().enumerate() {
            let Some(replacement) = self.replacement(&statement, index, narrow) else { continue };
            renamed.push_str(text.get(copied..token.start).unwrap_or_default());
            renamed.push_str(&replacement);
            copied = token.end;
        }
        renamed.push_str(text.get(copied..).unwrap_or_default());
        renamed
    }

    fn replacement(&self, statement: &Statement<'_>, index: usize, narrow: bool) -> Option<String> {
        if is_object_literal(statement, index) || is_schema_value(statement, index) {
            let value = statement.string_at(index)?;
            let renamed = match is_schema_value(statement, index) {
                true if value == self.from => unquote(self.to),
                true => return None,
                false => self.statement(&value),
            };
            return (renamed != value).then(|| literal(&renamed));
        }
        let found = self.is_from(statement, index)
            && (self.is_of_schema(statement, index)
                || (index > 0 && statement.is_word_at(index - 1, "SCHEMA")));
        let surely = || !narrow || is_place_of_object(statement, index);
        (found && surely()).then(|| self.to.to_owned())
    }

    fn is_from(&self, statement: &Statement<'_>, index: usize) -> bool {
        statement.identifier_at(index).is_some_and(|name| name == self.from)
    }

    /// Tells whether the name at an index is the first part of several.
    fn is_of_schema(&self, statement: &Statement<'_>, index: usize) -> bool {
        let is_first = index == 0 || !statement.is_symbol_at(index - 1, ".");
        is_first && statement.is_symbol_at(index + 1, ".")
    }

    /// Tells whether the schema's name is also that of something else here.
    fn is_otherwise_used(&self, statement: &Statement<'_>) -> bool {
        (1..statement.tokens().len()).any(|index| {
            self.is_from(statement, index)
                && !self.is_of_schema(statement, index)
                && !statement.is_word_at(index - 1, "SCHEMA")
        })
    }
}

/// Tells whether columns may be named with their table's alias in a statement.
fn is_query(statement: &Statement<'_>) -> bool {
    let words = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE"];
    (0..statement.tokens().len()).any(|index| words.iter().any(|word| statement.is_word_at(index, word)))
}

/// Tells whether a name of two parts in a query stands where a table, a type or a function must.
fn is_place_of_object(statement: &Statement<'_>, index: usize) -> bool {
    const BEFORE: [&str; 9] =
        ["JOIN", "INTO", "UPDATE", "ONLY", "VIEW", "FUNCTION", "PROCEDURE", "TO", "COLLATE"];
    let before = |word: &&str| index > 0 && statement.is_word_at(index - 1, word);
    let is_cast =
        index >= 2 && statement.is_symbol_at(index - 1, ":") && statement.is_symbol_at(index - 2, ":");
    // Three parts are a column with its table, and a call is one of a function.
    let is_longer = statement.is_symbol_at(index + 3, ".") || statement.is_symbol_at(index + 3, "(");
    // `CREATE TRIGGER … ON app.t`, `CREATE POLICY … ON app.t`: the first ON, while that of a join stands in a query.
    let is_on = before(&"ON") && !(0..index).any(|earlier| statement.is_word_at(earlier, "SELECT"));
    BEFORE.iter().any(before) || is_cast || is_longer || is_on || is_in_from(statement, index)
}

/// Tells whether a token is in the list of tables of a query: behind its FROM, before the next clause.
fn is_in_from(statement: &Statement<'_>, index: usize) -> bool {
    const CLAUSES: [&str; 10] =
        ["SELECT", "WHERE", "ON", "GROUP", "ORDER", "HAVING", "SET", "VALUES", "RETURNING", "LIMIT"];
    let is_word = |at: usize, words: &[&str]| words.iter().any(|word| statement.is_word_at(at, word));
    let mut depth = 0_usize;
    let mut from = false;
    for at in (0..index).rev() {
        match depth {
            _ if statement.is_symbol_at(at, ")") => depth += 1,
            0 if statement.is_symbol_at(at, "(") && from => return false,
            0 if from && is_word(at, &["SELECT", "DELETE", "UPDATE"]) => return true,
            0 if from => {}
            0 if statement.is_word_at(at, "FROM") => {
                from = true;
                if at > 0 && statement.is_word_at(at - 1, "DISTINCT") {
                    return false;
                }
            }
            0 if is_word(at, &CLAUSES) => return false,
            _ if statement.is_symbol_at(at, "(") => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// `'schemaname', 'public'` in what restores statistics (PostgreSQL 18).
fn is_schema_value(statement: &Statement<'_>, index: usize) -> bool {
    index >= 2
        && statement.is_symbol_at(index - 1, ",")
        && statement.string_at(index - 2).is_some_and(|key| key == "schemaname")
}

fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn unquote(quoted: &str) -> String {
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(quoted).replace("\"\"", "\"")
}

fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Header;

    fn rename(text: &str) -> String {
        let entry = Entry {
            header: Header::new("x", "TABLE", Some("app"), None),
            statements: vec![text.to_owned()],
            settings: Vec::new(),
        };
        let mut renamed = entry.rename_schema("app", "n\"ew");
        assert_eq!(renamed.header.schema.as_deref(), Some("n\"ew"));
        renamed.statements.remove(0)
    }

    #[test]
    fn rewrites_names_and_nothing_else() {
        for (text, expected) in [
            ("CREATE SCHEMA app", r#"CREATE SCHEMA "n""ew""#),
            (
                "CREATE TABLE APP.t (a \"app\".d, b public.app)",
                r#"CREATE TABLE "n""ew".t (a "n""ew".d, b public.app)"#,
            ),
            ("CREATE TABLE app.t (a app.d, app text)", r#"CREATE TABLE "n""ew".t (a "n""ew".d, app text)"#),
            (
                "SELECT 'app.t', $$app.t$$ -- app.t\n, app.f(1)",
                "SELECT 'app.t', $$app.t$$ -- app.t\n, \"n\"\"ew\".f(1)",
            ),
            ("SELECT nextval('app.s'::regclass)", r#"SELECT nextval('"n""ew".s'::regclass)"#),
            ("SELECT pg_catalog.setval('app.s', 1)", r#"SELECT pg_catalog.setval('"n""ew".s', 1)"#),
            ("GRANT USAGE ON SCHEMA app TO app", r#"GRANT USAGE ON SCHEMA "n""ew" TO app"#),
            ("SELECT app.x FROM public.app", "SELECT app.x FROM public.app"),
            ("SELECT app.x, app.f(1) FROM app.t app", r#"SELECT app.x, "n""ew".f(1) FROM "n""ew".t app"#),
            (
                "SELECT a.b, app.x FROM a, (app.t JOIN app.u app ON ((app.x = a.b))), app.v WHERE app.x IS DISTINCT FROM app.y",
                r#"SELECT a.b, app.x FROM a, ("n""ew".t JOIN "n""ew".u app ON ((app.x = a.b))), "n""ew".v WHERE app.x IS DISTINCT FROM app.y"#,
            ),
            (
                "SELECT EXTRACT(year FROM app.x), app.x::app.d FROM public.app",
                r#"SELECT EXTRACT(year FROM app.x), app.x::"n""ew".d FROM public.app"#,
            ),
            ("SELECT x.app.y, application.z", "SELECT x.app.y, application.z"),
            (
                "SELECT f('schemaname', 'app', 'relname', 'app')",
                "SELECT f('schemaname', 'n\"ew', 'relname', 'app')",
            ),
        ] {
            assert_eq!(rename(text), expected);
        }
    }
}
