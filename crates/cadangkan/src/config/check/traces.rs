use super::hooks::written;
use super::{Checker, keys};
use crate::config::node::Node;
use crate::config::place::resolve_path;
use crate::traces::{READ_BY_OTHERS, TraceSettings, is_read_by_others, whole_endpoint};

impl Checker<'_> {
    /// Reads `traces`.
    pub(super) fn traces(&mut self, root: &Node) -> Option<TraceSettings> {
        let entry = root.entry("traces").filter(|entry| !entry.node.is_null())?;
        let node = &entry.node;
        if !self.expect_map(node, "`traces`") {
            return None;
        }
        self.known_keys(node, keys::TRACES_KEYS, &[]);
        let given = |key: &str| node.entry(key).map(|entry| &entry.node).filter(|node| !node.is_null());
        let headers = self.headers(node);
        let ca_file = given("ca_file").map(|node| (node, node.text().filter(|path| !path.is_empty())));
        if let Some((node, None)) = ca_file {
            self.mistake_at(node, "`ca_file` must be the path of a file", None);
        }
        let Some(place) = given("endpoint") else {
            let hint = "write where the collector is, such as `endpoint: http://127.0.0.1:4318`";
            self.mistake_at(node, "`traces` has no `endpoint`", Some(hint.to_owned()));
            return None;
        };
        let base = self.address("endpoint", place)?;
        let Some(endpoint) = whole_endpoint(&base) else {
            let hint = "secrets belong into `headers`: `{ authorization: \"${VARIABLE}\" }`";
            self.mistake_at(place, "`endpoint` has a login in it", Some(hint.to_owned()));
            return None;
        };
        let headers = headers?;
        if !headers.is_empty() && is_read_by_others(&endpoint) {
            self.mistake_at(place, READ_BY_OTHERS.0, Some(READ_BY_OTHERS.1.to_owned()));
        }
        let ca_file = ca_file.and_then(|(_, path)| path);
        let ca_file = ca_file.map(|path| resolve_path(path, self.folder, self.user_home));
        Some(TraceSettings { endpoint, headers, ca_file, written: written(node) })
    }
}
