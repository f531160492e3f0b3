//! Picks the entries of some tables or schemas, with all that they need.

mod facts;
mod plan;

use std::collections::BTreeSet;

use cadangkan_core::{Error, ErrorKind, ObjectName, Result, Selection};

use self::facts::{Facts, Thing};
use self::plan::Plan;
use super::entry::{Entry, Script};
use super::statement::Statement;
use super::subject::Action;

/// What was picked of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Selected {
    /// The entries, in the script's order.
    pub(crate) entries: Vec<Entry>,
    /// The tables, views and sequences that they make.
    pub(crate) tables: Vec<ObjectName>,
    /// What was left out because it needs something that was: a sentence each.
    pub(crate) warnings: Vec<String>,
}

/// Picks from the definitions before the rows, and then from those behind them.
///
/// Types, functions, schemas, extensions and sequences that something picked needs are picked too, tables are not.
/// What needs a table that is left out is left out with a warning: views, foreign keys, triggers, policies.
#[derive(Debug)]
pub(crate) struct Selector {
    selection: Selection,
    later: Option<Vec<Facts>>,
    kept: BTreeSet<Thing>,
    left_out: BTreeSet<Thing>,
}

impl Selector {
    /// Begins a selection.
    pub(crate) fn new(selection: &Selection) -> Self {
        Selector {
            selection: selection.clone(),
            later: None,
            kept: BTreeSet::new(),
            left_out: BTreeSet::new(),
        }
    }

    /// Shows the definitions behind the rows before the first ones are picked, so that functions and extensions which
    /// only indexes, triggers and policies need are picked too. Without this look all extensions and functions of
    /// triggers are.
    pub(crate) fn look_ahead(&mut self, post_data: &Script) {
        self.later = Some(post_data.entries.iter().map(Facts::read).collect());
    }

    /// Picks from the definitions before the rows.
    ///
    /// Fails with `NotFound` for a name that is no glob and that nothing has, and with `Usage` for a table that
    /// cannot be made without one that is left out: its parent, for example.
    pub(crate) fn pre_data(&mut self, script: &Script) -> Result<Selected> {
        let facts: Vec<Facts> = script.entries.iter().map(Facts::read).collect();
        if !self.selection.is_of_tables() {
            let tables = facts.iter().filter(|fact| fact.makes_relation());
            let tables = tables.filter_map(|fact| Some(fact.thing.as_ref()?.name.object())).collect();
            return Ok(Selected { entries: script.entries.clone(), tables, ..Selected::default() });
        }
        self.check_names(&facts)?;
        let guessed = self.guess(script, &facts);
        let later = self.later.as_deref().unwrap_or(&guessed);
        let selection = self.selection.clone();
        let plan = Plan::make(&facts, later, &selection)?;
        for fact in facts.iter().filter(|fact| fact.makes_thing()) {
            let Some(thing) = &fact.thing else { continue };
            if plan.has(thing) {
                self.kept.insert(thing.clone());
            } else if plan.is_left_out(thing) {
                self.left_out.insert(thing.clone());
            }
        }
        let kept = plan.kept;
        let mut selected = Selected { warnings: plan.warnings, ..Selected::default() };
        for (index, (entry, fact)) in script.entries.iter().zip(&facts).enumerate() {
            let keeps = match fact.makes_thing() {
                true => kept.contains(&index),
                false => self.keeps_part(entry, fact, &mut selected.warnings),
            };
            if keeps {
                let table = fact.thing.as_ref().filter(|_| fact.makes_relation());
                self.kept.extend(fact.thing.clone().filter(|_| fact.action == Action::Make));
                selected.tables.extend(table.map(|table| table.name.object()));
                selected.entries.push(entry.clone());
            }
        }
        Ok(selected)
    }

    /// Picks from the definitions behind the rows; to be called after [`Selector::pre_data`].
    pub(crate) fn post_data(&mut self, script: &Script) -> Selected {
        if !self.selection.is_of_tables() {
            return Selected { entries: script.entries.clone(), ..Selected::default() };
        }
        let mut selected = Selected::default();
        for entry in &script.entries {
            let fact = Facts::read(entry);
            let keeps = match fact.makes_thing() {
                true => self.keeps_global(&fact, &mut selected.warnings),
                false => self.keeps_part(entry, &fact, &mut selected.warnings),
            };
            if keeps {
                self.kept.extend(fact.thing.clone().filter(|_| fact.action == Action::Make));
                selected.entries.push(entry.clone());
            }
        }
        selected
    }

    /// Decides on what belongs to no table and that nothing needs: publications, event triggers.
    fn keeps_global(&self, fact: &Facts, warnings: &mut Vec<String>) -> bool {
        if fact.makes_relation() {
            return self.keeps_all(fact, warnings);
        }
        let everything = self.selection.tables.is_empty() && self.selection.schemas.is_empty();
        everything && self.keeps_all(fact, warnings)
    }

    /// Decides on what belongs to something: kept with it, unless it also needs what is left out.
    fn keeps_part(&self, entry: &Entry, fact: &Facts, warnings: &mut Vec<String>) -> bool {
        let has = |table| {
            let table = Thing::shared(table);
            // Tables of extensions are made by no entry, but their privileges and rows are in the backup.
            self.kept.contains(&table)
                || (self.is_outside(&table) && self.selection.has_table(&table.name.object()))
        };
        let belongs = match (fact.action, fact.kind, fact.table.clone()) {
            (Action::Change, _, Some(table)) if entry.switches_trigger() => {
                has(table) && self.has_trigger(entry)
            }
            (Action::Attach, "INDEX", _) => {
                return fact.needs.iter().all(|need| self.kept.contains(need) || need.space == "SCHEMA");
            }
            (Action::Change, "SEQUENCE" | "PUBLICATION", Some(table)) => {
                has(table) && fact.thing.as_ref().is_some_and(|thing| self.kept.contains(thing))
            }
            (Action::Tell, "TRIGGER" | "RULE" | "POLICY" | "CONSTRAINT", Some(_)) => {
                fact.thing.as_ref().is_some_and(|thing| self.kept.contains(thing))
            }
            (_, _, Some(table)) => has(table),
            (_, _, None) if fact.thing.is_some() => {
                fact.thing.as_ref().is_some_and(|thing| self.kept.contains(thing) || self.is_outside(thing))
            }
            _ if entry.header.kind == "DEFAULT ACL" => {
                let mut schemas = fact.needs.iter().filter(|need| need.space == "SCHEMA").peekable();
                let by_schema = schemas.peek().is_some() && self.selection.tables.is_empty();
                return match by_schema {
                    true => schemas.all(|schema| self.selection.has_schema(&schema.name.name)),
                    false => self.selection.tables.is_empty() && self.selection.schemas.is_empty(),
                };
            }
            _ => self.selection.tables.is_empty() && self.selection.schemas.is_empty(),
        };
        belongs && ((fact.action == Action::Tell && fact.thing.is_some()) || self.keeps_all(fact, warnings))
    }

    /// Tells whether a trigger of the name that an entry ends in was kept, for whichever table.
    fn has_trigger(&self, entry: &Entry) -> bool {
        let name = entry.statements.first().and_then(|text| {
            let statement = Statement::read(text);
            statement.identifier_at(statement.tokens().len().checked_sub(1)?).map(Into::into)
        });
        let name: Option<String> = name;
        self.kept.iter().any(|thing| thing.space == "TRIGGER" && Some(&thing.name.name) == name.as_ref())
    }

    /// Tells whether a thing is made by no entry, such as the schema `public`, and is meant all the same.
    fn is_outside(&self, thing: &Thing) -> bool {
        let made = self.left_out.contains(thing) || self.kept.contains(thing);
        let by_table = self.selection.tables.is_empty();
        let schema = match thing.space {
            "SCHEMA" => Some(&thing.name.name),
            _ => thing.name.schema.as_ref(),
        };
        let meant =
            schema.map_or(self.selection.schemas.is_empty(), |schema| self.selection.has_schema(schema));
        !made && by_table && meant
    }

    fn keeps_all(&self, fact: &Facts, warnings: &mut Vec<String>) -> bool {
        let Some(missing) = fact.needs.iter().find(|need| self.left_out.contains(need)) else { return true };
        let own = fact.thing.as_ref().map(|thing| thing.name.name.clone()).unwrap_or_default();
        let of = match &fact.table {
            Some(table) if fact.action == Action::Make => format!(" of {table}"),
            _ => String::new(),
        };
        if let (Action::Attach, Some(table)) = (fact.action, &fact.table) {
            warnings.push(format!(
                "{table} becomes a table of its own: {}, which it is a partition of, is left out",
                missing.name
            ));
            return false;
        }
        let what = format!("{} {own}{of} is left out", fact.kind.to_ascii_lowercase());
        warnings.push(format!("{what}: it needs {}, which is left out", missing.name));
        false
    }

    /// What the definitions behind the rows may need, where they were not shown.
    fn guess(&self, script: &Script, facts: &[Facts]) -> Vec<Facts> {
        let table = facts.iter().find(|fact| {
            fact.makes_relation()
                && fact.thing.as_ref().is_some_and(|thing| self.selection.has_table(&thing.name.object()))
        });
        let Some(table) = table.and_then(|fact| fact.table.clone()) else { return Vec::new() };
        let is_likely = |entry: &Entry, fact: &Facts| {
            fact.kind == "EXTENSION"
                || (fact.kind == "FUNCTION"
                    && entry.statements.first().is_some_and(|text| text.contains("RETURNS trigger")))
        };
        let likely = script.entries.iter().zip(facts).filter(|(entry, fact)| is_likely(entry, fact));
        let things = likely.filter_map(|(_, fact)| fact.thing.clone());
        things
            .map(|thing| Facts { table: Some(table.clone()), needs: [thing].into(), ..Facts::default() })
            .collect()
    }

    fn check_names(&self, facts: &[Facts]) -> Result<()> {
        let things = || {
            facts
                .iter()
                .filter(|fact| fact.makes_thing())
                .filter_map(|fact| Some((fact, fact.thing.as_ref()?)))
        };
        for pattern in self.selection.tables.iter().filter(|pattern| !pattern.is_glob()) {
            let only = Selection { tables: vec![pattern.clone()], ..Selection::default() };
            if !things().any(|(fact, thing)| fact.makes_relation() && only.has_table(&thing.name.object())) {
                return Err(not_found("table", &pattern.0));
            }
        }
        for pattern in self.selection.schemas.iter().filter(|pattern| !pattern.is_glob()) {
            let has = |fact: &Facts, thing: &Thing| match fact.kind {
                "SCHEMA" => pattern.matches(&thing.name.name),
                _ => thing.name.schema.as_deref().is_some_and(|schema| pattern.matches(schema)),
            };
            if !things().any(|(fact, thing)| has(fact, thing)) {
                return Err(not_found("schema", &pattern.0));
            }
        }
        Ok(())
    }
}

fn not_found(what: &str, name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("the backup has no {what} \"{}\"", name.escape_debug()))
        .hint("names are compared to the letter; `*` and `?` stand for other characters")
}

#[cfg(test)]
mod tests;
