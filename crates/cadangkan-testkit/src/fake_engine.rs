//! A database server in memory, with many databases, several connections on one snapshot, and faults on demand.
//!
//! Its archive is lines of text, in frames that stand alone:
//! `CREATE <database> <table>`, and `INSERT <database> <table>`, one row in hexadecimal per line, `END`.

mod engine;
mod load;
mod snapshot;
mod text;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Result};
use cadangkan_engine::Engine;

pub use engine::FAKE;

/// Rows of one table, each as its bytes.
pub type Rows = Vec<Vec<u8>>;
/// Tables of one database.
pub type Tables = BTreeMap<String, Rows>;

/// A server. Clones are the same server.
#[derive(Clone, Debug, Default)]
pub struct FakeServer(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    databases: BTreeMap<String, Tables>,
    /// What restores kept, by the name it was kept under.
    kept: BTreeMap<String, BTreeMap<String, Tables>>,
    /// Goes up with every change: the server's position.
    changes: u64,
    faults: Vec<Fault>,
    /// What lies beside the next archive.
    notes: Option<Vec<u8>>,
}

/// Something that goes wrong once, while a dump reads rows or what was loaded is read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The dump fails with this kind at the row of this number, counted over one unit from 0.
    FailAtRow(u64, ErrorKind),
    /// The dump stands still at this row until the run is cancelled.
    BlockAtRow(u64),
    /// The snapshot turns out to be broken when it ends.
    FailAtEnd(ErrorKind),
    /// Connecting fails with this kind, marked retryable.
    FailToConnect(ErrorKind),
    /// What was loaded has lost a row by the time it is read back.
    LoseLoadedRow,
}

impl FakeServer {
    /// Makes an empty server.
    pub fn new() -> Self {
        FakeServer::default()
    }

    /// An engine that uses this server.
    pub fn engine(&self) -> Box<dyn Engine> {
        Box::new(engine::FakeEngine { server: self.clone() })
    }

    /// Replaces all content: two databases with several tables and `rows` rows in the largest; the same for the
    /// same seed.
    pub fn fill(&self, seed: u64, rows: u64) {
        let mut state = self.lock();
        state.databases.clear();
        for (database, tables) in [("shop", 4), ("wiki", 2)] {
            let of_database = (0..tables).map(|table| {
                let count = if table == 0 { rows } else { rows / (3 * table + 1) };
                let row = |number| format!("{database} {table} {seed} row {number}").into_bytes();
                (format!("{database}_{table}"), (0..count).map(row).collect())
            });
            state.databases.insert(database.to_owned(), of_database.collect());
        }
        state.databases.entry("shop".to_owned()).or_default().insert("empty".to_owned(), Rows::new());
        state.changes += 1;
    }

    /// Adds a row to a table of each database, and takes another one away.
    pub fn change(&self) {
        let mut state = self.lock();
        state.changes += 1;
        let number = state.changes;
        for rows in state.databases.values_mut().filter_map(|tables| tables.values_mut().next_back()) {
            rows.push(format!("change {number}").into_bytes());
            rows.swap_remove(0);
        }
    }

    /// Lets a file of these bytes lie beside each archive.
    pub fn write_notes(&self, bytes: &[u8]) {
        self.lock().notes = Some(bytes.to_vec());
    }

    /// Makes something go wrong the next time it can.
    pub fn inject(&self, fault: Fault) {
        self.lock().faults.push(fault);
    }

    /// Faults that have not happened: a test that injects some makes sure that none is left.
    pub fn pending_faults(&self) -> Vec<Fault> {
        self.lock().faults.clone()
    }

    /// The content of all databases.
    pub fn databases(&self) -> BTreeMap<String, Tables> {
        self.lock().databases.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the first fault that fits, so that it happens once.
    fn take_fault(&self, fits: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let mut state = self.lock();
        let place = state.faults.iter().position(fits)?;
        Some(state.faults.remove(place))
    }

    fn connect(&self, control: &Control<'_>) -> Result<()> {
        control.check()?;
        match self.take_fault(|fault| matches!(fault, Fault::FailToConnect(_))) {
            Some(Fault::FailToConnect(kind)) => Err(injected(kind).retryable()),
            _ => Ok(()),
        }
    }
}

fn injected(kind: ErrorKind) -> Error {
    Error::new(kind, "a fault of the fake server").hint("a test wanted it so")
}

fn object(database: &str, table: &str) -> ObjectName {
    ObjectName { database: Some(database.to_owned()), schema: None, name: table.to_owned() }
}

#[cfg(test)]
mod tests;
