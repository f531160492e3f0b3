//! The contract of a storage, on a bucket.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Leftover, Result, ResultExt as _};
use cadangkan_storage::encoding::decode;
use cadangkan_storage::http::{Ahead, Upload, names_begin, whole_name};
use cadangkan_storage::{
    Key, Lifecycle, ObjectInfo, Origin, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions,
    check_folder,
};

use crate::answers::{Objects, Part, Parts, Unfinished, Uploads, Versions, parse};
use crate::check;
use crate::client::{Answer, Client};
use crate::copy::{self, Copied};
use crate::keeping::Keeping;
use crate::lifecycle::Rules;
use crate::presets;
use crate::reader;
use crate::request::Request;
use crate::thaw::Thaw;
use crate::upload::Object;

/// How the bucket is used.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The folder that keeps the backups, without slashes around it; empty for the whole bucket.
    pub(crate) prefix: String,
    pub(crate) rules: presets::Rules,
    pub(crate) part_size: Option<usize>,
    /// Parts that are sent, or read, at once.
    pub(crate) connections: usize,
    /// How the server keeps objects.
    pub(crate) keeping: Keeping,
    /// Whether, and how, reading brings objects back from an archive tier.
    pub(crate) thaw: Option<Thaw>,
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
        let ahead = Ahead::new(options.connections);
        Bucket { client: Arc::new(client), options, ahead }
    }

    /// The whole key of an object or folder.
    fn path(&self, key: &str) -> String {
        whole_name(&self.options.prefix, key)
    }

    /// What keys in a folder begin with.
    fn begins(&self, folder: &str) -> String {
        names_begin(&self.options.prefix, folder)
    }

    /// What a whole key is below the prefix, when it is encoded as lists encode it.
    fn below(&self, encoded: &str) -> Option<String> {
        let key = decode(encoded, true)?;
        Some(key.strip_prefix(&self.begins(""))?.to_owned())
    }
}

impl Storage for Bucket {
    fn location(&self) -> String {
        match self.client.is_amazon() {
            true => format!("s3://{}", self.path_of_bucket()),
            false => format!("{}/{}", self.client.endpoint(), self.path_of_bucket()),
        }
    }

    fn capabilities(&self) -> StorageCapabilities {
        let atomic_create = self.options.rules.conditional && !self.client.creates_plainly();
        StorageCapabilities { atomic_create, local: false }
    }

    fn locked_for(&self) -> Option<Duration> {
        self.options.keeping.locked_for()
    }

    fn check(&self) -> Result<()> {
        self.options.keeping.usable()?;
        check::run(&self.client, &self.begins(""), &self.options.keeping)
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        self.options.keeping.usable()?;
        let path = self.path(key.as_str());
        let object = Object::new(Arc::clone(&self.client), &self.options, key, path, &options);
        Ok(Box::new(Upload::new(object, key, self.options.connections)))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let range = range.unwrap_or(0..u64::MAX);
        // No object is that large, and servers misread numbers that are.
        let range = range.start..range.end.min(1 << 62);
        let path = self.path(key.as_str());
        if range.is_empty() {
            let found = stat(&self.client, &path, self.touch())?;
            let missing = || Error::new(ErrorKind::NotFound, "no such object").context("key", key);
            return found.map(|_| Box::new(std::io::empty()) as Box<dyn Read + Send>).ok_or_else(missing);
        }
        let (client, touch, thaw) =
            (Arc::clone(&self.client), self.touch().to_vec(), self.options.thaw.clone());
        let reader = reader::open(client, path, touch, range, thaw, self.ahead.clone());
        Ok(Box::new(reader.operation("read object")?))
    }

    fn origin(&self, key: &Key) -> Result<Option<Origin>> {
        let path = self.path(key.as_str());
        let found = stat(&self.client, &path, self.touch())?;
        Ok(found.and_then(|found| copy::origin(&self.client, &path, self.touch(), &found)))
    }

    fn copy(
        &self,
        origin: &Origin,
        key: &Key,
        options: WriteOptions,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<Option<ObjectInfo>> {
        if origin.server != copy::server(&self.client) {
            return Ok(None);
        }
        self.options.keeping.usable()?;
        // What a writer has left stays for a writer that goes on: this may be refused.
        let options = WriteOptions { expected_size: Some(origin.size), resume: false, ..options };
        let part_size = self.options.part_size.or(Some(copy::PART_BYTES));
        let how = Options { part_size, ..self.options.clone() };
        let path = self.path(key.as_str());
        let object = Object::new(Arc::clone(&self.client), &how, key, path, &options);
        let copied = Copied { object, origin: origin.clone(), tags: self.options.rules.tags };
        Upload::new(copied, key, self.options.connections).gather(origin.size, progress).map(Some)
    }

    fn read_no_more_than_asked(&self) {
        self.ahead.turn_off();
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        let found = stat(&self.client, &self.path(key.as_str()), self.touch())?;
        Ok(found.map(|answer| info(&answer, key)))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        check_folder(prefix)?;
        let (mut objects, mut token) = (Vec::new(), None::<String>);
        loop {
            let mut request = Request::new(http::Method::GET, "", "s3:ListBucket")
                .query("list-type", "2")
                .query("encoding-type", "url")
                .query("prefix", self.begins(prefix));
            if let Some(token) = &token {
                request = request.query("continuation-token", token.as_str());
            }
            let page: Objects = ask(&self.client, &request)?;
            for object in page.contents {
                // What is not a key was not put there by this program.
                let Some(key) = self.below(&object.key).and_then(|key| Key::new(key).ok()) else { continue };
                let modified = object.last_modified.parse().ok();
                objects.push(ObjectInfo { key, size: object.size, modified });
            }
            token = page.next_continuation_token.filter(|_| page.is_truncated);
            if token.is_none() {
                objects.sort_unstable_by(|left, right| left.key.cmp(&right.key));
                return Ok(objects);
            }
        }
    }

    fn delete(&self, key: &Key) -> Result<()> {
        let path = self.path(key.as_str());
        if self.options.keeping.delete_versions {
            self.delete_versions(&path)
        } else {
            delete(&self.client, &path)
        }
    }

    fn shred(&self, key: &Key) -> Result<()> {
        self.delete_versions(&self.path(key.as_str()))
    }

    fn about_shredding(&self) -> String {
        "removed in all its versions; what the provider has copied elsewhere, such as a replicated bucket, is not reached"
            .into()
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        check_folder(prefix)?;
        let mut leftovers = Vec::new();
        for upload in unfinished(&self.client, &self.begins(prefix))? {
            let Some(key) = self.below(&upload.key).filter(|key| Key::new(key.as_str()).is_ok()) else {
                continue;
            };
            let size_bytes = size_of(&self.client, &self.path(&key), &upload.upload_id)?;
            let location = format!("{key}?uploadId={}", upload.upload_id);
            leftovers.push(Leftover { location, description: "unfinished upload".into(), size_bytes });
        }
        leftovers.sort_unstable_by(|left, right| left.location.cmp(&right.location));
        Ok(leftovers)
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        let parts = leftover.location.rsplit_once("?uploadId=");
        match parts.filter(|(key, upload)| Key::new(*key).is_ok() && !upload.is_empty()) {
            Some((key, upload)) => abort(&self.client, &self.path(key), upload),
            None => Err(Error::new(ErrorKind::Usage, "not a leftover of this storage")
                .context("location", leftover.location.escape_debug())),
        }
    }

    fn lifecycle(&self) -> Option<Box<dyn Lifecycle + '_>> {
        let moving = self.options.keeping.moving.as_ref();
        Some(Box::new(Rules { client: &self.client, begin: self.begins(""), moving }))
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
        let versions = "the bucket keeps versions: what is deleted stays, and is paid for, until a lifecycle rule \
            removes it or `delete_versions: true` is set";
        let keeps = self.client.keeps_versions() && !self.options.keeping.delete_versions;
        [(ahead != 0).then_some(clock), keeps.then(|| versions.to_owned())].into_iter().flatten().collect()
    }
}

impl Bucket {
    fn touch(&self) -> &[(String, String)] {
        &self.options.keeping.touch
    }

    /// Removes every version of an object, and every mark that it was deleted.
    fn delete_versions(&self, path: &str) -> Result<()> {
        let mut marker = None::<(String, String)>;
        loop {
            let mut request = Request::new(http::Method::GET, "", "s3:ListBucketVersions")
                .query("versions", "")
                .query("encoding-type", "url")
                .query("prefix", path);
            if let Some((key, version)) = &marker {
                request =
                    request.query("key-marker", key.as_str()).query("version-id-marker", version.as_str());
            }
            let answer = match self.client.send(&request, self.client.backoff()) {
                // It knows no versions, so there are none.
                Err(failure) if failure.status == 501 => return delete(&self.client, path),
                answered => answered?,
            };
            let page: Versions = read(&self.client, &answer)?;
            for version in page.versions.iter().chain(&page.marks) {
                if decode(&version.key, true).as_deref() != Some(path) {
                    continue;
                }
                let request = Request::new(http::Method::DELETE, path, "s3:DeleteObjectVersion")
                    .query("versionId", version.version_id.as_str());
                self.client.send(&request, self.client.backoff())?;
            }
            let key = page.next_key_marker.as_deref().and_then(|key| decode(key, true));
            match (page.is_truncated, key) {
                // Longer keys that begin alike follow all versions of this one.
                (true, Some(key)) if key == path => {
                    marker = Some((key, page.next_version_id_marker.unwrap_or_default()));
                }
                _ => return Ok(()),
            }
        }
    }

    fn path_of_bucket(&self) -> String {
        let bucket = self.client.bucket();
        if self.options.prefix.is_empty() {
            bucket.to_owned()
        } else {
            format!("{bucket}/{}", self.options.prefix)
        }
    }
}

/// Looks at an object by its whole key.
pub(crate) fn stat(client: &Client, path: &str, headers: &[(String, String)]) -> Result<Option<Answer>> {
    let request = Request::new(http::Method::HEAD, path, "s3:GetObject").headers(headers);
    match client.send(&request, client.backoff()) {
        Ok(answer) => Ok(Some(answer)),
        Err(failure) if failure.status == 404 && failure.code != "NoSuchBucket" => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

/// Reads the size and time of an object from an answer to HEAD.
pub(crate) fn info(answer: &Answer, key: &Key) -> ObjectInfo {
    let time = |text: &str| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok();
    ObjectInfo {
        key: key.clone(),
        size: answer.header("content-length").and_then(|text| text.parse().ok()).unwrap_or_default(),
        modified: answer.header("last-modified").and_then(time),
    }
}

/// Removes an object by its whole key.
pub(crate) fn delete(client: &Client, path: &str) -> Result<()> {
    let request = Request::new(http::Method::DELETE, path, "s3:DeleteObject");
    match client.send(&request, client.backoff()) {
        Ok(_) => Ok(()),
        Err(failure) if failure.code == "NoSuchKey" => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

/// Removes the parts of an unfinished upload. Done also when there is none.
pub(crate) fn abort(client: &Client, path: &str, upload: &str) -> Result<()> {
    let request =
        Request::new(http::Method::DELETE, path, "s3:AbortMultipartUpload").query("uploadId", upload);
    match client.send(&request, client.backoff()) {
        Ok(_) => Ok(()),
        Err(failure) if failure.status == 404 && failure.code != "NoSuchBucket" => Ok(()),
        Err(failure) => Err(failure.into()),
    }
}

/// Lists the unfinished uploads of whole keys that begin alike.
pub(crate) fn unfinished(client: &Client, begin: &str) -> Result<Vec<Unfinished>> {
    let (mut found, mut marker) = (Vec::new(), None::<(String, String)>);
    loop {
        let mut request = Request::new(http::Method::GET, "", "s3:ListBucketMultipartUploads")
            .query("uploads", "")
            .query("encoding-type", "url")
            .query("prefix", begin);
        if let Some((key, upload)) = &marker {
            request = request.query("key-marker", key.as_str()).query("upload-id-marker", upload.as_str());
        }
        let page: Uploads = ask(client, &request)?;
        found.extend(page.uploads);
        let key = page.next_key_marker.as_deref().and_then(|key| decode(key, true));
        match (page.is_truncated, key, page.next_upload_id_marker) {
            (true, Some(key), upload) => marker = Some((key, upload.unwrap_or_default())),
            _ => return Ok(found),
        }
    }
}

/// The bytes that an unfinished upload has taken so far.
pub(crate) fn size_of(client: &Client, path: &str, upload: &str) -> Result<u64> {
    let parts = parts_of(client, path, upload)?;
    Ok(parts.iter().fold(0, |size, part| size.saturating_add(part.size)))
}

/// The parts that an unfinished upload has.
pub(crate) fn parts_of(client: &Client, path: &str, upload: &str) -> Result<Vec<Part>> {
    let (mut parts, mut marker) = (Vec::new(), None::<String>);
    loop {
        let mut request =
            Request::new(http::Method::GET, path, "s3:ListMultipartUploadParts").query("uploadId", upload);
        if let Some(marker) = &marker {
            request = request.query("part-number-marker", marker.as_str());
        }
        let page: Parts = ask(client, &request)?;
        parts.extend(page.parts);
        if !page.is_truncated || page.next_part_number_marker.is_none() {
            return Ok(parts);
        }
        marker = page.next_part_number_marker;
    }
}

fn ask<T: for<'a> serde::Deserialize<'a>>(client: &Client, request: &Request<'_>) -> Result<T> {
    read(client, &client.send(request, client.backoff())?)
}

fn read<T: for<'a> serde::Deserialize<'a>>(client: &Client, answer: &Answer) -> Result<T> {
    parse(&answer.body).map_err(|error| {
        Error::new(ErrorKind::Io, "the server's answer cannot be understood")
            .context("bucket", client.bucket())
            .source(error)
            .hint("make sure that `endpoint` is an S3 service and not a web page or proxy")
    })
}
