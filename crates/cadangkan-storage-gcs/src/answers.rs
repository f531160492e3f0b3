//! The JSON of answers.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Why something was refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    pub(crate) error: Reason,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reason {
    pub(crate) message: String,
    pub(crate) errors: Vec<Cause>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Cause {
    pub(crate) reason: String,
}

/// An object.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Object {
    pub(crate) name: String,
    /// A number as text.
    pub(crate) size: String,
    /// Its version.
    pub(crate) generation: String,
    pub(crate) updated: String,
    pub(crate) md5_hash: Option<String>,
    pub(crate) metadata: BTreeMap<String, String>,
}

impl Object {
    pub(crate) fn size(&self) -> Option<u64> {
        self.size.parse().ok()
    }
}

/// How far a copy is that the server makes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Rewritten {
    pub(crate) done: bool,
    /// What the request that goes on has to say.
    pub(crate) rewrite_token: String,
    /// A number as text.
    pub(crate) total_bytes_rewritten: String,
}

/// A page of a list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Objects {
    pub(crate) items: Vec<Object>,
    pub(crate) next_page_token: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read() {
        let text = r#"{"kind": "storage#objects", "nextPageToken": "t", "items": [{"name": "a/b", "size": "7", "generation": "1",
            "updated": "2026-11-26T18:00:00.000Z", "md5Hash": "x==", "metadata": {"k": "v"}}, {"name": "c"}]}"#;
        let list: Objects = serde_json::from_str(text).unwrap();
        let found: Vec<_> = list.items.iter().map(|object| (object.name.as_str(), object.size())).collect();
        assert_eq!((found, list.next_page_token.as_str()), (vec![("a/b", Some(7)), ("c", None)], "t"));
        assert_eq!(list.items[0].metadata["k"], "v");
        let text = r#"{"error": {"code": 403, "message": "m", "errors": [{"reason": "forbidden"}]}}"#;
        let refusal: Refusal = serde_json::from_str(text).unwrap();
        assert_eq!(
            (refusal.error.message.as_str(), refusal.error.errors[0].reason.as_str()),
            ("m", "forbidden")
        );
    }
}
