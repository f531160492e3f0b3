use std::fmt;

use cadangkan_core::ObjectName;

/// A name with its schema where it has one, as the server keeps both, unquoted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct QualifiedName {
    /// The schema; none for what is in none.
    pub(crate) schema: Option<String>,
    /// The name itself.
    pub(crate) name: String,
}

impl QualifiedName {
    /// Names a thing that is in no schema.
    pub(crate) fn alone(name: impl Into<String>) -> Self {
        QualifiedName { schema: None, name: name.into() }
    }

    /// Names a thing of a schema.
    pub(crate) fn of(schema: impl Into<String>, name: impl Into<String>) -> Self {
        QualifiedName { schema: Some(schema.into()), name: name.into() }
    }

    /// Takes the first two parts of `schema.table.column`.
    pub(crate) fn from_parts(parts: &[String]) -> Option<Self> {
        match parts {
            [] => None,
            [name] => Some(QualifiedName::alone(name)),
            [schema, name, ..] => Some(QualifiedName::of(schema, name)),
        }
    }

    /// The name for a selection and for reports.
    pub(crate) fn object(&self) -> ObjectName {
        ObjectName { schema: self.schema.clone(), ..ObjectName::new(&self.name) }
    }
}

/// The parts joined by a dot, unquoted: for people, not for statements.
impl fmt::Display for QualifiedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.object().fmt(f)
    }
}
