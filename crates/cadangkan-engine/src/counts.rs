use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use cadangkan_core::ObjectName;

/// What was loaded into each table, by its name in the backup.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<ObjectName, Count>>);

/// What was loaded into one table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Rows that the server counted.
    pub rows: u64,
    /// Bytes of their text.
    pub bytes: u64,
}

impl Counts {
    /// Adds rows to a table; returns what it has by now.
    pub fn add(&self, table: &ObjectName, rows: u64, bytes: usize) -> Count {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(table.clone()).or_default();
        count.rows += rows;
        count.bytes += bytes as u64;
        *count
    }

    /// What came so far.
    pub fn all(&self) -> BTreeMap<ObjectName, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
