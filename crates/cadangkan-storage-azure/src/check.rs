//! Makes sure that the container is there and that all is allowed that a backup needs.

use std::hash::{BuildHasher as _, RandomState};

use cadangkan_core::{Error, ErrorKind, Result};
use http::Method;

use crate::client::Client;
use crate::failure::is_permission;
use crate::request::{DELETE, LIST, READ, Request, TAG, WRITE};
use crate::storage::Options;

/// Tries everything once on an object of its own, which is removed again. What is not allowed is named all at once.
pub(crate) fn run(client: &Client, prefix: &str, options: &Options) -> Result<()> {
    let path = format!("{prefix}cadangkan-check-{:016x}", RandomState::new().hash_one(prefix));
    let mut missing = Missing::default();
    let bytes = path.as_bytes();
    let list = Request::new(Method::GET, "", LIST)
        .query("restype", "container")
        .query("comp", "list")
        .query("maxresults", "1")
        .query("prefix", prefix);
    missing.note(client, &list)?;
    let put =
        Request::new(Method::PUT, path.as_str(), WRITE).header("x-ms-blob-type", "BlockBlob").body(bytes);
    let put = match &options.tier {
        Some(tier) => put.header("x-ms-access-tier", tier.as_str()),
        None => put,
    };
    if missing.note(client, &put)?.is_some() {
        let read = missing.note(client, &Request::new(Method::GET, path.as_str(), READ));
        let other = matches!(&read, Ok(Some(body)) if body != bytes);
        let tags = b"<?xml version=\"1.0\" encoding=\"utf-8\"?><Tags><TagSet><Tag><Key>type</Key><Value>check</Value></Tag></TagSet></Tags>";
        let tag = Request::new(Method::PUT, path.as_str(), TAG).query("comp", "tags").body(tags);
        let tagged = if options.tags { missing.note(client, &tag).map(drop) } else { Ok(()) };
        let delete = Request::new(Method::DELETE, path.as_str(), DELETE);
        missing.left |= missing.note(client, &delete)?.is_none();
        read?;
        tagged?;
        if other {
            return Err(Error::new(ErrorKind::Io, "the server gave back other bytes than were written")
                .context("container", &client.container)
                .hint("check the network and any proxy in between"));
        }
    }
    missing.into_result(client, &path)
}

/// The permissions that are missing so far.
#[derive(Default)]
struct Missing {
    actions: Vec<&'static str>,
    letters: String,
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
                let (letter, action) = request.permission;
                self.actions.push(action);
                self.letters.push_str(letter);
                self.first.get_or_insert(failure.error);
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    fn into_result(mut self, client: &Client, path: &str) -> Result<()> {
        let Some(first) = self.first else { return Ok(()) };
        self.actions.dedup();
        let (names, letters, container) = (self.actions.join(", "), self.letters, &client.container);
        let error = Error::new(ErrorKind::Denied, format!("these credentials may not: {names}"));
        let error = error.context("container", container).source(first);
        let error = if self.left { error.context("left behind", path) } else { error };
        Err(error.hint(format!(
            "give the role Storage Blob Data Contributor on {container}, or {letters} in the permissions (sp) of the \
             signature; docs/azure.md has the least role"
        )))
    }
}
