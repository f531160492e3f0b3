use std::collections::{BTreeMap, BTreeSet};

use cadangkan_core::{Error, ErrorKind, Result, Selection};

use super::super::name::QualifiedName;
use super::super::subject::Action;
use super::facts::{Facts, Thing};

/// Which things are kept, found out from what is selected and what that needs.
#[derive(Debug)]
pub(super) struct Plan<'f> {
    facts: &'f [Facts],
    selection: &'f Selection,
    /// Which entries make a thing; functions of one name are several.
    makers: BTreeMap<&'f Thing, Vec<usize>>,
    /// Which table a sequence belongs to.
    owners: BTreeMap<&'f QualifiedName, &'f QualifiedName>,
    /// The entries that cannot be kept.
    blocked: BTreeSet<usize>,
    /// The entries that make what is kept.
    pub(super) kept: BTreeSet<usize>,
    pub(super) warnings: Vec<String>,
}

impl<'f> Plan<'f> {
    /// Finds out what is kept of the entries of which facts are given; `later` are entries that come with them
    /// when they can.
    pub(super) fn make(facts: &'f [Facts], later: &[Facts], selection: &'f Selection) -> Result<Self> {
        let mut plan = Plan {
            facts,
            selection,
            makers: BTreeMap::new(),
            owners: BTreeMap::new(),
            blocked: BTreeSet::new(),
            kept: BTreeSet::new(),
            warnings: Vec::new(),
        };
        for (index, fact) in facts.iter().enumerate() {
            if let Some(thing) = fact.thing.as_ref().filter(|_| fact.makes_thing()) {
                plan.makers.entry(thing).or_default().push(index);
            }
            if fact.action == Action::Change
                && fact.kind == "SEQUENCE"
                && let (Some(thing), Some(table)) = (&fact.thing, &fact.table)
                && thing.name != *table
            {
                plan.owners.insert(&thing.name, table);
            }
        }
        let roots: BTreeSet<usize> = (0..facts.len()).filter(|index| plan.is_selected(*index)).collect();
        plan.block(&roots)?;
        plan.keep(roots.difference(&plan.blocked.clone()).copied().collect());
        plan.keep_what_comes_along(later);
        Ok(plan)
    }

    /// Tells whether a thing is made by an entry that is not kept.
    pub(super) fn is_left_out(&self, thing: &Thing) -> bool {
        self.makers.get(thing).is_some_and(|makers| !makers.iter().any(|maker| self.kept.contains(maker)))
    }

    /// Tells whether a thing is made by an entry that is kept.
    pub(super) fn has(&self, thing: &Thing) -> bool {
        self.makers.get(thing).is_some_and(|makers| makers.iter().any(|maker| self.kept.contains(maker)))
    }

    fn is_selected(&self, index: usize) -> bool {
        let Some(fact) = self.facts.get(index).filter(|fact| fact.makes_thing()) else { return false };
        let selection = self.selection;
        let names_tables = !selection.tables.is_empty();
        match &fact.thing {
            Some(thing) if fact.makes_relation() => {
                let itself = selection.has_table(&thing.name.object());
                match self.owners.get(&thing.name) {
                    Some(owner) => selection.has_table(&owner.object()) || (names_tables && itself),
                    None => itself,
                }
            }
            _ if names_tables => false,
            Some(thing) if fact.kind == "SCHEMA" => selection.has_schema(&thing.name.name),
            Some(thing) if thing.name.schema.is_some() => {
                thing.name.schema.as_deref().is_some_and(|schema| selection.has_schema(schema))
            }
            _ => selection.schemas.is_empty(),
        }
    }

    /// Finds what cannot be kept: tables that were not selected, schemas that were excluded, and what needs those.
    fn block(&mut self, roots: &BTreeSet<usize>) -> Result<()> {
        let outside = |name: &QualifiedName| {
            let excluded = Selection {
                exclude_schemas: self.selection.exclude_schemas.clone(),
                exclude_tables: self.selection.exclude_tables.clone(),
                ..Selection::default()
            };
            !excluded.has_table(&name.object())
        };
        for (index, fact) in self.facts.iter().enumerate().filter(|(_, fact)| fact.makes_thing()) {
            let excluded = match &fact.thing {
                Some(thing) if fact.kind == "SCHEMA" => {
                    outside(&QualifiedName::of(&thing.name.name, String::new()))
                }
                Some(thing) => thing.name.schema.is_some() && outside(&thing.name),
                None => false,
            };
            if !roots.contains(&index) && (excluded || (fact.makes_relation() && fact.kind != "SEQUENCE")) {
                self.blocked.insert(index);
            }
        }
        while let Some((index, missing)) = self.next_blocked() {
            self.blocked.insert(index);
            let Some(fact) = self.facts.get(index).filter(|_| roots.contains(&index)) else { continue };
            let name = fact.thing.as_ref().map(|thing| thing.name.to_string()).unwrap_or_default();
            let what = format!("{} {name}", fact.kind.to_ascii_lowercase());
            if matches!(fact.kind, "TABLE" | "FOREIGN TABLE") {
                return Err(Error::new(
                    ErrorKind::Usage,
                    format!("{what} cannot be made without {missing}, which is left out"),
                )
                .hint(format!("select {missing} too, or leave {name} out")));
            }
            self.warnings.push(format!("{what} is left out: it needs {missing}, which is left out"));
        }
        Ok(())
    }

    fn next_blocked(&self) -> Option<(usize, QualifiedName)> {
        let things = self.facts.iter().enumerate().filter(|(_, fact)| fact.makes_thing());
        things.filter(|(index, _)| !self.blocked.contains(index)).find_map(|(index, fact)| {
            let missing = fact.needs.iter().find(|need| self.is_blocked(need))?;
            Some((index, missing.name.clone()))
        })
    }

    fn is_blocked(&self, thing: &Thing) -> bool {
        let makers = self.makers.get(thing);
        makers.is_some_and(|makers| makers.iter().all(|maker| self.blocked.contains(maker)))
    }

    /// Keeps entries and all that they need.
    fn keep(&mut self, mut queue: Vec<usize>) {
        while let Some(index) = queue.pop() {
            let Some(fact) = self.facts.get(index).filter(|_| self.kept.insert(index)) else { continue };
            queue.extend(self.makers_of(fact));
            let sequences = self.owners.iter().filter(|(_, table)| fact.table.as_ref() == Some(**table));
            let sequences = sequences.map(|(sequence, _)| Thing::shared((*sequence).clone()));
            queue.extend(sequences.filter_map(|thing| self.makers.get(&thing)).flatten());
        }
    }

    /// Lists the entries that make what an entry needs.
    fn makers_of(&self, fact: &Facts) -> Vec<usize> {
        let own_schema =
            fact.thing.iter().filter_map(|thing| thing.name.schema.as_deref().map(Thing::schema));
        let needs = fact.needs.union(&fact.mentions).cloned().chain(own_schema);
        let mut found: Vec<usize> =
            needs.clone().filter_map(|need| self.makers.get(&need)).flatten().copied().collect();
        // What no entry makes may be a part of an extension in that schema.
        let foreign: BTreeSet<_> = needs
            .filter(|need| !self.makers.contains_key(need))
            .filter_map(|need| need.name.schema)
            .collect();
        found.extend(self.extensions().filter_map(|(index, fact)| {
            let home = fact.needs.iter().find(|need| need.space == "SCHEMA");
            home.is_none_or(|home| foreign.contains(&home.name.name)).then_some(index)
        }));
        found.retain(|index| !self.blocked.contains(index));
        found
    }

    fn extensions(&self) -> impl Iterator<Item = (usize, &'f Facts)> {
        let makes = |fact: &&Facts| fact.action == Action::Make && fact.kind == "EXTENSION";
        self.facts.iter().enumerate().filter(move |(_, fact)| makes(fact))
    }

    /// Keeps what belongs to something kept without being named by it: what entries of its tables need, identity
    /// sequences, casts.
    fn keep_what_comes_along(&mut self, later: &[Facts]) {
        let of_tables = self.facts.iter().chain(later).filter(|fact| !fact.makes_thing());
        let needed: Vec<usize> = of_tables
            .filter(|fact| fact.table.as_ref().is_some_and(|table| self.has(&Thing::shared(table.clone()))))
            .filter(|fact| !fact.needs.iter().any(|need| self.is_blocked(need)))
            .flat_map(|fact| self.makers_of(fact))
            .collect();
        self.keep(needed);
        let casts = self.facts.iter().enumerate().filter(|(index, fact)| {
            fact.makes_thing()
                && matches!(fact.kind, "CAST" | "TRANSFORM")
                && !self.blocked.contains(index)
                && fact.needs.iter().any(|need| need.space.is_empty() && self.has(need))
        });
        let casts = casts.map(|(index, _)| index).collect();
        self.keep(casts);
    }
}
