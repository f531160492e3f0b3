//! From the tree to the configuration: every rule, and every mistake with its place.

mod cache;
mod database;
mod defaults;
mod hooks;
mod keys;
mod logs;
mod notifications;
mod options;
mod provider;
mod retention;
mod schedule;
mod traces;

use std::path::Path;

use cadangkan_archive::CodecKind;
use cadangkan_core::Name;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::mistake::Mistake;
use super::model::{Config, DeclaredDatabase, DeclaredStorage};
use super::node::{Content, Entry, Node};
use super::place::{Place, Sources};
use super::setting::{Setting, ValueOrigin};

pub(super) use keys::PROFILE_KEYS;
#[cfg(test)]
pub(crate) use keys::{CHANNEL_KEYS, DATABASE_KEYS, STORAGE_KEYS};
pub(crate) use keys::{ENCRYPTION, HOOKS};

/// Reads the whole tree; the profile was laid over it before.
pub(super) fn check(
    root: &Node,
    sources: &Sources<'_>,
    place: &Place,
    mistakes: &mut Vec<Mistake>,
) -> Config {
    let (folder, user_home) = (place.folder(), sources.user_home);
    let check_file_name = sources.check_file_name;
    let mut checker = Checker {
        folder,
        user_home,
        check_file_name,
        storages: None,
        channels: None,
        in_catalog: false,
        mistakes,
    };
    let mut config = Config::empty(place.clone());
    if !checker.expect_map(root, "the configuration") {
        return config;
    }
    checker.known_keys(root, keys::ROOT_KEYS, &[]);
    checker.version(root);
    config.timezone = checker.timezone(root);
    for entry in checker.named(root, "storages") {
        config.storages.extend(checker.storage(entry));
    }
    checker.storages = Some(known_storages(root, sources.created_storages));
    for entry in checker.named(root, "notifications") {
        config.notifications.extend(checker.channel(entry));
    }
    checker.channels = Some(keys_below(root, "notifications"));
    config.defaults = checker.defaults(root);
    for entry in checker.named(root, "databases") {
        config.databases.extend(checker.database(entry, config.defaults.compression.value));
    }
    config.cache = checker.cache(root);
    config.scheduler = checker.scheduler(root);
    config.logs = checker.logs(root);
    config.traces = checker.traces(root);
    let profiles = checker.named(root, "profiles");
    config.profiles = profiles.iter().map(|entry| entry.key.clone()).collect();
    for entry in profiles.into_iter().filter(|entry| !entry.node.is_null()) {
        checker.expect_map(&entry.node, &format!("the profile `{}`", entry.key));
        checker.known_keys(&entry.node, keys::PROFILE_KEYS, &[]);
    }
    config
}

/// What all rules need.
struct Checker<'a> {
    /// Where relative paths begin.
    folder: &'a Path,
    /// What `~` stands for.
    user_home: Option<&'a Path>,
    check_file_name: fn(&str) -> cadangkan_core::Result<()>,
    /// Storages that may be referred to; `None` where that is not to be checked.
    storages: Option<Vec<String>>,
    /// Channels that may be referred to; `None` where that is not to be checked.
    channels: Option<Vec<String>>,
    /// Whether this is read from the catalog, where secrets are sealed.
    in_catalog: bool,
    mistakes: &'a mut Vec<Mistake>,
}

impl Checker<'_> {
    /// Adds a mistake at a value, unless that value is one that a missing variable spoilt.
    fn mistake_at(&mut self, node: &Node, message: impl Into<String>, hint: Option<String>) {
        if !node.unfilled {
            self.mistakes.push(Mistake::new(node.position, message).maybe_hint(hint));
        }
    }

    fn expect_map(&mut self, node: &Node, what: &str) -> bool {
        let is_map = matches!(node.content, Content::Map(_));
        if !is_map {
            let but = if node.is_null() { "but is empty".to_owned() } else { format!("not {}", node.kind()) };
            self.mistake_at(node, format!("{what} must be a map of keys and values, {but}"), None);
        }
        is_map
    }

    /// The entries of a map of named things; each name is checked.
    fn named<'n>(&mut self, root: &'n Node, key: &str) -> Vec<&'n Entry> {
        let Some(entry) = root.entry(key).filter(|entry| !entry.node.is_null()) else { return Vec::new() };
        if !self.expect_map(&entry.node, &format!("`{key}`")) {
            return Vec::new();
        }
        let mut usable = Vec::new();
        for named in entry.node.entries() {
            match Name::new(named.key.as_str()) {
                Ok(_) => usable.push(named),
                Err(error) => self.mistakes.push(
                    Mistake::new(named.position, error.message())
                        .maybe_hint(error.advice().map(str::to_owned)),
                ),
            }
        }
        usable
    }

    fn version(&mut self, root: &Node) {
        let Some(entry) = root.entry("version") else { return };
        if entry.node.to_value() != serde_json::json!(1) {
            let hint = "this program reads version 1; write `version: 1`";
            self.mistake_at(&entry.node, "this version of the configuration is not known", Some(hint.into()));
        }
    }

    fn timezone(&mut self, root: &Node) -> Option<Setting<TimeZone>> {
        let entry = root.entry("timezone").filter(|entry| !entry.node.is_null())?;
        let zone = entry.node.text().and_then(|name| TimeZone::get(name).ok());
        if zone.is_none() {
            let hint = "use a name of the IANA database, such as Europe/Berlin or UTC";
            self.mistake_at(&entry.node, "`timezone` is not a known time zone", Some(hint.into()));
        }
        Some(Setting { value: zone?, origin: origin(entry) })
    }
}

/// Everything that a `storage:` may name.
fn known_storages(root: &Node, created: &[Name]) -> Vec<String> {
    let mut known = keys_below(root, "storages");
    if known.is_empty() {
        known.push(super::HOME_STORAGE_NAME.to_owned());
    }
    known.extend(created.iter().map(ToString::to_string));
    known
}

/// The keys of a map in the file.
fn keys_below(root: &Node, key: &str) -> Vec<String> {
    let entries = root.entry(key).map(|entry| entry.node.entries()).unwrap_or_default();
    entries.iter().map(|entry| entry.key.clone()).collect()
}

/// Reads a database of the catalog, which is written like one in the file. `folder` is where relative paths begin.
pub(crate) fn check_database(
    name: &Name,
    definition: &Value,
    folder: &Path,
    outer: CodecKind,
) -> Result<DeclaredDatabase, Vec<Mistake>> {
    check_one(name, definition, folder, |checker, entry| checker.database(entry, outer))
}

/// Reads a storage of the catalog, which is written like one in the file.
pub(crate) fn check_storage(
    name: &Name,
    definition: &Value,
    folder: &Path,
) -> Result<DeclaredStorage, Vec<Mistake>> {
    check_one(name, definition, folder, |checker, entry| checker.storage(entry))
}

fn check_one<T>(
    name: &Name,
    definition: &Value,
    folder: &Path,
    read: impl FnOnce(&mut Checker<'_>, &Entry) -> Option<T>,
) -> Result<T, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let mut checker = Checker {
        folder,
        user_home: None,
        check_file_name: |_| Ok(()),
        storages: None,
        channels: None,
        in_catalog: true,
        mistakes: &mut mistakes,
    };
    let node = Node::from_value(definition);
    let entry = Entry { key: name.to_string(), position: node.position, node };
    match read(&mut checker, &entry) {
        Some(read) if mistakes.is_empty() => Ok(read),
        _ => Err(mistakes),
    }
}

/// Where a value in the file came from.
fn origin(entry: &Entry) -> ValueOrigin {
    // What a profile only changes keeps the place of its key, so the line is the value's.
    let line = entry.node.position.line;
    if entry.node.profile { ValueOrigin::Profile { line } } else { ValueOrigin::File { line } }
}
