//! Makes sure that the bucket is there and that all is allowed that a backup needs.

use std::hash::{BuildHasher as _, RandomState};

use cadangkan_core::{Error, ErrorKind, Result};
use http::Method;

use crate::client::Client;
use crate::failure::is_permission;
use crate::request::{DELETE, READ, Request};

/// Tries everything once on an object of its own, which is removed again. What is not allowed is named all at once.
pub(crate) fn run(client: &Client, prefix: &str) -> Result<()> {
    let path = format!("{prefix}cadangkan-check-{:016x}", RandomState::new().hash_one(prefix));
    let (mut missing, bucket, bytes) = (Missing::default(), client.bucket.as_str(), path.as_bytes());
    missing.note(client, &Request::of_bucket(bucket).query("maxResults", "1").query("prefix", prefix))?;
    // Without the class: one that is kept for some time at least costs that time.
    let put = Request::upload(bucket, &path, "media").header("content-type", "application/octet-stream");
    if missing.note(client, &put.body(bytes))?.is_some() {
        let get = Request::of_object(Method::GET, bucket, &path, READ).query("alt", "media");
        let read = missing.note(client, &get);
        let other = matches!(&read, Ok(Some(body)) if body != bytes);
        let delete = Request::of_object(Method::DELETE, bucket, &path, DELETE);
        missing.left |= missing.note(client, &delete)?.is_none();
        read?;
        if other {
            return Err(Error::new(ErrorKind::Io, "the server gave back other bytes than were written")
                .context("bucket", bucket)
                .hint("check the network and any proxy in between"));
        }
    }
    missing.into_result(client, &path)
}

/// The permissions that are missing so far.
#[derive(Default)]
struct Missing {
    permissions: Vec<&'static str>,
    first: Option<Error>,
    /// Whether something of the check is still there.
    left: bool,
}

impl Missing {
    /// Sends a request. A refusal is noted when only this permission is missing, and returned otherwise.
    fn note(&mut self, client: &Client, request: &Request<'_>) -> Result<Option<Vec<u8>>> {
        match client.send(&Request { brief: true, ..request.clone() }) {
            Ok(answer) => Ok(Some(answer.body)),
            Err(failure) if is_permission(&failure) => {
                self.permissions.push(request.permission);
                self.first.get_or_insert(failure.error);
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    fn into_result(self, client: &Client, path: &str) -> Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        let (names, bucket) = (self.permissions.join(", "), &client.bucket);
        let error = Error::new(ErrorKind::Denied, format!("these credentials may not: {names}"));
        let error = error.context("bucket", bucket).source(first);
        let error = if self.left { error.context("left behind", path) } else { error };
        Err(error.hint(format!(
            "give the role Storage Object User on {bucket}, or {names}; docs/gcs.md has the least role"
        )))
    }
}
