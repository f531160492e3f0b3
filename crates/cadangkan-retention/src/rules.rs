use std::collections::BTreeMap;

use crate::{Calendar, Policy};

/// A policy, and how time is cut into periods for it.
#[derive(Clone, Debug)]
pub struct Rule {
    /// What stays.
    pub policy: Policy,
    /// How time is cut into days and weeks.
    pub calendar: Calendar,
}

/// What counts for the backups of one series.
#[derive(Clone, Debug)]
pub struct Rules {
    /// For all that no other is for.
    pub usual: Rule,
    /// For what a schedule made that has a policy of its own, by its name.
    pub of_schedules: BTreeMap<String, Rule>,
}

impl Rules {
    /// One rule for all.
    pub fn one(policy: Policy, calendar: Calendar) -> Self {
        Rules { usual: Rule { policy, calendar }, of_schedules: BTreeMap::new() }
    }

    /// Each with its schedule; the usual one has none.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Option<&str>, &Rule)> {
        let own = self.of_schedules.iter().map(|(name, rule)| (Some(name.as_str()), rule));
        std::iter::once((None, &self.usual)).chain(own)
    }
}
