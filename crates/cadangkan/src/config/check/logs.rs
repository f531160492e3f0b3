use std::time::Duration;

use cadangkan_core::settings::parse_duration;
use serde_json::Value;

use super::{Checker, keys};
use crate::config::model::LogSettings;
use crate::config::node::Node;
use crate::config::size::parse_bytes;
use crate::daemon::Levels;

/// The least bytes of one file.
const LEAST_SIZE: u64 = 10_000;
/// The most files that may be kept.
const MOST_FILES: u64 = 1000;
/// The least time that they are kept.
const LEAST_AGE: Duration = Duration::from_secs(3600);

impl Checker<'_> {
    /// Reads `logs`.
    pub(super) fn logs(&mut self, root: &Node) -> LogSettings {
        let mut settings = LogSettings::default();
        let Some(entry) = root.entry("logs").filter(|entry| !entry.node.is_null()) else { return settings };
        let node = &entry.node;
        if !self.expect_map(node, "`logs`") {
            return settings;
        }
        self.known_keys(node, keys::LOGS_KEYS, &[]);
        let given = |key: &str| node.entry(key).map(|entry| &entry.node).filter(|node| !node.is_null());
        if let Some(node) = given("level") {
            match node.text().map(Levels::parse) {
                Some(Ok(_)) => settings.level = node.text().unwrap_or_default().to_owned(),
                Some(Err(error)) => {
                    self.mistake_at(node, error.message(), error.advice().map(str::to_owned));
                }
                None => self.mistake_at(node, "`level` must be text such as `info,http=debug`", None),
            }
        }
        let size = |value: &Value| value.as_u64().or_else(|| parse_bytes(value.as_str()?));
        let hint = "the most bytes of one file, such as 10MB; at least 10kB";
        let read = self.limit(node, "max_size", hint, |value| size(value).filter(|size| *size >= LEAST_SIZE));
        settings.max_size = read.unwrap_or(settings.max_size);
        let count =
            |value: &Value| usize::try_from(value.as_u64().filter(|count| *count <= MOST_FILES)?).ok();
        let read = self.limit(node, "keep", "how many older files stay, at most 1000", count);
        settings.keep = read.unwrap_or(settings.keep);
        let age = |value: &Value| parse_duration(value.as_str()?).filter(|age| *age >= LEAST_AGE);
        let read = self.limit(node, "max_age", "how long they stay, such as 90d; at least 1h", age);
        settings.max_age = read.unwrap_or(settings.max_age);
        settings
    }
}
