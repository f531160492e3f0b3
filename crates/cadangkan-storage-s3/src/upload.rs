//! Writes one object: at once when it is small, else in parts.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::encoding::decode;
use cadangkan_storage::http::{Assembly, Limits, Part, Plan};
use cadangkan_storage::{Backoff, Key, ObjectInfo, WriteOptions};
use md5::{Digest as _, Md5};

use crate::answers::{self, Begun, Completed, parse};
use crate::client::{Answer, Client};
use crate::failure::Failure;
use crate::keeping::{Keeping, md5};
use crate::request::{Request, hex, sha256};
use crate::storage::{self, Options};

/// Source: Amazon S3 User Guide, "multipart upload limits".
const LIMITS: Limits = Limits { parts: 10_000, least: 5 << 20, most: 5 << 30 };

/// The metadata that tells whose an object is: an answer may be lost after the object was made.
const WRITER: &str = "x-amz-meta-cadangkan-writer";

/// A part that the server has.
pub(crate) struct Sent {
    pub(crate) number: u32,
    pub(crate) tag: String,
    /// Its SHA-256, where the server keeps such sums.
    pub(crate) digest: Option<Vec<u8>>,
}

/// What is written, and how.
pub(crate) struct Object {
    pub(crate) client: Arc<Client>,
    key: Key,
    pub(crate) path: String,
    overwrite: bool,
    conditional: bool,
    pub(crate) checksums: bool,
    pub(crate) keeping: Keeping,
    tags: Vec<(&'static str, String)>,
    /// Says which writer made the object.
    writer: String,
    plan: Plan,
    resume: bool,
    /// The parts of an upload that goes on.
    there: OnceLock<Vec<answers::Part>>,
    /// The bytes of it that were not sent again.
    passed_over: AtomicU64,
}

impl Object {
    pub(crate) fn new(
        client: Arc<Client>,
        options: &Options,
        key: &Key,
        path: String,
        how: &WriteOptions,
    ) -> Self {
        let rules = options.rules;
        // An upload that goes on has the name of the writer that began it.
        let writer = match how.resume {
            true => hex(sha256(format!("{path} {:?} {:?}", how.expected_size, how.tags).as_bytes()).as_ref()),
            false => format!("{:016x}", RandomState::new().hash_one(&path)),
        };
        Object {
            client,
            key: key.clone(),
            path,
            overwrite: how.overwrite,
            conditional: rules.conditional && !how.overwrite,
            checksums: rules.checksums,
            keeping: options.keeping.clone(),
            tags: how.tags.clone(),
            writer,
            plan: Plan::new(LIMITS, how.expected_size, options.part_size, rules.equal_parts),
            resume: how.resume,
            there: OnceLock::new(),
            passed_over: AtomicU64::new(0),
        }
    }

    /// Refuses a name that is taken, where it can be seen before: not every server does it by itself.
    pub(crate) fn refuse_taken(&self) -> Result<()> {
        let taken =
            !self.overwrite && storage::stat(&self.client, &self.path, &self.keeping.touch)?.is_some();
        if taken { Err(exists()) } else { Ok(()) }
    }

    /// Gives up uploads of this object that have no part yet, but for one.
    fn abort_empty_but(&self, kept: &str) -> Result<()> {
        for upload in storage::unfinished(&self.client, &self.path)? {
            let ours = decode(&upload.key, true).as_deref() == Some(self.path.as_str());
            if ours
                && upload.upload_id != kept
                && storage::size_of(&self.client, &self.path, &upload.upload_id)? == 0
            {
                storage::abort(&self.client, &self.path, &upload.upload_id)?;
            }
        }
        Ok(())
    }

    /// Finds the upload of this object that has got furthest, and keeps what it has.
    fn left_behind(&self) -> Result<Option<String>> {
        let mut found = None;
        for upload in storage::unfinished(&self.client, &self.path)? {
            if decode(&upload.key, true).as_deref() != Some(self.path.as_str()) {
                continue;
            }
            let parts = storage::parts_of(&self.client, &self.path, &upload.upload_id)?;
            if found.as_ref().is_none_or(|(_, most): &(_, Vec<_>)| most.len() < parts.len()) {
                found = Some((upload.upload_id, parts));
            }
        }
        let Some((upload, parts)) = found.filter(|(_, parts)| !parts.is_empty()) else { return Ok(None) };
        let _ = self.there.set(parts);
        Ok(Some(upload))
    }

    /// The tag of a part that the server has, where it is known to be of these bytes.
    fn tag_there(&self, part: &Part<'_>, sum: &str) -> Option<String> {
        let there = self.there.get()?.iter().find(|there| there.part_number == part.number)?;
        let same = match &there.checksum {
            Some(checksum) => checksum == sum,
            // What is encrypted by a key of another has no MD5 as its tag, and is sent again.
            None => there.tag.trim_matches('"') == hex(&Md5::digest(part.bytes)),
        };
        (same && there.size == part.bytes.len() as u64).then(|| there.tag.clone())
    }

    /// Sends the request that makes the object. `None` when its answer was lost, but the object is there.
    pub(crate) fn create(&self, request: Request<'_>) -> Result<Option<Answer>> {
        let conditional = self.conditional && !self.client.creates_plainly();
        let plain = request.clone();
        let request = if conditional { request.header("if-none-match", "*") } else { request };
        let failure = match self.client.send(&request, self.client.backoff()) {
            Ok(answer) => return Ok(Some(answer)),
            Err(failure) => failure,
        };
        if conditional && failure.status == 501 {
            self.client.create_plainly();
            return self.create(plain);
        }
        let lost = failure.status == 412 || failure.code == "NoSuchUpload" || failure.error.is_retryable();
        if lost && self.is_ours() {
            return Ok(None);
        }
        if failure.status == 412 { Err(exists()) } else { Err(failure.into()) }
    }

    /// The headers of a request that makes the object, or begins to.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        let mut headers = self.keeping.headers(self.client.now(), &self.tags);
        headers.push((WRITER.to_owned(), self.writer.clone()));
        headers
    }

    /// Tells whether the object that is there was made by this writer.
    fn is_ours(&self) -> bool {
        self.head().is_ok_and(|answer| answer.header(WRITER) == Some(self.writer.as_str()))
    }

    fn head(&self) -> Result<Answer, Failure> {
        let request =
            Request::new(http::Method::HEAD, self.path.as_str(), "s3:GetObject").headers(&self.keeping.touch);
        self.client.send(&request, self.client.backoff())
    }

    /// Sets what the server has not read of the headers; a lock that is not there must not be believed in.
    fn complete_keeping(&self, answer: &Answer) -> Result<()> {
        let header = |name: &str| answer.header(name).map(str::to_owned);
        for (resource, body, permission) in self.keeping.left_out(header, self.client.now(), &self.tags) {
            let request = Request::new(http::Method::PUT, self.path.as_str(), permission)
                .query(resource, "")
                .header("content-md5", md5(body.as_bytes()))
                .body(body.as_bytes());
            self.client.send(&request, self.client.backoff())?;
        }
        Ok(())
    }
}

impl Assembly for Object {
    type Id = String;
    type Part = Sent;

    fn size_of(&self, number: u32) -> Option<usize> {
        self.plan.size_of(number)
    }

    fn put(&self, bytes: &[u8]) -> Result<()> {
        self.refuse_taken()?;
        let digest = sha256(bytes);
        let sum = BASE64.encode(digest.as_ref());
        let mut request = Request::new(http::Method::PUT, self.path.as_str(), "s3:PutObject")
            .headers(&self.headers())
            .body(bytes)
            .digest(digest);
        if self.keeping.needs_md5() {
            request = request.header("content-md5", md5(bytes));
        }
        if self.checksums {
            request = request.header("x-amz-checksum-sha256", sum.as_str());
        }
        let Some(answer) = self.create(request)? else { return Ok(()) };
        same_sum(answer.header("x-amz-checksum-sha256"), &sum, &self.path)
    }

    fn begin(&self) -> Result<String> {
        if self.resume
            && let Some(upload) = self.left_behind()?
        {
            return Ok(upload);
        }
        let mut request = Request::new(http::Method::POST, self.path.as_str(), "s3:PutObject")
            .query("uploads", "")
            .headers(&self.headers());
        if self.checksums {
            request = request.header("x-amz-checksum-algorithm", "SHA256");
        }
        let once = Backoff { attempts: 1, ..self.client.backoff() };
        let (answer, again) = match self.client.send(&request, once) {
            Err(failure) if failure.error.is_retryable() => {
                (self.client.send(&request, self.client.backoff())?, true)
            }
            answered => (answered?, false),
        };
        let begun: Begun = parse(&answer.body).map_err(|error| unclear(&self.path).source(error))?;
        if begun.upload_id.is_empty() {
            return Err(unclear(&self.path));
        }
        if again {
            // The reason why it was asked again may be that only the answer was lost. What cannot be removed shows up
            // as a leftover.
            let _ = self.abort_empty_but(&begun.upload_id);
        }
        Ok(begun.upload_id)
    }

    fn send(&self, id: &String, part: Part<'_>) -> Result<Sent> {
        let digest = sha256(part.bytes);
        let sum = BASE64.encode(digest.as_ref());
        if let Some(tag) = self.tag_there(&part, &sum) {
            self.passed_over.fetch_add(part.bytes.len() as u64, Ordering::Relaxed);
            return Ok(Sent { number: part.number, tag, digest: Some(digest.as_ref().to_vec()) });
        }
        let mut request = Request::new(http::Method::PUT, self.path.as_str(), "s3:PutObject")
            .query("partNumber", part.number.to_string())
            .query("uploadId", id.as_str())
            .headers(&self.keeping.touch)
            .body(part.bytes)
            .digest(digest);
        if self.checksums {
            request = request.header("x-amz-checksum-sha256", sum.as_str());
        }
        request.stop = Some(part.stop);
        let answer = self.client.send(&request, self.client.backoff())?;
        same_sum(answer.header("x-amz-checksum-sha256"), &sum, &self.path)?;
        let tag = answer.header("etag").unwrap_or_default().to_owned();
        Ok(Sent { number: part.number, tag, digest: Some(digest.as_ref().to_vec()) })
    }

    fn complete(&self, id: &String, parts: &[Sent]) -> Result<()> {
        use std::fmt::Write as _;
        self.refuse_taken()?;
        let mut body = String::from("<CompleteMultipartUpload>");
        let mut digests = Vec::new();
        for part in parts {
            let (number, tag) = (part.number, quick_xml::escape::escape(part.tag.as_str()));
            let _ = write!(body, "<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag>");
            if let Some(digest) = part.digest.as_ref().filter(|_| self.checksums) {
                let sum = BASE64.encode(digest);
                let _ = write!(body, "<ChecksumSHA256>{sum}</ChecksumSHA256>");
            }
            body.push_str("</Part>");
            digests.extend(part.digest.as_deref().unwrap_or_default());
        }
        body.push_str("</CompleteMultipartUpload>");
        let request = Request::new(http::Method::POST, self.path.as_str(), "s3:PutObject")
            .query("uploadId", id.as_str())
            .headers(&self.keeping.touch)
            .body(body.as_bytes());
        let Some(answer) = self.create(request)? else { return Ok(()) };
        let completed = succeeded(&answer, &self.path)?;
        if parts.iter().any(|part| part.digest.is_none()) {
            return Ok(());
        }
        let theirs = completed.checksum.as_deref().map(|sum| sum.split('-').next().unwrap_or_default());
        same_sum(theirs, &BASE64.encode(sha256(&digests).as_ref()), &self.path)
    }

    fn look(&self, written: u64) -> Result<ObjectInfo> {
        let answer = self.head()?;
        let info = storage::info(&answer, &self.key);
        if answer.header(WRITER) != Some(self.writer.as_str()) {
            // Somebody was later. That is right when overwriting was asked for, and a lost race otherwise.
            let ours = ObjectInfo { size: written, ..info };
            return if self.overwrite { Ok(ours) } else { Err(exists()) };
        }
        if info.size == written {
            self.complete_keeping(&answer)?;
            return Ok(info);
        }
        let error = Error::new(ErrorKind::Io, "the server keeps another size than was written")
            .context("written", written)
            .context("kept", info.size);
        Err(match storage::delete(&self.client, &self.path) {
            Ok(()) => error,
            Err(problem) => error.context("not removed", problem),
        })
    }

    fn passed_over(&self) -> u64 {
        self.passed_over.load(Ordering::Relaxed)
    }

    fn withdraw(&self, id: &String) -> Result<()> {
        storage::abort(&self.client, &self.path, id)
    }
}

/// Reads an answer whose status is no proof: it begins before the work is done, and may end as a refusal.
pub(crate) fn succeeded(answer: &Answer, key: &str) -> Result<Completed> {
    let completed: Completed = parse(&answer.body).map_err(|error| unclear(key).source(error))?;
    match completed.code {
        None => Ok(completed),
        Some(code) => Err(Error::new(ErrorKind::Io, "the server could not put the object together")
            .context("key", key)
            .source(std::io::Error::other(code))
            .retryable()),
    }
}

fn exists() -> Error {
    Error::new(ErrorKind::Conflict, "an object with this key exists already")
}

fn unclear(key: &str) -> Error {
    Error::new(ErrorKind::Io, "the server's answer cannot be understood")
        .context("key", key)
        .hint("make sure that `endpoint` is an S3 service and not a web page or proxy")
}

/// Compares the server's sum with ours, where it gives one.
fn same_sum(theirs: Option<&str>, ours: &str, key: &str) -> Result<()> {
    if theirs.is_none_or(|theirs| theirs == ours) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, "the server got other bytes than were sent")
        .context("key", key)
        .hint("check the network and any proxy in between"))
}
