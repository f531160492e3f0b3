//! What the server's catalogs say of tables, views and sequences: a few queries, however many there are.

mod columns;
mod names;
mod row;
mod states;

use std::collections::{BTreeSet, HashMap};

use cadangkan_core::{Control, ObjectName, Result, Selection};
use cadangkan_mywire::{Connection, identifier, literal};

use crate::load::MARKER;
pub(crate) use columns::{Column, Key, Period};
pub(crate) use names::check_names;
pub(crate) use row::{RowOf, one_row, text};
pub(crate) use states::States;

/// One table, as the catalogs show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its name.
    pub(crate) name: ObjectName,
    /// Its name, quoted for statements.
    pub(crate) quoted: String,
    /// Its storage engine; empty when it cannot be opened.
    pub(crate) engine: String,
    /// Whether its engine has transactions, and so a snapshot.
    pub(crate) transactional: bool,
    /// Whether the server keeps the history of its rows.
    pub(crate) versioned: bool,
    /// Rows, estimated by the server.
    pub(crate) estimated_rows: Option<u64>,
    /// Bytes of its rows, estimated by the server.
    pub(crate) bytes: u64,
    /// The columns that have values of their own, in their order: generated ones are left out.
    pub(crate) columns: Vec<Column>,
    /// The columns that hold since when and until when a row was, where they are named.
    pub(crate) period: Option<Period>,
    /// Its primary key.
    pub(crate) key: Option<Key>,
}

/// Engines whose rows are somewhere else: in other tables, or on other servers.
const ELSEWHERE: &[&str] =
    &["MRG_MYISAM", "MRG_ISAM", "FEDERATED", "CONNECT", "OQGRAPH", "SPIDER", "VP", "BLACKHOLE"];

/// Engines of tables that are made of others on the same server.
const MERGED: &[&str] = &["MRG_MYISAM", "MRG_ISAM"];

impl Table {
    /// Whether it has rows of its own.
    pub(crate) fn has_rows(&self) -> bool {
        !ELSEWHERE.iter().any(|engine| self.engine.eq_ignore_ascii_case(engine))
    }

    /// Whether it is made of other tables of its server.
    pub(crate) fn is_merged(&self) -> bool {
        MERGED.iter().any(|engine| self.engine.eq_ignore_ascii_case(engine))
    }

    /// What stands behind SELECT where it is read. Who waits to change a table without transactions lets nobody read it
    /// who comes later, unless that one has priority (manual of MySQL, SELECT).
    pub(crate) fn priority(&self) -> &'static str {
        if self.transactional { "" } else { " HIGH_PRIORITY" }
    }

    /// The columns, quoted, that hold since when and until when a row was; hidden ones have fixed names.
    pub(crate) fn period_names(&self) -> (String, String) {
        match &self.period {
            Some(period) => (identifier(&period.start), identifier(&period.end)),
            None => (identifier("row_start"), identifier("row_end")),
        }
    }
}

/// What is in a database, without what belongs to other objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Relations {
    /// The tables that are meant, by name.
    pub(crate) tables: Vec<Table>,
    /// The views that are meant, by name.
    pub(crate) views: Vec<String>,
    /// The sequences that are meant, by name.
    pub(crate) sequences: Vec<String>,
    /// Names of tables and views that are there and were excluded, in lower case.
    pub(crate) excluded: BTreeSet<String>,
    /// All tables together, also those that are not meant.
    pub(crate) size: Size,
    /// The state of everything that is meant.
    pub(crate) states: States,
}

/// How much there is in a database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    /// Rows and indexes, as the server estimates them.
    pub(crate) bytes: u64,
    /// The number of tables.
    pub(crate) tables: u64,
}

impl Size {
    /// Adds a table.
    pub(crate) fn add(&mut self, rows: u64, indexes: u64) {
        self.bytes = self.bytes.saturating_add(rows).saturating_add(indexes);
        self.tables += 1;
    }
}

/// A database, and how its name is compared.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    pub(crate) name: String,
    /// Whether the server minds no case in names of databases and tables.
    pub(crate) lowers: bool,
}

impl Schema {
    /// Asks the server how it compares names.
    pub(crate) fn of(connection: &mut Connection, name: &str, control: &Control<'_>) -> Result<Schema> {
        Ok(Schema { name: name.to_owned(), lowers: Schema::lowers(connection, control)? })
    }

    /// Whether the server minds no case in names.
    pub(crate) fn lowers(connection: &mut Connection, control: &Control<'_>) -> Result<bool> {
        Ok(one_row(connection, "SELECT @@lower_case_table_names", control)?.text()? != "0")
    }

    /// Tells whether a name that the server gave is this one: some catalogs do not mind the case.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name == name || (self.lowers && self.name.to_lowercase() == name.to_lowercase())
    }

    /// For statements.
    pub(crate) fn literal(&self) -> String {
        literal(&self.name)
    }

    /// The name of one of its tables or sequences, for statements in whichever database.
    pub(crate) fn qualified(&self, name: &str) -> String {
        format!("{}.{}", identifier(&self.name), identifier(name))
    }
}

/// Lists what is meant; columns and keys of tables are not known yet.
pub(crate) fn relations(
    connection: &mut Connection,
    schema: &Schema,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<Relations> {
    let transactional = engines_with_transactions(connection, control)?;
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_ROWS, DATA_LENGTH, INDEX_LENGTH, CREATE_TIME
           FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
        schema.literal()
    );
    let mut found = Relations::default();
    connection.rows(&sql, control, |_, row| {
        let mut row = RowOf::new(row);
        let (of, name, kind) = (row.text()?, row.text()?, row.text()?);
        let object = ObjectName::new(name.clone());
        if !schema.is(&of) || name == MARKER {
            return Ok(());
        }
        let (engine, rows) = (row.next()?.unwrap_or_default(), row.number()?);
        let (bytes, indexes) = (row.number()?.unwrap_or_default(), row.number()?.unwrap_or_default());
        if matches!(kind.as_str(), "BASE TABLE" | "SYSTEM VERSIONED") {
            found.size.add(bytes, indexes);
        }
        let written = row.next()?;
        if !selection.has_table(&object) {
            if selection.tables.is_empty() {
                found.excluded.insert(name.to_lowercase());
            }
            return Ok(());
        }
        found.states.add(&name, &kind, &engine, written);
        match kind.as_str() {
            "VIEW" | "SYSTEM VIEW" => found.views.push(name),
            "SEQUENCE" => found.sequences.push(name),
            "TEMPORARY" => {}
            kind => {
                found.tables.push(Table {
                    quoted: identifier(&name),
                    name: object,
                    transactional: transactional.contains(&engine.to_ascii_uppercase()),
                    engine,
                    versioned: kind == "SYSTEM VERSIONED",
                    estimated_rows: rows,
                    bytes,
                    ..Table::default()
                });
            }
        }
        Ok(())
    })?;
    found.tables.sort_by(|a, b| a.name.cmp(&b.name));
    found.views.sort();
    found.sequences.sort();
    Ok(found)
}

/// Finds out the columns and keys of tables.
pub(crate) fn describe(
    connection: &mut Connection,
    schema: &Schema,
    tables: &mut [Table],
    control: &Control<'_>,
) -> Result<()> {
    let places: HashMap<String, usize> =
        tables.iter().enumerate().map(|(place, table)| (table.name.name.clone(), place)).collect();
    columns::read(connection, schema, tables, &places, control)?;
    columns::read_keys(connection, schema, tables, &places, control)
}

/// The engines, in capitals, that have transactions.
pub(crate) fn engines_with_transactions(
    connection: &mut Connection,
    control: &Control<'_>,
) -> Result<Vec<String>> {
    let sql = "SELECT UPPER(ENGINE) FROM information_schema.ENGINES WHERE TRANSACTIONS = 'YES'";
    let rows = connection.query(sql, control)?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect())
}
