//! What a query asks for.

/// The conditions of a query and the values in them. Values are always bound, never written into the text.
#[derive(Default)]
pub(crate) struct Conditions {
    conditions: Vec<String>,
    parameters: Vec<rusqlite::types::Value>,
}

impl Conditions {
    /// Binds a value; returns the parameter that stands for it.
    pub(crate) fn bind(&mut self, value: impl Into<rusqlite::types::Value>) -> String {
        self.parameters.push(value.into());
        format!("${}", self.parameters.len())
    }

    /// Asks that a column equals a value, when there is one.
    pub(crate) fn equal(&mut self, column: &str, value: Option<impl Into<rusqlite::types::Value>>) {
        if let Some(value) = value {
            self.compare(column, "=", value);
        }
    }

    /// Asks that a column compares so to a value.
    pub(crate) fn compare(&mut self, column: &str, operator: &str, value: impl Into<rusqlite::types::Value>) {
        let parameter = self.bind(value);
        self.push(format!("{column} {operator} {parameter}"));
    }

    /// Adds a condition whose values were bound.
    pub(crate) fn push(&mut self, condition: String) {
        self.conditions.push(condition);
    }

    /// `WHERE …`, or nothing.
    pub(crate) fn text(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!("WHERE {}", self.conditions.join(" AND "))
        }
    }

    /// The values, in the order of their numbers.
    pub(crate) fn parameters(&self) -> &[rusqlite::types::Value] {
        &self.parameters
    }
}
