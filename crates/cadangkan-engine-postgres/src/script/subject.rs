//! What a statement of a dump is about: what it makes, and which table that belongs to.

use super::name::QualifiedName;
use super::statement::{Cursor, Statement};

/// What a statement is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject<'a> {
    /// What it does.
    pub(crate) action: Action,
    /// The kind of the object in SQL's words: `TABLE`, `TEXT SEARCH PARSER`.
    pub(crate) kind: &'static str,
    /// The object. Indexes and constraints have their table's schema; triggers, rules and policies have none.
    pub(crate) name: Option<QualifiedName>,
    /// The object's name as the statement has it.
    pub(crate) name_text: &'a str,
    /// The table, view or sequence that the object is or belongs to.
    pub(crate) table: Option<QualifiedName>,
    /// That table's name as the statement has it.
    pub(crate) table_text: &'a str,
}

/// What a statement does with its object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Action {
    /// Makes it.
    #[default]
    Make,
    /// Changes it.
    Change,
    /// Makes a partition of it, or of an index.
    Attach,
    /// Says something of it: a comment, privileges, a security label.
    Tell,
    /// Fills a materialized view.
    Refresh,
}

/// The kinds that a selection of tables can name: they share one space of names.
pub(crate) const RELATIONS: [&str; 5] = ["TABLE", "FOREIGN TABLE", "VIEW", "MATERIALIZED VIEW", "SEQUENCE"];

const KINDS: [&str; 41] = [
    "FOREIGN DATA WRAPPER",
    "FOREIGN SERVER",
    "FOREIGN TABLE",
    "MATERIALIZED VIEW",
    "EVENT TRIGGER",
    "OPERATOR CLASS",
    "OPERATOR FAMILY",
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH PARSER",
    "TEXT SEARCH TEMPLATE",
    "USER MAPPING",
    "ACCESS METHOD",
    "LARGE OBJECT",
    "PROCEDURAL LANGUAGE",
    "TABLE",
    "VIEW",
    "SEQUENCE",
    "INDEX",
    "TRIGGER",
    "RULE",
    "POLICY",
    "STATISTICS",
    "EXTENSION",
    "SCHEMA",
    "FUNCTION",
    "PROCEDURE",
    "AGGREGATE",
    "OPERATOR",
    "TYPE",
    "DOMAIN",
    "CAST",
    "COLLATION",
    "CONVERSION",
    "PUBLICATION",
    "SUBSCRIPTION",
    "SERVER",
    "LANGUAGE",
    "TRANSFORM",
    "DATABASE",
    "COLUMN",
];

/// Words that stand between CREATE and the kind and do not change it.
const MODIFIERS: [&str; 11] = [
    "OR REPLACE",
    "UNLOGGED",
    "TEMPORARY",
    "TEMP",
    "UNIQUE",
    "CONSTRAINT",
    "RECURSIVE",
    "DEFAULT",
    "TRUSTED",
    "GLOBAL",
    "LOCAL",
];

impl<'a> Subject<'a> {
    /// Reads what a statement is about; `None` for those that pg_dump does not write.
    pub(crate) fn read(statement: &Statement<'a>) -> Option<Subject<'a>> {
        let mut cursor = statement.cursor();
        match cursor.take_any(&[
            "CREATE",
            "ALTER",
            "COMMENT ON",
            "SECURITY LABEL",
            "GRANT",
            "REVOKE",
            "REFRESH",
        ])? {
            "CREATE" => made(cursor),
            "ALTER" => altered(cursor),
            "COMMENT ON" => told(cursor),
            "REFRESH" => told(cursor).map(|subject| Subject { action: Action::Refresh, ..subject }),
            // `SECURITY LABEL FOR provider ON`, `GRANT SELECT(a),INSERT ON`.
            _ => cursor.find_word("ON").then(|| told(cursor)).flatten(),
        }
    }

    /// Tells whether the object is a table, a view or a sequence.
    pub(crate) fn is_relation(&self) -> bool {
        RELATIONS.contains(&self.kind)
    }
}

fn kind(cursor: &mut Cursor<'_, '_>) -> Option<&'static str> {
    Some(match cursor.take_any(&KINDS)? {
        "PROCEDURAL LANGUAGE" => "LANGUAGE",
        "FOREIGN SERVER" => "SERVER",
        kind => kind,
    })
}

fn named<'a>(cursor: &mut Cursor<'_, 'a>) -> (Option<QualifiedName>, &'a str) {
    let from = cursor.index();
    let name = cursor.name();
    (name, cursor.text_from(from))
}

fn table<'a>(cursor: &mut Cursor<'_, 'a>) -> (Option<QualifiedName>, &'a str) {
    cursor.take_word("ONLY");
    named(cursor)
}

/// What lives beside a table has its schema.
fn beside(table: Option<&QualifiedName>, name: Option<QualifiedName>) -> Option<QualifiedName> {
    name.map(|name| QualifiedName { schema: table.and_then(|table| table.schema.clone()), ..name })
}

fn made<'a>(mut cursor: Cursor<'_, 'a>) -> Option<Subject<'a>> {
    while cursor.take_any(&MODIFIERS).is_some() {}
    let kind = kind(&mut cursor)?;
    cursor.take_word("CONCURRENTLY");
    cursor.take_words("IF NOT EXISTS");
    let mut subject = Subject { kind, ..Subject::default() };
    (subject.name, subject.name_text) = match kind {
        "OPERATOR" => operator(&mut cursor),
        "CAST" | "TRANSFORM" | "USER MAPPING" => (None, ""),
        _ => named(&mut cursor),
    };
    let marks_table = match kind {
        "INDEX" | "TRIGGER" | "POLICY" => Some("ON"),
        "RULE" => Some("TO"),
        "STATISTICS" => Some("FROM"),
        _ => None,
    };
    if marks_table.is_some_and(|word| cursor.find_word(word)) {
        (subject.table, subject.table_text) = table(&mut cursor);
    }
    if subject.is_relation() {
        (subject.table, subject.table_text) = (subject.name.clone(), subject.name_text);
    }
    if kind == "INDEX" {
        subject.name = beside(subject.table.as_ref(), subject.name);
    }
    Some(subject)
}

/// `public.+`: a name that ends in symbols.
fn operator<'a>(cursor: &mut Cursor<'_, 'a>) -> (Option<QualifiedName>, &'a str) {
    let from = cursor.index();
    let schema = cursor.identifier().filter(|_| cursor.take_symbol("."));
    let symbols = cursor.index();
    while !cursor.is_at_end() && !cursor.is_symbol("(") {
        cursor.skip();
    }
    let name = cursor.text_from(symbols).to_owned();
    (Some(QualifiedName { schema: schema.map(Into::into), name }), cursor.text_from(from))
}

fn altered<'a>(mut cursor: Cursor<'_, 'a>) -> Option<Subject<'a>> {
    let kind = kind(&mut cursor)?;
    cursor.take_words("IF EXISTS");
    let (name, name_text) = match kind {
        "OPERATOR" => operator(&mut cursor),
        _ => table(&mut cursor),
    };
    let mut subject = Subject { action: Action::Change, kind, name, name_text, ..Subject::default() };
    if subject.is_relation() {
        (subject.table, subject.table_text) = (subject.name.clone(), subject.name_text);
    }
    match kind {
        "TABLE" | "FOREIGN TABLE" => altered_table(cursor, subject),
        "SEQUENCE" if cursor.take_words("OWNED BY") => {
            let from = cursor.index();
            let mut parts = cursor.parts();
            // The last part is the column.
            parts.pop();
            (subject.table, subject.table_text) = (QualifiedName::from_parts(&parts), cursor.text_from(from));
            Some(subject)
        }
        "INDEX" if cursor.take_words("ATTACH PARTITION") => {
            Some(Subject { action: Action::Attach, ..subject })
        }
        "PUBLICATION" if cursor.take_words("ADD TABLE") => {
            (subject.table, subject.table_text) = table(&mut cursor);
            Some(subject)
        }
        _ => Some(subject),
    }
}

fn altered_table<'a>(mut cursor: Cursor<'_, 'a>, mut subject: Subject<'a>) -> Option<Subject<'a>> {
    if cursor.take_words("ADD CONSTRAINT") {
        let (name, name_text) = named(&mut cursor);
        let name = beside(subject.table.as_ref(), name);
        return Some(Subject { action: Action::Make, kind: "CONSTRAINT", name, name_text, ..subject });
    }
    if cursor.take_words("ATTACH PARTITION") {
        (subject.table, subject.table_text) = table(&mut cursor);
        return Some(Subject { action: Action::Attach, ..subject });
    }
    if cursor.take_word("ALTER") {
        cursor.take_word("COLUMN");
        let (column, column_text) = named(&mut cursor);
        if cursor.take_words("SET DEFAULT") {
            let name = beside(None, column);
            return Some(Subject { kind: "DEFAULT", name, name_text: column_text, ..subject });
        }
        // `ADD GENERATED ALWAYS AS IDENTITY ( SEQUENCE NAME public.s …`
        if cursor.take_words("ADD GENERATED") && cursor.find_word("IDENTITY") && cursor.take_symbol("(") {
            let found = cursor.find_word("NAME");
            let (name, name_text) = if found { named(&mut cursor) } else { (None, "") };
            return Some(Subject { action: Action::Make, kind: "IDENTITY", name, name_text, ..subject });
        }
    }
    Some(subject)
}

/// `TABLE public.t IS …`, `CONSTRAINT c ON public.t IS …`, `COLUMN public.t.c IS …`, `ALL TABLES …`.
fn told<'a>(mut cursor: Cursor<'_, 'a>) -> Option<Subject<'a>> {
    let action = Action::Tell;
    if cursor.take_word("CONSTRAINT") {
        let (name, name_text) = named(&mut cursor);
        cursor.take_word("ON");
        if cursor.take_word("DOMAIN") {
            let (name, name_text) = named(&mut cursor);
            return Some(Subject { action, kind: "DOMAIN", name, name_text, ..Subject::default() });
        }
        let (table, table_text) = named(&mut cursor);
        let name = beside(table.as_ref(), name);
        return Some(Subject { action, kind: "CONSTRAINT", name, name_text, table, table_text });
    }
    // GRANT without a kind means a table.
    let kind = kind(&mut cursor).unwrap_or("TABLE");
    let mut subject = Subject { action, kind, ..Subject::default() };
    let from = cursor.index();
    match kind {
        "CAST" | "TRANSFORM" | "USER MAPPING" | "LARGE OBJECT" => return Some(subject),
        "OPERATOR" => (subject.name, subject.name_text) = operator(&mut cursor),
        "COLUMN" => {
            let mut parts = cursor.parts();
            parts.pop();
            (subject.name, subject.name_text) = (QualifiedName::from_parts(&parts), cursor.text_from(from));
            (subject.table, subject.table_text) = (subject.name.clone(), subject.name_text);
        }
        _ => (subject.name, subject.name_text) = named(&mut cursor),
    }
    if matches!(kind, "TRIGGER" | "RULE" | "POLICY") && cursor.take_word("ON") {
        (subject.table, subject.table_text) = named(&mut cursor);
    }
    if subject.is_relation() {
        (subject.table, subject.table_text) = (subject.name.clone(), subject.name_text);
    }
    Some(subject)
}
