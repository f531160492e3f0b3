//! One request.

use std::sync::atomic::AtomicBool;

use cadangkan_storage::encoding::encode;
use http::Method;

pub(crate) const LIST: &str = "storage.objects.list";
pub(crate) const READ: &str = "storage.objects.get";
pub(crate) const CREATE: &str = "storage.objects.create";
pub(crate) const COPY: &str = "storage.objects.create, with storage.objects.get where it is copied from";
pub(crate) const DELETE: &str = "storage.objects.delete";

/// What is asked of the bucket, or of an object in it.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// The path with its query, encoded.
    pub(crate) target: String,
    /// The object's name, for messages; empty for the bucket itself.
    pub(crate) key: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: &'a [u8],
    /// What it needs to be allowed, in Google's words.
    pub(crate) permission: &'static str,
    /// Whether somebody waits for the answer, so that little is tried again.
    pub(crate) brief: bool,
    /// Says that nobody waits for the answer any more.
    pub(crate) stop: Option<&'a AtomicBool>,
}

impl<'a> Request<'a> {
    /// Asks something of an object.
    pub(crate) fn of_object(method: Method, bucket: &str, key: &str, permission: &'static str) -> Self {
        Self::to(method, format!("/storage/v1/b/{}/o/{}", encode(bucket), encode(key)), key, permission)
    }

    /// Asks for the objects of the bucket.
    pub(crate) fn of_bucket(bucket: &str) -> Self {
        Self::to(Method::GET, format!("/storage/v1/b/{}/o", encode(bucket)), "", LIST)
    }

    /// Sends an object, or begins to.
    pub(crate) fn upload(bucket: &str, key: &str, kind: &str) -> Self {
        let target = format!("/upload/storage/v1/b/{}/o", encode(bucket));
        Self::to(Method::POST, target, key, CREATE).query("uploadType", kind).query("name", key)
    }

    pub(crate) fn to(method: Method, target: String, key: &str, permission: &'static str) -> Self {
        let (key, headers) = (key.to_owned(), Vec::new());
        Request { method, target, key, headers, body: &[], permission, brief: false, stop: None }
    }

    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.target.push(if self.target.contains('?') { '&' } else { '?' });
        self.target.push_str(&format!("{name}={}", encode(value)));
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }
}
