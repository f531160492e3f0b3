//! What an entry defines, belongs to and needs.

use super::entry::Entry;
use super::lexer::Kind;
use super::name::QualifiedName;
use super::statement::Statement;
use super::subject::{Action, Subject};

impl Entry {
    /// What the entry makes: a table, an index with its table's schema, a role's mapping has no name.
    pub(crate) fn defines(&self) -> Option<QualifiedName> {
        self.subject(|subject| subject.name.clone().filter(|_| subject.action == Action::Make))
    }

    /// The table, view or sequence that the entry makes or belongs to.
    ///
    /// None for what belongs to no table, and for indexes that are attached, as only they themselves are named.
    pub(crate) fn table(&self) -> Option<QualifiedName> {
        self.subject(|subject| subject.table.clone()).or_else(|| value_of(self))
    }

    /// Every name with a schema in the entry, and every column behind an alias, as both look alike; in the order of
    /// their first use.
    ///
    /// Also those in `'public.orders_id_seq'::regclass`. Not those in other strings and in bodies of functions.
    pub(crate) fn references(&self) -> Vec<QualifiedName> {
        let mut found = Vec::new();
        for text in &self.statements {
            for name in references_of(&Statement::read(text)) {
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        }
        found
    }

    /// Reads the first statement that is about something.
    pub(crate) fn subject<T>(&self, read: impl Fn(&Subject<'_>) -> Option<T>) -> Option<T> {
        self.statements.iter().find_map(|text| Some(read(&Subject::read(&Statement::read(text))?)))?
    }

    /// Tells whether a statement gives an object to its owner.
    pub(crate) fn is_owner_statement(statement: &str) -> bool {
        owned(&Statement::read(statement)).is_some()
    }

    /// Tells whether the entry grants or revokes privileges.
    pub(crate) fn is_privileges(&self) -> bool {
        matches!(self.header.kind.as_str(), "ACL" | "DEFAULT ACL" | "ACL LARGE OBJECTS")
    }

    /// Tells whether the entry switches a trigger of a partition, which is made with that of the partitioned table:
    /// `ALTER TABLE public.t_1 DISABLE TRIGGER x`.
    pub(crate) fn switches_trigger(&self) -> bool {
        self.header.kind == "TRIGGER"
            && self.subject(|subject| (subject.action == Action::Change).then_some(())).is_some()
    }

    /// The entry without the statements that give its object to its owner, for a restore that leaves owners out.
    pub(crate) fn without_owner(&self) -> Entry {
        let mut entry = self.clone();
        entry.statements.retain(|statement| !Entry::is_owner_statement(statement));
        entry.header.owner = None;
        entry
    }
}

/// The part `FUNCTION public.f(integer)` of `ALTER FUNCTION public.f(integer) OWNER TO bob`.
pub(crate) fn owned<'a>(statement: &Statement<'a>) -> Option<&'a str> {
    let mut cursor = statement.cursor();
    if !cursor.take_word("ALTER") {
        return None;
    }
    let from = cursor.index();
    while !cursor.is_at_end() {
        let text = cursor.text_from(from);
        if cursor.take_words("OWNER TO") {
            return Some(text);
        }
        if !cursor.skip_parentheses() {
            cursor.skip();
        }
    }
    None
}

/// The sequence of `SELECT pg_catalog.setval('public.s', 1, true)`.
fn value_of(entry: &Entry) -> Option<QualifiedName> {
    let statement = Statement::read(entry.statements.first()?);
    let mut cursor = statement.cursor();
    let is_value = cursor.take_word("SELECT")
        && cursor.name().is_some_and(|name| name.name == "setval")
        && cursor.take_symbol("(");
    if !is_value {
        return None;
    }
    name_in(&statement.string_at(cursor.index())?)
}

/// Reads a name as the server writes it into a string.
fn name_in(text: &str) -> Option<QualifiedName> {
    let statement = Statement::read(text);
    let mut cursor = statement.cursor();
    let name = cursor.name();
    name.filter(|_| cursor.is_at_end())
}

fn references_of(statement: &Statement<'_>) -> Vec<QualifiedName> {
    let mut found = Vec::new();
    let mut index = 0;
    while let Some(token) = statement.tokens().get(index) {
        match token.kind {
            Kind::Text if is_object_literal(statement, index) => {
                let name = statement.string_at(index).and_then(|text| name_in(&text));
                found.extend(name.filter(|name| name.schema.is_some()));
            }
            Kind::Word | Kind::Quoted => {
                let mut cursor = statement.cursor_at(index);
                let parts = cursor.parts();
                if cursor.is_symbol(".") && parts.len() == 1 {
                    found.extend(qualified_operator(statement, cursor.index(), &parts));
                }
                found.extend(QualifiedName::from_parts(&parts).filter(|name| name.schema.is_some()));
                index = cursor.index().max(index + 1);
                continue;
            }
            _ => {}
        }
        index += 1;
    }
    found
}

/// `public.%` in `OPERATOR(public.%)`: a name that ends in symbols.
fn qualified_operator(statement: &Statement<'_>, dot: usize, schema: &[String]) -> Option<QualifiedName> {
    let symbols = statement.tokens().get(dot + 1..).unwrap_or_default().iter();
    let name: String = symbols
        .map_while(|token| match (token.kind, statement.text_of(*token)) {
            (Kind::Symbol, "." | "(" | ")" | "," | ";") => None,
            (Kind::Symbol, symbol) => Some(symbol),
            _ => None,
        })
        .collect();
    let schema = schema.first()?;
    (!name.is_empty()).then(|| QualifiedName::of(schema, name))
}

/// Tells whether a string holds a name: `'…'::regclass` and its like, `nextval('…'`, `setval('…'`.
pub(crate) fn is_object_literal(statement: &Statement<'_>, index: usize) -> bool {
    let mut cursor = statement.cursor_at(index + 1);
    let is_cast = cursor.take_symbol(":")
        && cursor.take_symbol(":")
        && cursor.name().is_some_and(|name| {
            let in_catalog = name.schema.is_none_or(|schema| schema == "pg_catalog");
            in_catalog && REGISTERED.contains(&name.name.as_str())
        });
    let is_argument = index >= 2
        && statement.is_symbol_at(index - 1, "(")
        && (statement.is_word_at(index - 2, "setval") || statement.is_word_at(index - 2, "nextval"));
    is_cast || is_argument
}

/// The types whose texts are names (manual, "Object Identifier Types").
const REGISTERED: [&str; 7] =
    ["regclass", "regtype", "regproc", "regprocedure", "regconfig", "regdictionary", "regcollation"];

#[cfg(test)]
mod tests;
