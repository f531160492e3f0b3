//! How what an entry makes is dropped, before it is made again.

use super::about::owned;
use super::entry::Entry;
use super::statement::Statement;
use super::subject::{Action, RELATIONS, Subject};

impl Entry {
    /// The statement that drops what the entry makes, without `;`.
    ///
    /// It does nothing where the object is not there, and never takes along what depends on it. None for what goes
    /// with another object: comments, privileges, identity columns, constraints of domains, attached partitions.
    pub(crate) fn drop_statement(&self) -> Option<String> {
        let text = self.statements.iter().find(|text| Subject::read(&Statement::read(text)).is_some())?;
        let statement = Statement::read(text);
        let subject = Subject::read(&statement)?;
        let (kind, name, on) = (subject.kind, subject.name_text, subject.table_text);
        match (subject.action, kind) {
            (Action::Change, "DEFAULT") => {
                Some(format!("ALTER TABLE IF EXISTS ONLY {on} ALTER COLUMN {name} DROP DEFAULT"))
            }
            (Action::Make, "CONSTRAINT") => {
                Some(format!("ALTER TABLE IF EXISTS ONLY {on} DROP CONSTRAINT IF EXISTS {name}"))
            }
            (Action::Make, "TRIGGER" | "POLICY" | "RULE") => {
                Some(format!("DROP {kind} IF EXISTS {name} ON {on}"))
            }
            (Action::Make, "INDEX") => Some(format!("DROP INDEX IF EXISTS {}", beside(on, name))),
            (Action::Make, "CAST" | "TRANSFORM" | "USER MAPPING") => unnamed(&statement, kind),
            (Action::Make, "IDENTITY") => None,
            (Action::Make, kind) if RELATIONS.contains(&kind) => {
                Some(format!("DROP {kind} IF EXISTS {name}"))
            }
            (
                Action::Make,
                "FUNCTION" | "PROCEDURE" | "AGGREGATE" | "OPERATOR" | "OPERATOR CLASS" | "OPERATOR FAMILY",
            ) => self.drop_by_owner().or_else(|| routine(&statement, kind, name)),
            (Action::Make, kind) if !name.is_empty() => Some(format!("DROP {kind} IF EXISTS {name}")),
            _ => None,
        }
    }

    /// The statement that sets the owner says kind and identity, with a function's types and an operator's operands.
    fn drop_by_owner(&self) -> Option<String> {
        self.statements.iter().find_map(|text| {
            let owned = owned(&Statement::read(text))?;
            let kinds =
                ["OPERATOR CLASS ", "OPERATOR FAMILY ", "OPERATOR ", "FUNCTION ", "PROCEDURE ", "AGGREGATE "];
            let kind = kinds.into_iter().find(|kind| owned.starts_with(kind))?;
            Some(format!("DROP {kind}IF EXISTS {}", owned.strip_prefix(kind)?))
        })
    }
}

/// An index has the schema of its table, and its own statement does not say so.
fn beside(table: &str, name: &str) -> String {
    let statement = Statement::read(table);
    let mut cursor = statement.cursor();
    match (cursor.identifier(), cursor.is_symbol(".")) {
        (Some(_), true) => format!("{}.{name}", cursor.text_from(0)),
        _ => name.to_owned(),
    }
}

/// `CAST (a AS b)`, `TRANSFORM FOR a LANGUAGE b`, `USER MAPPING FOR a SERVER b`.
fn unnamed(statement: &Statement<'_>, kind: &str) -> Option<String> {
    let mut cursor = statement.cursor();
    while !cursor.take_words(kind) {
        if cursor.is_at_end() {
            return None;
        }
        cursor.skip();
    }
    let from = cursor.index();
    match kind {
        "CAST" => cursor.skip_parentheses().then_some(())?,
        _ => {
            let mark = if kind == "TRANSFORM" { "LANGUAGE" } else { "SERVER" };
            cursor.find_word(mark).then(|| cursor.identifier()).flatten()?;
        }
    }
    Some(format!("DROP {kind} IF EXISTS {}", cursor.text_from(from)))
}

/// A routine whose owner is not set: its arguments as they stand, without defaults, which DROP does not take.
fn routine(statement: &Statement<'_>, kind: &str, name: &str) -> Option<String> {
    let mut cursor = statement.cursor();
    while !cursor.is_symbol("(") {
        if cursor.is_at_end() {
            return None;
        }
        cursor.skip();
    }
    cursor.skip();
    let mut arguments = Vec::new();
    while !cursor.is_at_end() && !cursor.is_symbol(")") {
        let from = cursor.index();
        let mut argument = None;
        while !cursor.is_at_end() && !cursor.is_symbol(",") && !cursor.is_symbol(")") {
            if argument.is_none() && (cursor.is_word("DEFAULT") || cursor.is_symbol("=")) {
                argument = Some(cursor.text_from(from));
            }
            if !cursor.skip_parentheses() {
                cursor.skip();
            }
        }
        arguments.push(argument.unwrap_or_else(|| cursor.text_from(from)));
        cursor.take_symbol(",");
    }
    matches!(kind, "FUNCTION" | "PROCEDURE" | "AGGREGATE")
        .then(|| format!("DROP {kind} IF EXISTS {name}({})", arguments.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Header;

    fn drop(statements: &[&str]) -> Option<String> {
        let statements = statements.iter().map(|text| (*text).to_owned()).collect();
        Entry { header: Header::new("x", "X", None, None), statements, settings: Vec::new() }.drop_statement()
    }

    #[test]
    fn drops_what_was_made() {
        for (statement, expected) in [
            ("CREATE UNLOGGED TABLE s.\"t;\" ()", "DROP TABLE IF EXISTS s.\"t;\""),
            ("CREATE MATERIALIZED VIEW s.m AS SELECT 1", "DROP MATERIALIZED VIEW IF EXISTS s.m"),
            ("CREATE UNIQUE INDEX i ON ONLY \"a.b\".t (c)", "DROP INDEX IF EXISTS \"a.b\".i"),
            (
                "ALTER TABLE ONLY s.t ADD CONSTRAINT c CHECK (true)",
                "ALTER TABLE IF EXISTS ONLY s.t DROP CONSTRAINT IF EXISTS c",
            ),
            (
                "CREATE CONSTRAINT TRIGGER g AFTER INSERT ON s.t EXECUTE FUNCTION f()",
                "DROP TRIGGER IF EXISTS g ON s.t",
            ),
            ("CREATE CAST (text AS s.a) WITH FUNCTION s.f(text)", "DROP CAST IF EXISTS (text AS s.a)"),
            (
                "CREATE TRANSFORM FOR s.a LANGUAGE l (FROM SQL WITH FUNCTION f(x))",
                "DROP TRANSFORM IF EXISTS FOR s.a LANGUAGE l",
            ),
            (
                "CREATE USER MAPPING FOR \"u v\" SERVER far OPTIONS (a 'b')",
                "DROP USER MAPPING IF EXISTS FOR \"u v\" SERVER far",
            ),
            ("CREATE OR REPLACE PROCEDURAL LANGUAGE l", "DROP LANGUAGE IF EXISTS l"),
            (
                "CREATE FUNCTION s.f(a integer DEFAULT s.g(1, 2), VARIADIC b text[] = '{}') RETURNS x",
                "DROP FUNCTION IF EXISTS s.f(a integer, VARIADIC b text[])",
            ),
            ("CREATE DEFAULT CONVERSION s.c FOR 'a' TO 'b' FROM s.f", "DROP CONVERSION IF EXISTS s.c"),
        ] {
            assert_eq!(drop(&[statement]).as_deref(), Some(expected), "{statement}");
        }
        for nothing in [
            "COMMENT ON TABLE s.t IS 'x'",
            "GRANT ALL ON TABLE s.t TO x",
            "ALTER TABLE s.t ADD COLUMN a integer",
            "CREATE CAST",
            "CREATE OPERATOR s.+ (FUNCTION = f)",
            "CREATE FUNCTION s.f",
            "",
        ] {
            assert_eq!(drop(&[nothing]), None, "{nothing}");
        }
    }

    #[test]
    fn the_owner_tells_the_identity() {
        let made = "CREATE OPERATOR s.=== (FUNCTION = s.f, LEFTARG = a, RIGHTARG = b)";
        let owned = drop(&[made, "ALTER OPERATOR s.=== (a, b) OWNER TO x"]);
        assert_eq!(owned.as_deref(), Some("DROP OPERATOR IF EXISTS s.=== (a, b)"));
        let owned =
            drop(&["CREATE FUNCTION s.f(a integer DEFAULT 1)", "ALTER FUNCTION s.f(a integer) OWNER TO x"]);
        assert_eq!(owned.as_deref(), Some("DROP FUNCTION IF EXISTS s.f(a integer)"));
    }
}
