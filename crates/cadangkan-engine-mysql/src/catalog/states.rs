use std::collections::BTreeMap;

use cadangkan_core::{Control, ObjectName, Result, Selection};
use cadangkan_mywire::Connection;

use super::{MARKER, RowOf, Schema};

/// By what it shows that tables, views and sequences were made, altered or dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct States(BTreeMap<String, State>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct State {
    engine: String,
    /// When its definition was written, to the second; views have their text instead.
    written: Option<String>,
    /// Whether whatever is altered from now on has another time.
    is_settled: bool,
}

impl States {
    /// Lists what is meant.
    pub(crate) fn of(
        connection: &mut Connection,
        schema: &Schema,
        selection: &Selection,
        control: &Control<'_>,
    ) -> Result<States> {
        // Of InnoDB the time is that of the file with the definition. A partition that is exchanged leaves that alone.
        // The clock that files are given lags behind by some milliseconds.
        let sql = format!(
            "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, CREATE_TIME,
               ENGINE = 'InnoDB' AND CREATE_OPTIONS NOT LIKE '%partitioned%' AND CREATE_TIME < NOW() - INTERVAL 1 SECOND
               FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
            schema.literal()
        );
        let mut states = States::default();
        connection.rows(&sql, control, |_, row| {
            let mut row = RowOf::new(row);
            let (of, name, kind) = (row.text()?, row.text()?, row.text()?);
            let (engine, written) = (row.next()?.unwrap_or_default(), row.next()?);
            let is_meant = schema.is(&of) && name != MARKER;
            if is_meant && selection.has_table(&ObjectName::new(name.clone())) {
                states.add(&name, &kind, &engine, written);
                if let Some(state) = states.0.get_mut(&name) {
                    state.is_settled = row.next()?.as_deref() == Some("1");
                }
            }
            Ok(())
        })?;
        Ok(states)
    }

    /// Adds one, as the catalog shows it.
    pub(super) fn add(&mut self, name: &str, kind: &str, engine: &str, written: Option<String>) {
        let state = match kind {
            "TEMPORARY" => return,
            "VIEW" | "SYSTEM VIEW" => State::default(),
            "SEQUENCE" => State { written, ..State::default() },
            _ => State { engine: engine.to_owned(), written, is_settled: false },
        };
        self.0.insert(name.to_owned(), state);
    }

    /// Names one that is not the same in both.
    pub(crate) fn difference(&self, now: &States) -> Option<String> {
        fn of<'a>(states: &'a States, name: &str) -> Option<(&'a str, Option<&'a str>)> {
            states.0.get(name).map(|state| (state.engine.as_str(), state.written.as_deref()))
        }
        let mut names = self.0.keys().chain(now.0.keys());
        names.find(|name| of(self, name) != of(now, name)).cloned()
    }

    /// Whether a table or sequence can be altered only in such a way that it shows.
    pub(crate) fn is_settled(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|state| state.is_settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(rows: &[(&str, &str, &str, &str)]) -> States {
        let mut states = States::default();
        for (name, kind, engine, written) in rows {
            states.add(name, kind, engine, Some((*written).to_owned()));
        }
        states
    }

    #[test]
    fn what_was_made_altered_or_dropped_is_named() {
        let before =
            of(&[("a", "BASE TABLE", "InnoDB", "1"), ("v", "VIEW", "", "1"), ("t", "TEMPORARY", "", "1")]);
        let same = of(&[("a", "BASE TABLE", "InnoDB", "1"), ("v", "VIEW", "", "2")]);
        assert_eq!(before.difference(&same), None);
        for (name, rows) in [
            ("a", &[("a", "BASE TABLE", "InnoDB", "2"), ("v", "VIEW", "", "1")][..]),
            ("a", &[("a", "BASE TABLE", "Aria", "1"), ("v", "VIEW", "", "1")]),
            ("v", &[("a", "BASE TABLE", "InnoDB", "1")]),
            ("s", &[("a", "BASE TABLE", "InnoDB", "1"), ("v", "VIEW", "", "1"), ("s", "SEQUENCE", "", "1")]),
        ] {
            assert_eq!(before.difference(&of(rows)).as_deref(), Some(name), "{rows:?}");
        }
        assert!(!before.is_settled("a") && !before.is_settled("b"));
    }
}
