//! Makes sure that the bucket is there and that all is allowed that a backup needs.

use std::hash::{BuildHasher as _, RandomState};

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::Backoff;

use crate::answers::{Begun, parse};
use crate::client::{Answer, Client};
use crate::failure::Failure;
use crate::keeping::Keeping;
use crate::request::Request;

/// Tries everything once on an object of its own, which is removed again. What is not allowed is named all at once.
pub(crate) fn run(client: &Client, prefix: &str, keeping: &Keeping) -> Result<()> {
    let path = format!("{prefix}cadangkan-check-{:016x}", RandomState::new().hash_one(prefix));
    let mut missing = Missing::default();
    let bytes = path.as_bytes();

    let list = Request::new(http::Method::GET, "", "s3:ListBucket")
        .query("list-type", "2")
        .query("max-keys", "1")
        .query("prefix", prefix);
    missing.note(client, &list)?;
    let unfinished = Request::new(http::Method::GET, "", "s3:ListBucketMultipartUploads")
        .query("uploads", "")
        .query("max-uploads", "1")
        .query("prefix", prefix);
    missing.note(client, &unfinished)?;

    let put =
        Request::new(http::Method::PUT, path.as_str(), "s3:PutObject").headers(&keeping.probe()).body(bytes);
    if let Some(made) = missing.note(client, &put)? {
        let read = missing.note(
            client,
            &Request::new(http::Method::GET, path.as_str(), "s3:GetObject").headers(&keeping.touch),
        );
        let other = matches!(&read, Ok(Some(answer)) if answer.body != bytes);
        let delete = Request::new(http::Method::DELETE, path.as_str(), "s3:DeleteObject");
        let deleted = missing.note(client, &delete)?;
        missing.left |= deleted.is_none();
        forget(client, &path, [Some(&made), deleted.as_ref()]);
        read?;
        if other {
            return Err(Error::new(ErrorKind::Io, "the server gave back other bytes than were written")
                .context("bucket", client.bucket())
                .hint("check the network and any proxy in between"));
        }
        let begin = Request::new(http::Method::POST, path.as_str(), "s3:PutObject").query("uploads", "");
        if let Some(answer) = missing.note(client, &begin)? {
            let begun: Begun = parse(&answer.body).unwrap_or_default();
            let upload = begun.upload_id.as_str();
            let parts = Request::new(http::Method::GET, path.as_str(), "s3:ListMultipartUploadParts");
            missing.note(client, &parts.query("uploadId", upload))?;
            let abort = Request::new(http::Method::DELETE, path.as_str(), "s3:AbortMultipartUpload");
            missing.left |= missing.note(client, &abort.query("uploadId", upload))?.is_none();
        }
    }
    missing.into_result(client, &path)
}

/// Removes what a bucket with versions keeps of an object: its version, and the mark that it was deleted. Nobody needs
/// the permission for that otherwise, so a refusal does not count.
fn forget(client: &Client, path: &str, answers: [Option<&Answer>; 2]) {
    let versions = answers.into_iter().flatten().filter_map(|answer| answer.header("x-amz-version-id"));
    for version in versions.filter(|version| *version != "null") {
        let request = Request::new(http::Method::DELETE, path, "s3:DeleteObjectVersion");
        let _ = client.send(&request.query("versionId", version), Backoff::BRIEF);
    }
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
    fn note(&mut self, client: &Client, request: &Request<'_>) -> Result<Option<Answer>> {
        match client.send(request, Backoff::BRIEF) {
            Ok(answer) => Ok(Some(answer)),
            Err(Failure { code, error, .. }) if code == "AccessDenied" => {
                self.permissions.push(request.permission);
                self.first.get_or_insert(error);
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    fn into_result(mut self, client: &Client, path: &str) -> Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        self.permissions.dedup();
        let names = self.permissions.join(", ");
        let bucket = client.bucket();
        let error = Error::new(ErrorKind::Denied, format!("these credentials may not: {names}"));
        let error = error.context("bucket", bucket).source(first);
        let error = if self.left { error.context("left behind", path) } else { error };
        Err(error.hint(format!(
            "allow {names} on bucket {bucket} and its objects; docs/s3.md has the least policy"
        )))
    }
}
