//! The contract of a storage, on a bucket.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Leftover, Result, ResultExt as _};
use cadangkan_storage::http::{Ahead, Reader, Upload, names_begin, replaced, whole_name};
use cadangkan_storage::{
    Key, Lifecycle, ObjectInfo, Origin, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions,
    check_folder,
};
use http::Method;

use crate::answers::{self, Objects};
use crate::check;
use crate::client::Client;
use crate::lifecycle::{Moving, Rules};
use crate::request::{DELETE, READ, Request};
use crate::upload::Object;

/// Requests that read an object at once.
const CONNECTIONS: usize = 4;

/// How the bucket is used.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The folder that keeps the backups, without slashes around it; empty for the whole bucket.
    pub(crate) prefix: String,
    /// Bytes that one request of an upload sends.
    pub(crate) piece: usize,
    pub(crate) class: Option<String>,
    /// Where a rule of the bucket moves archives.
    pub(crate) moving: Option<Moving>,
    pub(crate) tags: bool,
}

/// A bucket, or a folder in one.
pub struct Bucket {
    client: Arc<Client>,
    options: Options,
    ahead: Ahead,
}

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket").field("location", &self.location()).finish_non_exhaustive()
    }
}

impl Bucket {
    pub(crate) fn new(client: Client, options: Options) -> Self {
        Bucket { client: Arc::new(client), options, ahead: Ahead::new(CONNECTIONS) }
    }

    /// Which buckets copy from each other.
    fn server(&self) -> String {
        format!("gcs {}", self.client.line.endpoint)
    }

    /// The whole name of an object or folder.
    fn path(&self, key: &str) -> String {
        whole_name(&self.options.prefix, key)
    }

    /// What names in a folder begin with.
    fn begins(&self, folder: &str) -> String {
        names_begin(&self.options.prefix, folder)
    }
}

impl Storage for Bucket {
    fn location(&self) -> String {
        let Client { line, bucket, .. } = self.client.as_ref();
        let path = match self.options.prefix.as_str() {
            "" => bucket.clone(),
            prefix => format!("{bucket}/{prefix}"),
        };
        if line.endpoint == crate::config::ENDPOINT {
            format!("gs://{path}")
        } else {
            format!("{}/{path}", line.endpoint)
        }
    }

    fn capabilities(&self) -> StorageCapabilities {
        StorageCapabilities { atomic_create: true, local: false }
    }

    fn check(&self) -> Result<()> {
        check::run(&self.client, &self.begins(""))
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        let path = self.path(key.as_str());
        let object = Object::new(Arc::clone(&self.client), &self.options, key, path, &options);
        // A resumable upload takes one piece after the other.
        Ok(Box::new(Upload::new(object, key, 1)))
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
            let request = Request::of_object(Method::GET, &client.bucket, &path, READ).query("alt", "media");
            let mut request = request.header("range", range);
            if let Some(version) = version {
                request = request.query("generation", version);
            }
            match client.open(&request) {
                Ok(opened) => Ok(Some(opened)),
                Err(failure) if failure.status == 416 => Ok(None),
                Err(failure) if version.is_some() && failure.error.kind() == ErrorKind::NotFound => {
                    Err(replaced(&path))
                }
                Err(failure) => Err(failure.into()),
            }
        };
        let reader = Reader::open(range, backoff, "x-goog-generation", self.ahead.clone(), Arc::new(fetch));
        Ok(Box::new(reader.operation("read object")?))
    }

    fn origin(&self, key: &Key) -> Result<Option<Origin>> {
        let path = self.path(key.as_str());
        let Some(found) = stat(&self.client, &path)? else { return Ok(None) };
        let Some(size) = found.size().filter(|_| !found.generation.is_empty()) else { return Ok(None) };
        let name = Request::of_object(Method::GET, &self.client.bucket, &path, READ).target;
        Ok(Some(Origin { server: self.server(), name, version: found.generation, size, headers: Vec::new() }))
    }

    fn copy(
        &self,
        origin: &Origin,
        key: &Key,
        options: WriteOptions,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Option<ObjectInfo>> {
        if origin.server != self.server() {
            return Ok(None);
        }
        let path = self.path(key.as_str());
        let object = Object::new(Arc::clone(&self.client), &self.options, key, path, &options);
        object.rewrite(origin, progress).context("key", key).map(Some)
    }

    fn read_no_more_than_asked(&self) {
        self.ahead.turn_off();
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        let found = stat(&self.client, &self.path(key.as_str()))?;
        Ok(found.map(|object| info(&object, key.clone())))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        check_folder(prefix)?;
        let (mut objects, mut token) = (Vec::new(), String::new());
        let begins = self.begins("");
        loop {
            let mut request = Request::of_bucket(&self.client.bucket)
                .query("prefix", &self.begins(prefix))
                .query("fields", "nextPageToken,items(name,size,updated)");
            if !token.is_empty() {
                request = request.query("pageToken", &token);
            }
            let page: Objects = ask(&self.client, &request)?;
            for object in page.items {
                // What is not a key was not put there by this program.
                let key = object.name.strip_prefix(&begins).and_then(|key| Key::new(key).ok());
                objects.extend(key.map(|key| info(&object, key)));
            }
            token = page.next_page_token;
            if token.is_empty() {
                objects.sort_unstable_by(|left, right| left.key.cmp(&right.key));
                return Ok(objects);
            }
        }
    }

    fn delete(&self, key: &Key) -> Result<()> {
        delete(&self.client, &self.path(key.as_str()))
    }

    fn about_shredding(&self) -> String {
        "removed; versions and what soft delete keeps (a week, unless it was set otherwise) stay as long as the bucket says"
            .into()
    }

    /// There are none: what was sent of an object is kept apart, is never listed or paid for, and goes within a week.
    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        check_folder(prefix)?;
        Ok(Vec::new())
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        Err(Error::new(ErrorKind::Usage, "not a leftover of this storage")
            .context("location", leftover.location.escape_debug()))
    }

    fn lifecycle(&self) -> Option<Box<dyn Lifecycle + '_>> {
        let moving = self.options.moving.as_ref();
        Some(Box::new(Rules { client: &self.client, begin: self.begins(""), moving }))
    }

    fn space(&self) -> Result<Option<Space>> {
        Ok(None)
    }
}

/// Looks at an object by its whole name.
pub(crate) fn stat(client: &Client, path: &str) -> Result<Option<answers::Object>> {
    match client.send(&Request::of_object(Method::GET, &client.bucket, path, READ)) {
        Ok(answer) => read(client, &answer.body).map(Some),
        Err(failure) if failure.error.kind() == ErrorKind::NotFound => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// What a storage says of an object.
pub(crate) fn info(object: &answers::Object, key: Key) -> ObjectInfo {
    ObjectInfo { key, size: object.size().unwrap_or_default(), modified: object.updated.parse().ok() }
}

/// Removes an object by its whole name.
pub(crate) fn delete(client: &Client, path: &str) -> Result<()> {
    match client.send(&Request::of_object(Method::DELETE, &client.bucket, path, DELETE)) {
        Ok(_) => Ok(()),
        Err(failure) if failure.error.kind() == ErrorKind::NotFound => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

fn ask<T: for<'a> serde::Deserialize<'a>>(client: &Client, request: &Request<'_>) -> Result<T> {
    read(client, &client.send(request)?.body)
}

pub(crate) fn read<T: for<'a> serde::Deserialize<'a>>(client: &Client, body: &[u8]) -> Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        Error::new(ErrorKind::Io, "the server's answer cannot be understood")
            .context("bucket", &client.bucket)
            .source(error)
            .hint("make sure that `endpoint` is Cloud Storage and not a web page or proxy")
    })
}
