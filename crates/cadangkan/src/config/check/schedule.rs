use cadangkan_core::{Name, settings};
use cadangkan_engine::Descriptor;
use cadangkan_scheduler::{Pattern, ScheduleSettings};
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::{Checker, keys};
use crate::config::mistake::Mistake;
use crate::config::model::SchedulerSettings;
use crate::config::node::Node;
use crate::schedules::OWN_NAMES;

/// The most runs at once that may be set.
const MOST_AT_ONCE: usize = 1000;

/// `scheduler` as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    limit: Option<usize>,
    cleanup: Option<String>,
    sync: Option<String>,
    listen: Option<String>,
}

impl Checker<'_> {
    /// Names what is wrong in `schedule` and `schedules` besides the types of their values.
    pub(super) fn schedules(&mut self, node: &Node) {
        if let Some(entry) = node.entry(keys::SCHEDULE).filter(|entry| !entry.node.is_null()) {
            self.schedule(&entry.node, "`schedule`");
        }
        let Some(entry) = node.entry(keys::SCHEDULES).filter(|entry| !entry.node.is_null()) else { return };
        if !self.expect_map(&entry.node, "`schedules`") {
            return;
        }
        for item in entry.node.entries() {
            if let Err(error) = Name::new(item.key.as_str()) {
                let hint = error.advice().map(str::to_owned);
                self.mistakes.push(Mistake::new(item.position, error.message()).maybe_hint(hint));
            }
            if OWN_NAMES.contains(&item.key.as_str()) {
                let message = format!("the scheduler has a schedule `{}` of itself", item.key);
                self.mistakes.push(Mistake::new(item.position, message).hint("give this one another name"));
            }
            self.schedule(&item.node, &format!("the schedule `{}`", item.key));
        }
    }

    /// Refuses what is asked of a server where there is none.
    pub(super) fn sessions(&mut self, node: &Node, engine: &Descriptor) {
        let several = node.entry(keys::SCHEDULES).map(|entry| entry.node.entries()).unwrap_or_default();
        let all = node.entry(keys::SCHEDULE).into_iter().chain(several);
        for entry in all.filter_map(|schedule| schedule.node.entry("max_sessions")) {
            if !engine.capabilities.sessions && !entry.node.is_null() {
                let message = format!("`max_sessions`: {} has no server with sessions", engine.display_name);
                self.mistake_at(&entry.node, message, Some("`max_load` waits for this machine".to_owned()));
            }
        }
    }

    fn schedule(&mut self, node: &Node, what: &str) {
        if !self.expect_map(node, what) {
            return;
        }
        let before = self.mistakes.len();
        self.known_keys(node, ScheduleSettings::KEYS, &[]);
        if let Some(retry) = node.entry("retry").filter(|entry| !entry.node.is_null())
            && self.expect_map(&retry.node, "`retry`")
        {
            self.known_keys(&retry.node, ScheduleSettings::RETRY_KEYS, &[]);
        }
        self.storage_names(node);
        self.retention(node);
        // What a misspelt key was to say is not known, so neither is whether the rest makes sense.
        if self.mistakes.len() > before {
            return;
        }
        // What does not even have the right types is named where the whole database is read.
        let Ok(read) = settings::parse::<ScheduleSettings>(&node.to_value()) else { return };
        if let Err(error) = read.schedule(&TimeZone::UTC) {
            self.mistake_at(node, format!("{what}: {}", error.message()), error.advice().map(str::to_owned));
        }
    }

    /// Reads `scheduler`.
    pub(super) fn scheduler(&mut self, root: &Node) -> SchedulerSettings {
        let mut settings = SchedulerSettings::default();
        let Some(entry) = root.entry("scheduler").filter(|entry| !entry.node.is_null()) else {
            return settings;
        };
        let node = &entry.node;
        if !self.expect_map(node, "`scheduler`") {
            return settings;
        }
        self.known_keys(node, keys::SCHEDULER_KEYS, &[]);
        let raw: Raw = self.read_keys(node, keys::SCHEDULER_KEYS).unwrap_or_default();
        match raw.limit {
            Some(limit) if (1..=MOST_AT_ONCE).contains(&limit) => settings.limit = limit,
            Some(_) => self.at_key(node, "limit", format!("`limit` is a number from 1 to {MOST_AT_ONCE}")),
            None => {}
        }
        match raw.listen.as_deref().map(str::parse) {
            Some(Ok(address)) => settings.listen = Some(address),
            Some(Err(_)) => {
                self.at_key(
                    node,
                    "listen",
                    "`listen` is an address with a port, such as 127.0.0.1:9184".to_owned(),
                );
            }
            None => {}
        }
        for (key, text, place) in
            [("cleanup", raw.cleanup, &mut settings.cleanup), ("sync", raw.sync, &mut settings.sync)]
        {
            let Some(text) = text else { continue };
            match Pattern::parse(&text) {
                Ok(_) => *place = text,
                Err(error) => self.at_key(node, key, format!("`{key}`: {}", error.message())),
            }
        }
        settings
    }

    fn at_key(&mut self, node: &Node, key: &str, message: String) {
        if let Some(entry) = node.entry(key) {
            self.mistake_at(&entry.node, message, None);
        }
    }
}
