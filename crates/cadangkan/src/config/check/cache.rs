use super::{Checker, keys};
use crate::config::model::CacheSettings;
use crate::config::node::Node;
use crate::config::place::resolve_path;
use crate::config::size::parse_bytes;

impl Checker<'_> {
    /// Reads `cache`. Without a path it lies beside the configuration.
    pub(super) fn cache(&mut self, root: &Node) -> Option<CacheSettings> {
        let entry = root.entry("cache").filter(|entry| !entry.node.is_null())?;
        let node = &entry.node;
        if !self.expect_map(node, "`cache`") {
            return None;
        }
        self.known_keys(node, keys::CACHE_KEYS, &[]);
        let given = |key: &str| node.entry(key).map(|entry| &entry.node).filter(|node| !node.is_null());
        let path = match given("path") {
            Some(node) if node.text().is_none_or(str::is_empty) => {
                self.mistake_at(node, "`path` must be the path of a folder", None);
                return None;
            }
            Some(node) => node.text().unwrap_or_default(),
            None => "cache",
        };
        let size = given("max_size").unwrap_or(node);
        let value = size.to_value();
        let bytes = value.as_u64().or_else(|| parse_bytes(value.as_str()?)).filter(|bytes| *bytes > 0);
        if bytes.is_none() {
            let hint = "write the most that it may take of the disk, such as `max_size: 20GB`";
            self.mistake_at(size, "`cache` has no usable `max_size`", Some(hint.to_owned()));
        }
        Some(CacheSettings { path: resolve_path(path, self.folder, self.user_home), max_size: bytes? })
    }
}
