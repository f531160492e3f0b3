use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Fingerprint;

/// What a user would name inside a backup: `public.orders`, or `shop` for a whole file image.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectName {
    /// The database, on a server with many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The schema, where the engine has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// The name itself, as the engine keeps it, unquoted.
    pub name: String,
}

impl ObjectName {
    /// Names an object of an engine without schemas.
    pub fn new(name: impl Into<String>) -> Self {
        ObjectName { database: None, schema: None, name: name.into() }
    }
}

/// The parts joined by dots, unquoted: for people, not for statements.
impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outer in [&self.database, &self.schema].into_iter().flatten() {
            write!(f, "{outer}.")?;
        }
        f.write_str(&self.name)
    }
}

/// The kind of an object; kinds that a newer program wrote are kept as they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectKind(Cow<'static, str>);

impl ObjectKind {
    /// A whole database file, page by page.
    pub const IMAGE: ObjectKind = ObjectKind(Cow::Borrowed("image"));
    /// A table.
    pub const TABLE: ObjectKind = ObjectKind(Cow::Borrowed("table"));
    /// A view.
    pub const VIEW: ObjectKind = ObjectKind(Cow::Borrowed("view"));
    /// Definitions that belong to no single object.
    pub const DEFINITIONS: ObjectKind = ObjectKind(Cow::Borrowed("definitions"));

    /// The values of sequences.
    pub const SEQUENCES: ObjectKind = ObjectKind(Cow::Borrowed("sequences"));
    /// The content of large objects; their statements count as rows.
    pub const LARGE_OBJECTS: ObjectKind = ObjectKind(Cow::Borrowed("large objects"));

    /// The kind as it stands in the manifest.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What is known of one object of a backup or of a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectReport {
    /// Its name.
    #[serde(flatten)]
    pub name: ObjectName,
    /// Its kind.
    pub kind: ObjectKind,
    /// Exact number of rows (of pages for an image), when counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes of its frames before compression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_bytes: Option<u64>,
    /// Bytes of its frames as stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_bytes: Option<u64>,
    /// Order-free hash of its rows, when taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<Fingerprint>,
}

impl ObjectReport {
    /// Makes a report that only names the object.
    pub fn new(kind: ObjectKind, name: ObjectName) -> Self {
        ObjectReport { name, kind, rows: None, raw_bytes: None, stored_bytes: None, fingerprint: None }
    }
}

/// Which objects are meant. Empty: all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// Only these tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Pattern>,
    /// Not these tables.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_tables: Vec<Pattern>,
    /// These tables without their rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_data: Vec<Pattern>,
    /// Only what is in these schemas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub schemas: Vec<Pattern>,
    /// Nothing of these schemas.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude_schemas: Vec<Pattern>,
    /// Definitions without rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub schema_only: bool,
    /// Rows without definitions.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub data_only: bool,
}

impl Selection {
    /// Tells whether everything is meant.
    pub fn is_everything(&self) -> bool {
        *self == Selection::default()
    }

    /// Tells whether only some tables are meant.
    pub fn is_of_tables(&self) -> bool {
        !(self.tables.is_empty()
            && self.exclude_tables.is_empty()
            && self.schemas.is_empty()
            && self.exclude_schemas.is_empty())
    }

    /// Tells whether a table is meant; its name is matched alone and with its schema.
    pub fn has_table(&self, table: &ObjectName) -> bool {
        (self.tables.is_empty() || any_names(&self.tables, table))
            && !any_names(&self.exclude_tables, table)
            && table.schema.as_deref().is_none_or(|schema| self.has_schema(schema))
    }

    /// Tells whether things of a schema are meant.
    pub fn has_schema(&self, schema: &str) -> bool {
        let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| pattern.matches(schema));
        (self.schemas.is_empty() || any(&self.schemas)) && !any(&self.exclude_schemas)
    }

    /// Tells whether the rows of a table are meant.
    pub fn has_rows(&self, table: &ObjectName) -> bool {
        !self.schema_only && self.has_table(table) && !any_names(&self.exclude_data, table)
    }
}

/// Matches a table's name alone and with its schema.
fn any_names(patterns: &[Pattern], table: &ObjectName) -> bool {
    let full = ObjectName { database: None, ..table.clone() }.to_string();
    patterns.iter().any(|pattern| pattern.matches(&table.name) || pattern.matches(&full))
}

/// A name, or a glob over names: `*` stands for any run of characters, `?` for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pattern(pub String);

impl Pattern {
    /// Tells whether the whole of `text` matches, to the letter.
    pub fn matches(&self, text: &str) -> bool {
        let (pattern, text): (Vec<char>, Vec<char>) = (self.0.chars().collect(), text.chars().collect());
        let (mut at, mut seen) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while let Some(character) = text.get(seen) {
            match pattern.get(at) {
                Some('*') => {
                    retry = Some((at, seen));
                    at += 1;
                }
                Some(expected) if *expected == '?' || expected == character => {
                    at += 1;
                    seen += 1;
                }
                _ => {
                    let Some((star, from)) = retry else { return false };
                    retry = Some((star, from + 1));
                    at = star + 1;
                    seen = from + 1;
                }
            }
        }
        pattern.iter().skip(at).all(|rest| *rest == '*')
    }

    /// Tells whether this is a glob, not one plain name.
    pub fn is_glob(&self) -> bool {
        self.0.contains(['*', '?'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_match_whole_names() {
        let matches = |pattern: &str, text: &str| Pattern(pattern.into()).matches(text);
        assert!(
            matches("log_*", "log_2026")
                && matches("*", "")
                && matches("a?c", "aßc")
                && matches("*a*b", "xaab")
        );
        assert!(!matches("log_*", "blog_2026") && !matches("orders", "orders2") && !matches("a?c", "ac"));
    }

    #[test]
    fn selection_takes_and_leaves() {
        let table = ObjectName { schema: Some("public".into()), ..ObjectName::new("orders") };
        let pick = |take: &[&str], leave: &[&str]| Selection {
            tables: take.iter().map(|text| Pattern((*text).into())).collect(),
            exclude_tables: leave.iter().map(|text| Pattern((*text).into())).collect(),
            ..Selection::default()
        };
        assert!(pick(&[], &[]).is_everything() && pick(&[], &[]).has_table(&table));
        assert!(pick(&["orders"], &[]).has_table(&table) && pick(&["public.*"], &[]).has_table(&table));
        assert!(!pick(&["users"], &[]).has_table(&table) && !pick(&["*"], &["ord*"]).has_table(&table));
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern((*text).into())).collect();
        let schemas = Selection { schemas: patterns(&["app*"]), ..Selection::default() };
        let without = Selection { exclude_schemas: patterns(&["public"]), ..Selection::default() };
        assert!(!schemas.has_table(&table) && !without.has_table(&table) && schemas.has_schema("app2"));
        let empty = Selection { exclude_data: patterns(&["public.orders"]), ..Selection::default() };
        assert!(empty.has_table(&table) && !empty.has_rows(&table) && pick(&[], &[]).has_rows(&table));
    }
}
