use std::collections::{BTreeMap, BTreeSet};

use super::entries::Entries;
use super::views::View;

/// Definitions of one database that come behind all rows.
#[derive(Default)]
pub(super) struct Deferred {
    pub(super) routines: Entries,
    /// The names, in lower case, that stand in each function.
    pub(super) functions: BTreeMap<String, BTreeSet<String>>,
    pub(super) views: Vec<View>,
    /// Triggers and events.
    pub(super) others: Entries,
}

impl Deferred {
    /// All of it, in the order in which it is made.
    pub(super) fn texts(&self) -> Vec<Vec<u8>> {
        let mut entries = Entries::default();
        self.routines.texts().for_each(|text| entries.add_entries(text));
        self.views.iter().for_each(|view| view.add_to(&mut entries));
        self.others.texts().for_each(|text| entries.add_entries(text));
        entries.finish()
    }
}
