use cadangkan_core::settings;

use super::{Checker, keys};
use crate::config::mistake::Mistake;
use crate::config::node::Node;
use crate::config::retention::RetentionSettings;
use crate::config::shrink_guard::ShrinkGuardSettings;

impl Checker<'_> {
    /// Names what is wrong in `retention` besides the types of its values.
    pub(super) fn retention(&mut self, node: &Node) {
        let Some(entry) = node.entry(keys::RETENTION).filter(|entry| !entry.node.is_null()) else { return };
        if !self.expect_map(&entry.node, "`retention`") {
            return;
        }
        self.policy(&entry.node);
        let Some(storages) = entry.node.entry("storages").filter(|entry| !entry.node.is_null()) else {
            return;
        };
        for item in storages.node.entries() {
            self.known_storage(item);
            if !self.expect_map(&item.node, &format!("`{}`", item.key)) {
                continue;
            }
            if let Some(inner) = item.node.entry("storages") {
                let message = "a policy of a storage has no policies of storages";
                self.mistakes.push(Mistake::new(inner.position, message));
            }
            self.policy(&item.node);
        }
    }

    /// Names keys of `shrink_guard` that are not known.
    pub(super) fn shrink_guard(&mut self, node: &Node) {
        if let Some(entry) = node.entry(keys::SHRINK_GUARD) {
            self.known_keys(&entry.node, ShrinkGuardSettings::KEYS, &[]);
        }
    }

    fn policy(&mut self, node: &Node) {
        self.known_keys(node, RetentionSettings::KEYS, &[]);
        // What a misspelt key was to say is not known, so neither is whether the rest makes sense.
        if node.entries().iter().any(|entry| !RetentionSettings::KEYS.contains(&entry.key.as_str())) {
            return;
        }
        // What does not even have the right types is named where the whole database is read.
        let Ok(read) = settings::parse::<RetentionSettings>(&node.to_value()) else { return };
        if let Err(error) = read.policy() {
            self.mistake_at(
                node,
                format!("`retention`: {}", error.message()),
                error.advice().map(str::to_owned),
            );
        }
    }
}
