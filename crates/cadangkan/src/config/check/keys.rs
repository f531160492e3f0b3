use super::Checker;
use crate::commands::labels::GROUP;
use crate::config::mistake::Mistake;
use crate::config::node::Node;
use crate::ui::suggest;

/// Keys of the file.
pub(super) const ROOT_KEYS: &[&str] = &[
    "version",
    "timezone",
    "defaults",
    "storages",
    "databases",
    "notifications",
    "cache",
    "scheduler",
    "logs",
    "traces",
    "profiles",
];

/// Keys of `defaults`.
pub(super) const DEFAULTS_KEYS: &[&str] = &[
    "compression",
    "level",
    "storage",
    "workers",
    "memory",
    "file_name",
    "check",
    "fingerprints",
    REQUIRE_TICKET,
    ENCRYPTION,
    RETENTION,
    SHRINK_GUARD,
    UPLOAD_AFTER,
    HOOKS,
    NOTIFY,
    SCHEDULE,
    SCHEDULES,
];

/// Keys of `cache`.
pub(super) const CACHE_KEYS: &[&str] = &["path", "max_size"];

/// Keys of a storage, besides its provider.
pub(crate) const STORAGE_KEYS: &[&str] = &[BANDWIDTH, CAPACITY, LOW_SPACE, ENABLED];

/// The key of how fast a storage may be.
pub(super) const BANDWIDTH: &str = "bandwidth";

/// The key of how large a storage is.
pub(super) const CAPACITY: &str = "capacity";

/// The key of when a storage is nearly full.
pub(super) const LOW_SPACE: &str = "low_space";

/// Keys of a database, besides its engine.
pub(crate) const DATABASE_KEYS: &[&str] = &[
    "storage",
    "compression",
    "level",
    "file_name",
    "check",
    "fingerprints",
    REQUIRE_TICKET,
    ENCRYPTION,
    BACKUP,
    UPLOAD_AFTER,
    RETENTION,
    HOOKS,
    SHRINK_GUARD,
    NOTIFY,
    SCHEDULE,
    SCHEDULES,
    "production",
    LABELS,
    GROUP,
    "tags",
    ENABLED,
];

/// The key of whether a ticket is needed.
const REQUIRE_TICKET: &str = "require_ticket";

/// The key of how backups are encrypted.
pub(crate) const ENCRYPTION: &str = "encryption";

/// The key of what backups hold.
pub(super) const BACKUP: &str = "backup";

/// The key of which storages get a backup later.
pub(super) const UPLOAD_AFTER: &str = "upload_after";

/// The key of which backups stay.
pub(super) const RETENTION: &str = "retention";

/// The key of labels.
pub(super) const LABELS: &str = "labels";

/// The key of what is done before and after backups.
pub(crate) const HOOKS: &str = "hooks";

/// The key of what makes a backup look wrong.
pub(super) const SHRINK_GUARD: &str = "shrink_guard";
/// The key of when something is done.
pub(super) const SCHEDULE: &str = "schedule";

/// The key of several of these, each with a name.
pub(super) const SCHEDULES: &str = "schedules";

/// Keys of `logs`.
pub(super) const LOGS_KEYS: &[&str] = &["level", "max_size", "keep", "max_age"];

/// Keys of `traces`.
pub(super) const TRACES_KEYS: &[&str] = &["endpoint", "headers", "ca_file"];

/// Keys of `scheduler`.
pub(super) const SCHEDULER_KEYS: &[&str] = &["limit", "cleanup", "sync", "listen"];

/// The key of who hears of a database.
pub(super) const NOTIFY: &str = "notify";

/// Keys of a channel, besides its kind.
pub(crate) const CHANNEL_KEYS: &[&str] = &["on", "after_failures", "template", "digest"];

/// Keys of what backups hold.
pub(super) const BACKUP_KEYS: &[&str] = &[
    "tables",
    "exclude_tables",
    "exclude_data",
    "schemas",
    "exclude_schemas",
    "schema_only",
    "data_only",
    "globals",
    "exclude_empty",
    "combined",
    "schema_only_databases",
    "secondary_suffix",
    "companions",
];

/// The key that both storages and databases have.
pub(super) const ENABLED: &str = "enabled";

/// Keys of a profile.
pub(crate) const PROFILE_KEYS: &[&str] = &["defaults", "storages", "databases", "notifications"];

impl Checker<'_> {
    /// Names every key of a map that is in neither list. Returns the keys that were most likely meant.
    pub(super) fn known_keys<'k>(&mut self, node: &Node, keys: &[&'k str], more: &[&'k str]) -> Vec<&'k str> {
        let mut meant = Vec::new();
        for entry in node.entries() {
            let known = || keys.iter().chain(more).copied();
            if known().any(|key| key == entry.key) {
                continue;
            }
            let hint = match suggest::nearest(&entry.key, known()) {
                Some(near) => {
                    meant.push(near);
                    format!("did you mean `{near}`?")
                }
                None => format!("known here: {}", known().collect::<Vec<_>>().join(", ")),
            };
            self.mistakes
                .push(Mistake::new(entry.position, format!("unknown key `{}`", entry.key)).hint(hint));
        }
        meant
    }
}
