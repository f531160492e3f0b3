//! The contract of a storage, on a container.

use std::collections::BTreeSet;
use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Leftover, Result, ResultExt as _};
use cadangkan_storage::http::{Ahead, Answer, Reader, Upload, names_begin, parse_date, replaced, whole_name};
use cadangkan_storage::{
    Key, ObjectInfo, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions, check_folder,
};
use http::Method;

use crate::answers::{Blob, Block, BlockList, Listing, parse};
use crate::check;
use crate::client::Client;
use crate::request::{DELETE, LIST, READ, Request, WRITE};
use crate::upload::Object;

/// What the place of a leftover ends in.
const UNCOMMITTED: &str = "?uncommitted";

/// How the container is used.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The folder that keeps the backups, without slashes around it; empty for the whole container.
    pub(crate) prefix: String,
    pub(crate) part_size: Option<usize>,
    /// Blocks that are sent, or read, at once.
    pub(crate) connections: usize,
    pub(crate) tier: Option<String>,
    pub(crate) tags: bool,
}

/// A container, or a folder in one.
pub struct Container {
    client: Arc<Client>,
    options: Options,
    ahead: Ahead,
}

impl std::fmt::Debug for Container {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Container").field("location", &self.location()).finish_non_exhaustive()
    }
}

impl Container {
    pub(crate) fn new(client: Client, options: Options) -> Self {
        let ahead = Ahead::new(options.connections);
        Container { client: Arc::new(client), options, ahead }
    }

    /// The whole name of an object or folder.
    fn path(&self, key: &str) -> String {
        whole_name(&self.options.prefix, key)
    }

    /// What names in a folder begin with.
    fn begins(&self, folder: &str) -> String {
        names_begin(&self.options.prefix, folder)
    }

    /// The blobs in a folder with their keys; with `also` those of another kind too.
    fn blobs(&self, folder: &str, also: Option<&str>) -> Result<Vec<(Key, Blob)>> {
        let (mut blobs, mut marker) = (Vec::new(), String::new());
        let begins = self.begins("");
        loop {
            let mut request = Request::new(Method::GET, "", LIST)
                .query("restype", "container")
                .query("comp", "list")
                .query("prefix", self.begins(folder));
            if let Some(also) = also {
                request = request.query("include", also);
            }
            if !marker.is_empty() {
                request = request.query("marker", marker.as_str());
            }
            let page: Listing = read(&self.client, &self.client.send(&request)?)?;
            for blob in page.blobs.all {
                // What is not a key was not put there by this program.
                let key = blob.name.strip_prefix(&begins).and_then(|key| Key::new(key).ok());
                blobs.extend(key.filter(|_| blob.properties.resource != "directory").map(|key| (key, blob)));
            }
            marker = page.next_marker;
            if marker.is_empty() {
                blobs.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
                return Ok(blobs);
            }
        }
    }
}

impl Storage for Container {
    fn location(&self) -> String {
        let Client { line, account, container, base, .. } = self.client.as_ref();
        let path = match self.options.prefix.as_str() {
            "" => container.clone(),
            prefix => format!("{container}/{prefix}"),
        };
        if line.endpoint == format!("https://{account}.blob.core.windows.net") {
            format!("azure://{account}/{path}")
        } else {
            format!("{}{base}/{path}", line.endpoint)
        }
    }

    fn capabilities(&self) -> StorageCapabilities {
        StorageCapabilities { atomic_create: true, local: false }
    }

    fn check(&self) -> Result<()> {
        check::run(&self.client, &self.begins(""), &self.options)
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        let path = self.path(key.as_str());
        let object = Object::new(Arc::clone(&self.client), &self.options, key, path, &options);
        Ok(Box::new(Upload::new(object, key, self.options.connections)))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let range = range.unwrap_or(0..u64::MAX);
        let path = self.path(key.as_str());
        if range.is_empty() || range.start > 1 << 62 {
            let found = stat(&self.client, &path)?;
            let missing = || Error::new(ErrorKind::NotFound, "no such object").context("key", key);
            return found.map(|_| Box::new(std::io::empty()) as Box<dyn Read + Send>).ok_or_else(missing);
        }
        let client = Arc::clone(&self.client);
        let backoff = client.line.backoff;
        let fetch = move |range: &str, version: Option<&str>| {
            let mut request = Request::new(Method::GET, path.as_str(), READ).header("range", range);
            if let Some(version) = version {
                request = request.header("if-match", version);
            }
            match client.open(&request) {
                Ok(opened) => Ok(Some(opened)),
                Err(failure) if failure.status == 416 => Ok(None),
                Err(failure) if failure.status == 412 || version.is_some() && failure.status == 404 => {
                    Err(replaced(&path))
                }
                Err(failure) => Err(failure.into()),
            }
        };
        let reader = Reader::open(range, backoff, "etag", self.ahead.clone(), Arc::new(fetch));
        Ok(Box::new(reader.operation("read object")?))
    }

    fn read_no_more_than_asked(&self) {
        self.ahead.turn_off();
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        let found = stat(&self.client, &self.path(key.as_str()))?;
        Ok(found.map(|answer| info(&answer, key)))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        check_folder(prefix)?;
        let object = |(key, blob): (Key, Blob)| ObjectInfo {
            key,
            size: blob.properties.size,
            modified: parse_date(&blob.properties.modified),
        };
        Ok(self.blobs(prefix, None)?.into_iter().map(object).collect())
    }

    fn delete(&self, key: &Key) -> Result<()> {
        delete(&self.client, &self.path(key.as_str()))
    }

    fn about_shredding(&self) -> String {
        "removed; versions and what soft delete keeps (a week, unless it was set otherwise) stay as long as the account says"
            .into()
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        check_folder(prefix)?;
        let mut leftovers = Vec::new();
        let all = self.blobs(prefix, Some("uncommittedblobs"))?;
        let whole: BTreeSet<Key> = self.blobs(prefix, None)?.into_iter().map(|(key, _)| key).collect();
        for (key, _) in all.into_iter().filter(|(key, _)| !whole.contains(key)) {
            let blocks = uncommitted(&self.client, &self.path(key.as_str()))?;
            let sizes = blocks.iter().map(|block| block.size);
            leftovers.push(Leftover {
                location: format!("{key}{UNCOMMITTED}"),
                description: "unfinished upload".into(),
                size_bytes: sizes.fold(0, u64::saturating_add),
            });
        }
        Ok(leftovers)
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        let key = leftover.location.strip_suffix(UNCOMMITTED).and_then(|key| Key::new(key).ok());
        let key = key.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "not a leftover of this storage")
                .context("location", leftover.location.escape_debug())
        })?;
        discard(&self.client, &self.path(key.as_str()))
    }

    fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }

    fn notes(&self) -> Vec<String> {
        let ahead = self.client.seconds_ahead();
        let side = if ahead > 0 { "behind" } else { "ahead of" };
        let off = cadangkan_core::format_duration(Duration::from_secs(ahead.unsigned_abs()));
        let clock = format!(
            "this machine's clock is {off} {side} the server's, by which requests are signed; set it"
        );
        (ahead != 0).then_some(clock).into_iter().collect()
    }
}

/// Looks at an object by its whole name.
pub(crate) fn stat(client: &Client, path: &str) -> Result<Option<Answer>> {
    match client.send(&Request::new(Method::HEAD, path, READ)) {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.error.kind() == ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// Reads the size and time of an object from an answer to HEAD.
pub(crate) fn info(answer: &Answer, key: &Key) -> ObjectInfo {
    ObjectInfo {
        key: key.clone(),
        size: answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or_default(),
        modified: answer.header("last-modified").and_then(parse_date),
    }
}

/// The blocks of an object, by its whole name, that were never committed.
pub(crate) fn uncommitted(client: &Client, path: &str) -> Result<Vec<Block>> {
    let request = Request::new(Method::GET, path, READ)
        .query("comp", "blocklist")
        .query("blocklisttype", "uncommitted");
    match client.send(&request) {
        Ok(answer) => Ok(read::<BlockList>(client, &answer)?.uncommitted_blocks.all),
        Err(failure) if failure.error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(failure) => Err(failure.into()),
    }
}

fn read<T: for<'a> serde::Deserialize<'a>>(client: &Client, answer: &Answer) -> Result<T> {
    parse(&answer.body).map_err(|error| {
        Error::new(ErrorKind::Io, "the server's answer cannot be understood")
            .context("container", &client.container)
            .source(error)
            .hint("make sure that `endpoint` is a blob service and not a web page or proxy")
    })
}

/// Removes an object by its whole name.
pub(crate) fn delete(client: &Client, path: &str) -> Result<()> {
    let request = Request::new(Method::DELETE, path, DELETE).header("x-ms-delete-snapshots", "include");
    match client.send(&request) {
        Ok(_) => Ok(()),
        Err(failure) if failure.error.kind() == ErrorKind::NotFound => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

/// Removes blocks that were never committed. Done also when there are none.
///
/// The protocol has no request for it, but an object that is made replaces them; so one of no blocks is made and removed.
/// Where there is an object they cannot be removed: the server does it within a week.
/// Source: Azure Storage, "Put Block", remarks.
pub(crate) fn discard(client: &Client, path: &str) -> Result<()> {
    let make = Request::new(Method::PUT, path, WRITE)
        .query("comp", "blocklist")
        .header("if-none-match", "*")
        .body(b"<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList></BlockList>");
    let made = match client.send(&make) {
        Ok(made) => made,
        Err(failure) if failure.error.kind() == ErrorKind::Conflict => return Ok(()),
        Err(failure) => return Err(failure.into()),
    };
    // Whoever has made another one in between keeps it.
    let mark = made.header("etag").unwrap_or_default();
    match client.send(&Request::new(Method::DELETE, path, DELETE).header("if-match", mark)) {
        Ok(_) => Ok(()),
        Err(failure) if matches!(failure.status, 404 | 412) => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}
