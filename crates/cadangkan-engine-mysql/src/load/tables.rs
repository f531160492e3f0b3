//! Tables, made without what is quicker to build once their rows are there.

use std::collections::{BTreeMap, HashSet};

use cadangkan_core::{Control, Level, ObjectName, Result};
use cadangkan_mywire::{Connection, identifier};

use super::entries::Entry;
use super::pool::Pool;
use super::rows::Count;
use super::statement::{define, explain};
use crate::script::{CreateTable, Foreign, Key, Kind, Taken};

/// Tables of fewer rows keep their indexes: a second statement would take longer than it saves.
const FEW_ROWS: u64 = 1000;

/// What is left to do for tables once their rows are there.
#[derive(Debug, Default)]
pub(super) struct Later {
    tables: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    table: String,
    taken: Taken,
    /// Whether the keys were switched off, as engines without transactions can.
    switched: bool,
}

/// A table to be made.
pub(super) struct Made {
    /// The entry, with the definition that is run first.
    pub(super) entry: Entry,
    waiting: Option<Waiting>,
}

/// Decides what of each table can wait. `rows` are the numbers of rows that are known.
pub(super) fn plan(entries: Vec<Entry>, rows: &BTreeMap<String, u64>) -> Vec<Made> {
    let needs_foreign = |entry: &Entry| read(entry).is_some_and(|table| table.needs_foreign());
    // Tables that have their foreign keys at once, and those that these refer to, have their indexes at once.
    let whole: HashSet<String> = entries
        .iter()
        .filter(|entry| needs_foreign(entry))
        .flat_map(|entry| {
            let parents = read(entry).map(|table| table.parents().map(str::to_owned).collect::<Vec<_>>());
            parents.unwrap_or_default().into_iter().chain([entry.name.clone()])
        })
        .collect();
    let waits = |entry: &Entry| {
        let few = rows.get(&entry.name).is_some_and(|rows| *rows < FEW_ROWS);
        !few && !whole.contains(&entry.name) && read(entry).is_some_and(|table| table.has_keys_to_take())
    };
    // A foreign key needs the indexes of both tables, of which none may still be missing.
    let waiting: HashSet<String> =
        entries.iter().filter(|entry| waits(entry)).map(|entry| entry.name.clone()).collect();
    let here: HashSet<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    entries
        .into_iter()
        .map(|entry| {
            let keys = waiting.contains(&entry.name);
            let is_missing = |parent: &str| waiting.contains(parent) || !here.contains(parent);
            let foreign = !needs_foreign(&entry)
                && (keys || read(&entry).is_some_and(|table| table.parents().any(is_missing)));
            take(entry, keys, foreign)
        })
        .collect()
}

/// Decides what of one table can wait, where nobody knows what comes after it: all that can.
pub(super) fn plan_alone(entry: Entry, rows: &BTreeMap<String, u64>) -> Made {
    let few = rows.get(&entry.name).is_some_and(|rows| *rows < FEW_ROWS);
    let whole = read(&entry).is_some_and(|table| table.needs_foreign());
    take(entry, !few && !whole, !whole)
}

fn take(entry: Entry, keys: bool, foreign: bool) -> Made {
    let Some(table) = read(&entry) else { return Made { entry, waiting: None } };
    let (text, taken) = table.take(keys, foreign);
    let switched = matches!(table.engine.as_deref(), Some("myisam" | "aria"));
    let waits = switched || !taken.keys.is_empty() || !taken.foreign.is_empty();
    let waiting = waits.then(|| Waiting { table: entry.name.clone(), taken, switched });
    let mut made = entry;
    if let Some(main) = position(&made).and_then(|at| made.statements.get_mut(at)) {
        *main = text;
    }
    Made { entry: made, waiting }
}

fn position(entry: &Entry) -> Option<usize> {
    entry.statements.iter().position(|statement| crate::script::About::read(statement).kind == Kind::Table)
}

fn read(entry: &Entry) -> Option<CreateTable<'_>> {
    (entry.kind == Kind::Table).then(|| entry.main()).flatten().and_then(|text| CreateTable::read(text))
}

impl Later {
    /// Makes one table.
    pub(super) fn make_one(
        &mut self,
        connection: &mut Connection,
        made: Made,
        control: &Control<'_>,
    ) -> Result<()> {
        make(connection, &made, control)?;
        // A table that was made before under this name is gone.
        self.tables.retain(|waiting| waiting.table != made.entry.name);
        self.tables.extend(made.waiting);
        Ok(())
    }

    /// Makes tables, several at once.
    pub(super) fn make(&mut self, pool: &Pool, tables: Vec<Made>, control: &Control<'_>) -> Result<()> {
        // Tables that stand for others come last, since those must be there.
        let (unions, plain): (Vec<_>, Vec<_>) =
            tables.into_iter().partition(|made| read(&made.entry).is_some_and(|table| is_union(&table)));
        for tables in [plain, unions] {
            pool.each(&tables, control, make)?;
            self.tables.extend(tables.into_iter().filter_map(|made| made.waiting));
        }
        Ok(())
    }

    /// Leaves out foreign keys to tables that are not there, since no row could ever be added; says which.
    pub(super) fn drop_dangling(&mut self, pool: &Pool, control: &Control<'_>) -> Result<()> {
        if self.tables.iter().all(|waiting| waiting.taken.foreign.is_empty()) {
            return Ok(());
        }
        let sql = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()";
        let rows = pool.with(control, |connection| connection.query(sql, control))?;
        let there: HashSet<String> =
            rows.into_iter().flatten().flatten().map(|name| name.to_lowercase()).collect();
        for waiting in &mut self.tables {
            let (kept, dangling) = std::mem::take(&mut waiting.taken.foreign)
                .into_iter()
                .partition(|foreign| there.contains(&foreign.parent.to_lowercase()));
            waiting.taken.foreign = kept;
            for Foreign { parent, .. } in dangling {
                let table = &waiting.table;
                let text = format!(
                    "a foreign key of {table} is left out: {parent}, which it leads to, is neither restored nor in the target"
                );
                control.message(Level::Warning, &text);
            }
        }
        Ok(())
    }

    /// Builds what waited: indexes, largest tables first and several at once, then foreign keys.
    pub(super) fn build(
        &mut self,
        pool: &Pool,
        counts: &BTreeMap<ObjectName, Count>,
        control: &Control<'_>,
    ) -> Result<()> {
        let size = |waiting: &Waiting| {
            let count = counts.get(&ObjectName::new(waiting.table.as_str()));
            std::cmp::Reverse(count.map_or(0, |count| count.bytes))
        };
        self.tables.sort_by_key(size);
        pool.each(&self.tables, control, |connection, waiting, control| {
            for statement in waiting.key_statements() {
                run(connection, &waiting.table, &statement, control)?;
            }
            if waiting.switched {
                switch_keys(connection, &waiting.table, "ENABLE", control)?;
            }
            Ok(())
        })?;
        // Not at once: each locks the tables that it refers to.
        for waiting in &self.tables {
            if let Some(statement) = waiting.foreign_statement() {
                pool.with(control, |connection| run(connection, &waiting.table, &statement, control))?;
            }
        }
        self.tables.clear();
        Ok(())
    }
}

impl Waiting {
    /// InnoDB builds full-text indexes one at a time (manual, "Online DDL Operations"); the first one may rebuild the
    /// table, so they come before the others.
    fn key_statements(&self) -> Vec<Vec<u8>> {
        let is_alone = |kind: &Key| *kind == Key::Fulltext;
        let alone =
            self.taken.keys.iter().filter(|(kind, _)| is_alone(kind)).map(|(_, key)| self.alter([key]));
        let others: Vec<_> =
            self.taken.keys.iter().filter(|(kind, _)| !is_alone(kind)).map(|(_, key)| key).collect();
        let others = (!others.is_empty()).then(|| self.alter(others));
        alone.chain(others).collect()
    }

    fn foreign_statement(&self) -> Option<Vec<u8>> {
        let foreign: Vec<_> = self.taken.foreign.iter().map(|foreign| &foreign.text).collect();
        (!foreign.is_empty()).then(|| self.alter(foreign))
    }

    fn alter<'a>(&self, items: impl IntoIterator<Item = &'a Vec<u8>>) -> Vec<u8> {
        let mut statement = format!("ALTER TABLE {}", identifier(&self.table)).into_bytes();
        for (place, item) in items.into_iter().enumerate() {
            statement.extend_from_slice(if place == 0 { b"\n  ADD " } else { b",\n  ADD " });
            statement.extend_from_slice(item);
        }
        statement
    }
}

fn make(connection: &mut Connection, made: &Made, control: &Control<'_>) -> Result<()> {
    made.entry.run(connection, control)?;
    if made.waiting.as_ref().is_some_and(|waiting| waiting.switched) {
        switch_keys(connection, &made.entry.name, "DISABLE", control)?;
    }
    Ok(())
}

fn is_union(table: &CreateTable<'_>) -> bool {
    matches!(table.engine.as_deref(), Some("mrg_myisam" | "merge"))
}

fn switch_keys(connection: &mut Connection, table: &str, word: &str, control: &Control<'_>) -> Result<()> {
    let statement = format!("ALTER TABLE {} {word} KEYS", identifier(table));
    run(connection, table, statement.as_bytes(), control)
}

fn run(connection: &mut Connection, table: &str, statement: &[u8], control: &Control<'_>) -> Result<()> {
    define(connection, statement, control)
        .map_err(|error| explain(error, &format!("TABLE {table}"), statement))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, body: &str) -> Entry {
        let statement =
            format!("CREATE TABLE `{name}` (\n  `id` int,\n  PRIMARY KEY (`id`){body}\n) ENGINE=InnoDB");
        Entry {
            kind: Kind::Table,
            name: name.to_owned(),
            table: None,
            statements: vec![statement.into_bytes()],
        }
    }

    #[test]
    fn small_tables_keep_all_but_foreign_keys_to_what_waits() {
        let foreign = |to: &str| format!(",\n  CONSTRAINT `f` FOREIGN KEY (`id`) REFERENCES `{to}` (`id`)");
        let entries = vec![
            entry("big", ",\n  KEY `k` (`id`),\n  FULLTEXT KEY `x` (`a`),\n  FULLTEXT KEY `y` (`b`)"),
            entry("small", ",\n  KEY `k` (`id`)"),
            entry("to_big", &foreign("big")),
            entry("to_small", &foreign("small")),
        ];
        let rows = [("big", 5000), ("small", 3), ("to_big", 3), ("to_small", 3)];
        let made = plan(entries, &rows.into_iter().map(|(name, rows)| (name.to_owned(), rows)).collect());
        let waiting: Vec<_> = made.iter().map(|made| made.waiting.is_some()).collect();
        assert_eq!(waiting, [true, false, true, false]);
        let big = made[0].waiting.as_ref().unwrap();
        let statements: Vec<_> =
            big.key_statements().into_iter().map(|text| String::from_utf8(text).unwrap()).collect();
        assert_eq!(
            statements,
            [
                "ALTER TABLE `big`\n  ADD FULLTEXT KEY `x` (`a`)",
                "ALTER TABLE `big`\n  ADD FULLTEXT KEY `y` (`b`)",
                "ALTER TABLE `big`\n  ADD KEY `k` (`id`)"
            ]
        );
        assert!(made[2].waiting.as_ref().unwrap().foreign_statement().is_some());
        let stored = format!(",\n  `s` int GENERATED ALWAYS AS (`id`) STORED{}", foreign("big"));
        let made = plan(vec![entry("big", ",\n  KEY `k` (`id`)"), entry("x", &stored)], &BTreeMap::new());
        assert!(made.iter().all(|made| made.waiting.is_none()));
    }
}
