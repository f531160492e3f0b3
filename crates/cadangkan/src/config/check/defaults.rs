use std::collections::BTreeMap;
use std::fmt;

use cadangkan_core::Name;
use cadangkan_scheduler::ScheduleSettings;
use serde::{Deserialize, Deserializer};

use super::{Checker, keys, origin};
use crate::config::model::Defaults;
use crate::config::node::Node;
use crate::config::notifications::NotifySettings;
use crate::config::retention::RetentionSettings;
use crate::config::setting::Setting;
use crate::config::shrink_guard::ShrinkGuardSettings;

/// The fewest bytes that may be set as `memory`: a few frames.
const LEAST_MEMORY: u64 = 32 * 1024 * 1024;

/// The most threads that may be set as `workers`.
const MOST_WORKERS: u64 = 1024;

/// `defaults` as it stands in the file.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw {
    compression: Option<String>,
    level: Option<i32>,
    storage: Option<Vec<Name>>,
    workers: Option<Workers>,
    memory: Option<Memory>,
    file_name: Option<String>,
    check: Option<bool>,
    fingerprints: Option<bool>,
    require_ticket: Option<bool>,
    retention: Option<RetentionSettings>,
    shrink_guard: Option<ShrinkGuardSettings>,
    upload_after: Option<BTreeMap<Name, String>>,
    notify: Option<NotifySettings>,
    schedule: Option<ScheduleSettings>,
    schedules: Option<BTreeMap<String, ScheduleSettings>>,
}

impl Checker<'_> {
    /// Reads `defaults`.
    pub(super) fn defaults(&mut self, root: &Node) -> Defaults {
        let defaults = Defaults::default();
        let Some(entry) = root.entry("defaults").filter(|entry| !entry.node.is_null()) else {
            return defaults;
        };
        let node = &entry.node;
        if !self.expect_map(node, "`defaults`") {
            return defaults;
        }
        self.known_keys(node, keys::DEFAULTS_KEYS, &[]);
        let raw: Raw = self.read_keys(node, keys::DEFAULTS_KEYS).unwrap_or_default();
        let encryption = self.encryption(node);
        let hooks = self.hooks(node);
        let codec = self.codec(node, defaults.compression.value);
        self.storage_names(node);
        self.file_name(node);
        self.retention(node);
        self.shrink_guard(node);
        self.upload_after(node);
        self.notify(node);
        self.schedules(node);
        Defaults {
            compression: given(node, "compression", defaults.compression, raw.compression.map(|_| codec)),
            level: given(node, "level", defaults.level, raw.level.map(Some)),
            storage: given(node, "storage", defaults.storage, raw.storage),
            workers: given(node, "workers", defaults.workers, raw.workers.map(|workers| workers.0)),
            memory: given(node, "memory", defaults.memory, raw.memory.map(|memory| memory.0)),
            file_name: given(node, "file_name", defaults.file_name, raw.file_name.map(Some)),
            check: given(node, "check", defaults.check, raw.check),
            fingerprints: given(node, "fingerprints", defaults.fingerprints, raw.fingerprints),
            require_ticket: given(node, "require_ticket", defaults.require_ticket, raw.require_ticket),
            retention: given(node, keys::RETENTION, defaults.retention, raw.retention.map(Some)),
            shrink_guard: given(node, keys::SHRINK_GUARD, defaults.shrink_guard, raw.shrink_guard),
            encryption: given(node, keys::ENCRYPTION, defaults.encryption, encryption.map(Some)),
            upload_after: given(node, keys::UPLOAD_AFTER, defaults.upload_after, raw.upload_after),
            hooks: given(node, keys::HOOKS, defaults.hooks, hooks),
            notify: given(node, keys::NOTIFY, defaults.notify, raw.notify.map(Some)),
            schedule: given(node, keys::SCHEDULE, defaults.schedule, raw.schedule.map(Some)),
            schedules: given(node, keys::SCHEDULES, defaults.schedules, raw.schedules),
        }
    }
}

/// The value of the file with its place, or the one before.
fn given<T>(node: &Node, key: &str, before: Setting<T>, value: Option<T>) -> Setting<T> {
    match node.entry(key) {
        Some(entry) => before.or_nearer(value, origin(entry)),
        None => before,
    }
}

/// A number of threads.
struct Workers(usize);

impl<'de> Deserialize<'de> for Workers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wanted = u64::deserialize(deserializer)?;
        let usable = (1..=MOST_WORKERS).contains(&wanted);
        let number = usize::try_from(wanted).ok().filter(|_| usable);
        number
            .map(Workers)
            .ok_or_else(|| serde::de::Error::custom(format_args!("must be 1 to {MOST_WORKERS}")))
    }
}

/// A number of bytes, plain or with a unit.
struct Memory(u64);

impl<'de> Deserialize<'de> for Memory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MemoryVisitor)
    }
}

struct MemoryVisitor;

impl serde::de::Visitor<'_> for MemoryVisitor {
    type Value = Memory;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as 256MiB")
    }

    fn visit_u64<E: serde::de::Error>(self, bytes: u64) -> Result<Memory, E> {
        if bytes < LEAST_MEMORY {
            return Err(E::custom("must be at least 32MiB"));
        }
        Ok(Memory(bytes))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Memory, E> {
        let bytes = crate::config::size::parse_bytes(text);
        self.visit_u64(bytes.ok_or_else(|| E::custom("is not a size such as 256MiB or 1GB"))?)
    }
}
