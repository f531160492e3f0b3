//! One request, before it is signed.

use std::sync::atomic::AtomicBool;

use cadangkan_storage::encoding::encode;

/// What a request needs to be allowed, as a person reads it: the letter of a shared access signature, the action of a role.
pub(crate) type Permission = (&'static str, &'static str);

pub(crate) const LIST: Permission = ("l", "blobs/read");
pub(crate) const READ: Permission = ("r", "blobs/read");
pub(crate) const WRITE: Permission = ("w", "blobs/write");
pub(crate) const DELETE: Permission = ("d", "blobs/delete");
pub(crate) const TAG: Permission = ("t", "blobs/tags/write");

/// What is asked of the container, or of a blob in it.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: http::Method,
    /// The blob's whole name; empty for the container itself.
    pub(crate) key: String,
    pub(crate) query: Vec<(&'static str, String)>,
    /// In lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: &'a [u8],
    pub(crate) permission: Permission,
    /// Whether somebody waits for the answer, so that little is tried again.
    pub(crate) brief: bool,
    /// Says that nobody waits for the answer any more.
    pub(crate) stop: Option<&'a AtomicBool>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: http::Method, key: impl Into<String>, permission: Permission) -> Self {
        let key = key.into();
        let (query, headers) = (Vec::new(), Vec::new());
        Request { method, key, query, headers, body: &[], permission, brief: false, stop: None }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// The query as it is sent.
    pub(crate) fn query_text(&self) -> String {
        let pairs = self.query.iter().map(|(name, value)| format!("{name}={}", encode(value)));
        pairs.collect::<Vec<_>>().join("&")
    }
}
