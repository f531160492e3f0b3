use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Names and values in words: `role replica, read_only on`; `None` when there are none.
pub(crate) fn words(map: &Map<String, Value>) -> Option<String> {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let parts: Vec<_> = map.iter().map(|(key, value)| format!("{key} {}", word(value))).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Labels as they are typed: `client=acme, env=prod`.
pub(crate) fn labels(labels: &BTreeMap<String, String>) -> String {
    labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}
