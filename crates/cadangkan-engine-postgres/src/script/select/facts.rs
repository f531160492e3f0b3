use std::collections::BTreeSet;

use super::super::entry::Entry;
use super::super::lexer::Kind;
use super::super::name::QualifiedName;
use super::super::statement::Statement;
use super::super::subject::{Action, RELATIONS};

/// A thing that an entry makes or needs. Kinds without a schema have a space of names each, all others share one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thing {
    pub(super) space: &'static str,
    pub(super) name: QualifiedName,
}

/// What a selection has to know of an entry.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) action: Action,
    /// The kind in SQL's words; empty for what is about no object.
    pub(super) kind: &'static str,
    /// What it makes, changes or tells of.
    pub(super) thing: Option<Thing>,
    /// The table that it makes or belongs to.
    pub(super) table: Option<QualifiedName>,
    /// Whatever else it names.
    pub(super) needs: BTreeSet<Thing>,
    /// The schemas that its names seem to have; some are aliases, which look the same.
    pub(super) mentions: BTreeSet<Thing>,
}

/// The kinds whose objects are in no schema, each with the word that stands before such a name in other statements.
const WITHOUT_SCHEMA: [(&str, &str); 10] = [
    ("SCHEMA", "SCHEMA"),
    ("EXTENSION", "EXTENSION"),
    ("LANGUAGE", "LANGUAGE"),
    ("SERVER", "SERVER"),
    ("FOREIGN DATA WRAPPER", "WRAPPER"),
    ("ACCESS METHOD", "USING"),
    ("PUBLICATION", ""),
    ("SUBSCRIPTION", ""),
    ("EVENT TRIGGER", ""),
    ("DATABASE", ""),
];

/// The kinds whose names are only unique within their table.
const OF_TABLE: [&str; 3] = ["TRIGGER", "RULE", "POLICY"];

impl Thing {
    pub(super) fn shared(name: QualifiedName) -> Thing {
        Thing { space: "", name }
    }

    pub(super) fn schema(name: &str) -> Thing {
        Thing { space: "SCHEMA", name: QualifiedName::alone(name) }
    }

    fn of(kind: &'static str, name: QualifiedName, table: Option<&QualifiedName>) -> Thing {
        if OF_TABLE.contains(&kind) {
            let table = table.map(QualifiedName::to_string);
            return Thing { space: kind, name: QualifiedName { schema: table, ..name } };
        }
        let alone = WITHOUT_SCHEMA.iter().any(|(without, _)| *without == kind);
        Thing { space: if alone { kind } else { "" }, name }
    }
}

impl Facts {
    pub(super) fn read(entry: &Entry) -> Facts {
        let mut facts = entry
            .subject(|subject| {
                let name = subject.name.clone();
                Some(Facts {
                    action: subject.action,
                    kind: subject.kind,
                    thing: name.map(|name| Thing::of(subject.kind, name, subject.table.as_ref())),
                    table: subject.table.clone(),
                    ..Facts::default()
                })
            })
            .unwrap_or_default();
        facts.table = facts.table.or_else(|| entry.table());
        for name in entry.references() {
            facts.mentions.extend(name.schema.as_deref().map(Thing::schema));
            facts.needs.insert(Thing::shared(name));
        }
        entry.statements.iter().for_each(|text| facts.add_words(&Statement::read(text)));
        entry.settings.iter().for_each(|text| facts.add_setting(&Statement::read(text)));
        if let Some(thing) = facts.thing.as_ref().filter(|_| facts.action == Action::Make) {
            facts.needs.remove(thing);
        }
        facts
    }

    /// Tells whether it makes a table, a view or a sequence.
    pub(super) fn makes_relation(&self) -> bool {
        self.action == Action::Make && RELATIONS.contains(&self.kind)
    }

    /// Tells whether it makes something that other entries can need, and that belongs to no table.
    pub(super) fn makes_thing(&self) -> bool {
        self.action == Action::Make
            && !self.kind.is_empty()
            && (self.makes_relation() || self.table.is_none())
    }

    fn add_words(&mut self, statement: &Statement<'_>) {
        for index in 0..statement.tokens().len() {
            for (space, word) in WITHOUT_SCHEMA {
                if !word.is_empty()
                    && statement.is_word_at(index, word)
                    && let Some(name) = statement.identifier_at(index + 1)
                {
                    self.needs.insert(Thing { space, name: QualifiedName::alone(name) });
                }
            }
        }
    }

    /// `SET default_table_access_method = columnar`
    fn add_setting(&mut self, statement: &Statement<'_>) {
        let is_method = statement.identifier_at(1).is_some_and(|name| name == "default_table_access_method");
        let last = statement.tokens().len().saturating_sub(1);
        let is_name = statement.tokens().last().is_some_and(|last| last.kind != Kind::Text);
        if is_method
            && is_name
            && let Some(name) = statement.identifier_at(last)
        {
            self.needs.insert(Thing { space: "ACCESS METHOD", name: QualifiedName::alone(name) });
        }
    }
}
