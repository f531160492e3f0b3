//! One request, before it is signed.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use cadangkan_storage::encoding;
use ring::digest;

/// What is asked of the bucket, or of an object in it.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: http::Method,
    /// The object's whole key; empty for the bucket itself.
    pub(crate) key: String,
    pub(crate) query: Vec<(&'static str, String)>,
    /// In lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: &'a [u8],
    /// The body's SHA-256, where it is known already.
    pub(crate) digest: Option<digest::Digest>,
    /// The permission that it needs, in Amazon's words.
    pub(crate) permission: &'static str,
    /// Says that nobody waits for the answer any more.
    pub(crate) stop: Option<&'a AtomicBool>,
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: http::Method, key: impl Into<String>, permission: &'static str) -> Self {
        let key = key.into();
        Request {
            method,
            key,
            query: Vec::new(),
            headers: Vec::new(),
            body: &[],
            digest: None,
            permission,
            stop: None,
        }
    }

    pub(crate) fn query(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }

    pub(crate) fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn headers(mut self, headers: &[(String, String)]) -> Self {
        self.headers.extend_from_slice(headers);
        self
    }

    pub(crate) fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }

    /// Says what the body's SHA-256 is, so that it is not made again.
    pub(crate) fn digest(mut self, digest: digest::Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Tells whether the key goes along with which the server is to decrypt an object (SSE-C).
    pub(crate) fn reads_with_our_key(&self) -> bool {
        let is_key = |name: &str| name.starts_with("x-amz-server-side-encryption-customer-");
        matches!(self.method, http::Method::GET | http::Method::HEAD)
            && self.headers.iter().any(|(name, _)| is_key(name))
    }

    /// Tells whether nobody waits any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_some_and(|stop| stop.load(Ordering::Relaxed))
    }

    /// The query as it is sent and signed.
    pub(crate) fn query_text(&self) -> String {
        let mut pairs: Vec<String> = self
            .query
            .iter()
            .map(|(name, value)| format!("{}={}", encoding::encode(name), encoding::encode(value)))
            .collect();
        pairs.sort_unstable();
        pairs.join("&")
    }
}

/// Writes bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// A body's SHA-256.
pub(crate) fn sha256(body: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA256, body)
}
