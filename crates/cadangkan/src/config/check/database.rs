use cadangkan_archive::CodecKind;
use cadangkan_core::Name;

use super::{Checker, keys, origin};
use crate::config::model::{DatabaseOptions, DeclaredDatabase};
use crate::config::node::Entry;
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
        let keys: Vec<&str> =
            keys::DATABASE_KEYS.iter().copied().filter(|key| *key != keys::ENABLED).collect();
        let options: Option<DatabaseOptions> = self.read_keys(node, &keys);
        let enabled = self.enabled(node);
        self.codec(node, outer);
        self.storage_names(node);
        self.file_name(node);
        let (chosen, id) = chosen?;
        let engine = registry::engine(id)?;
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
}
