use cadangkan_archive::CodecKind;
use cadangkan_core::Name;
use cadangkan_core::settings::parse_duration;
use cadangkan_engine::Descriptor;
use serde_json::Value;

use super::{Checker, keys, origin};
use crate::commands::labels::{GROUP, LONGEST, is_value};
use crate::config::mistake::Mistake;
use crate::config::model::{DatabaseOptions, DeclaredDatabase};
use crate::config::node::{Content, Entry, Node};
use crate::registry;

impl Checker<'_> {
    /// Reads one database. `outer` is the codec that counts where it names none.
    pub(super) fn database(&mut self, entry: &Entry, outer: CodecKind) -> Option<DeclaredDatabase> {
        let node = &entry.node;
        if !self.expect_map(node, &format!("the database `{}`", entry.key)) {
            return None;
        }
        let ids: Vec<&str> = registry::ENGINES.iter().map(|engine| engine.id).collect();
        let chosen = self.choose(entry, "database", &ids, keys::DATABASE_KEYS);
        let keys: Vec<&str> = keys::DATABASE_KEYS
            .iter()
            .copied()
            .filter(|key| ![keys::ENABLED, keys::ENCRYPTION, keys::HOOKS].contains(key))
            .collect();
        let mut options: Option<DatabaseOptions> = self.read_keys(node, &keys);
        let encryption = self.encryption(node);
        let hooks = self.hooks(node).unwrap_or_default();
        if let Some(options) = &mut options {
            (options.encryption, options.hooks) = (encryption, hooks);
        }
        let enabled = self.enabled(node);
        self.codec(node, outer);
        self.storage_names(node);
        self.file_name(node);
        self.backup(node);
        self.upload_after(node);
        self.retention(node);
        self.shrink_guard(node);
        self.labels(node);
        self.notify(node);
        self.schedules(node);
        let (chosen, id) = chosen?;
        let engine = registry::engine(id)?;
        self.selection_of(node, engine, options.as_ref());
        self.sessions(node, engine);
        let settings = self.settings(chosen, engine.fields, &|value| (engine.open)(value).map(drop));
        let given = node.entries().iter().filter(|entry| !entry.node.is_null());
        Some(DeclaredDatabase {
            name: Name::new(entry.key.as_str()).ok()?,
            line: entry.position.line,
            engine,
            settings: settings?,
            options: options?,
            origins: given.map(|entry| (entry.key.clone(), origin(entry))).collect(),
            enabled,
        })
    }

    /// Names storages that are not there, and what is no length of time.
    pub(super) fn upload_after(&mut self, node: &Node) {
        let Some(entry) = node.entry(keys::UPLOAD_AFTER) else { return };
        for item in entry.node.entries() {
            self.known_storage(item);
            if let Some(text) = item.node.text().filter(|text| parse_duration(text).is_none()) {
                let message = format!("`{}` is no length of time", text.escape_debug());
                self.mistake_at(&item.node, message, Some("write `24h` or `7d`".to_owned()));
            }
        }
    }

    /// Names labels that cannot be, and a group that is named twice.
    fn labels(&mut self, node: &Node) {
        let group = node.entry(GROUP).filter(|entry| !entry.node.is_null());
        let labels = node.entry(keys::LABELS).map(|entry| entry.node.entries()).unwrap_or_default();
        for item in labels.iter().chain(group) {
            if item.node.text().is_some_and(|text| !is_value(text)) {
                let message = format!("`{}`: 1 to {LONGEST} bytes, and no control characters", item.key);
                self.mistake_at(&item.node, message, None);
            }
        }
        if let Some(second) = labels.iter().find(|item| item.key == GROUP && group.is_some()) {
            let message = "`group` stands among the labels and beside them";
            self.mistakes.push(Mistake::new(second.position, message).hint("keep one of them"));
        }
    }

    /// Refuses a key that should name a storage, and does not.
    pub(super) fn known_storage(&mut self, item: &Entry) {
        if self.storages.as_ref().is_some_and(|known| !known.contains(&item.key)) {
            let hint = format!("there is: {}", self.storages.as_deref().unwrap_or_default().join(", "));
            let message = format!("there is no storage `{}`", item.key);
            self.mistakes.push(Mistake::new(item.position, message).hint(hint));
        }
    }

    /// Names what is wrong in `backup` besides the types of its values.
    fn backup(&mut self, node: &Node) {
        let Some(entry) = node.entry(keys::BACKUP).filter(|entry| !entry.node.is_null()) else { return };
        self.known_keys(&entry.node, keys::BACKUP_KEYS, &[]);
        let given = |key: &str| entry.node.entry(key).map(|entry| &entry.node);
        let is_true = |node: &&Node| node.to_value() == Value::Bool(true);
        if let (Some(_), Some(second)) =
            (given("schema_only").filter(is_true), given("data_only").filter(is_true))
        {
            let hint = "keep one of them; without both, definitions and rows are backed up";
            self.mistake_at(second, "`schema_only` and `data_only` exclude each other", Some(hint.into()));
        }
        if let Some(suffix) = given("secondary_suffix").filter(|node| node.text().is_some_and(str::is_empty))
        {
            let hint = "every name ends in nothing; leave it out for `_secondary`";
            self.mistake_at(suffix, "`secondary_suffix` is empty", Some(hint.into()));
        }
        for list in entry.node.entries() {
            let Content::List(items) = &list.node.content else { continue };
            for item in items.iter().filter(|item| item.text().is_some_and(str::is_empty)) {
                self.mistake_at(item, format!("an item of `{}` is empty", list.key), None);
            }
        }
    }

    /// Refuses a selection while somebody reads, and not at night when a backup fails.
    fn selection_of(&mut self, node: &Node, engine: &Descriptor, options: Option<&DatabaseOptions>) {
        let selects = options.is_some_and(|options| !options.backup.is_everything());
        if let Some(entry) =
            node.entry(keys::BACKUP).filter(|_| selects && !engine.capabilities.dump_selection)
        {
            let message = format!("{} is backed up whole, without a selection", engine.display_name);
            let hint = "take `backup` out; a restore can pick single tables out of a whole backup";
            self.mistakes.push(Mistake::new(entry.position, message).hint(hint));
        }
    }
}
