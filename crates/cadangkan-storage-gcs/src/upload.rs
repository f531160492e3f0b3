//! Writes one object: at once when it is small, else by a resumable upload, piece after piece.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::encoding::encode;
use cadangkan_storage::http::{Answer, Assembly, Failure, Part};
use cadangkan_storage::{Key, ObjectInfo, Origin, WriteOptions};
use http::Method;
use md5::{Digest as _, Md5};
use serde_json::json;

use crate::answers;
use crate::client::Client;
use crate::request::{COPY, CREATE, Request};
use crate::storage::{self, Options};

/// The metadata that tells whose an object is: an answer may be lost after the object was made.
const WRITER: &str = "cadangkan-writer";

/// How often in a row a server may take nothing of a piece.
const MOST_STALLS: u32 = 5;

/// What is written, and how.
pub(crate) struct Object {
    client: Arc<Client>,
    key: Key,
    path: String,
    overwrite: bool,
    piece: usize,
    /// What the server keeps beside the bytes.
    resource: serde_json::Value,
    /// Says which writer made the object.
    writer: String,
    sent: Mutex<Sent>,
}

/// What was sent by a resumable upload.
#[derive(Default)]
struct Sent {
    bytes: u64,
    sum: Md5,
}

impl Object {
    pub(crate) fn new(
        client: Arc<Client>,
        options: &Options,
        key: &Key,
        path: String,
        how: &WriteOptions,
    ) -> Self {
        let writer = format!("{:016x}", RandomState::new().hash_one(&path));
        let mut metadata = serde_json::Map::new();
        metadata.insert(WRITER.into(), writer.clone().into());
        if options.tags {
            metadata.extend(how.tags.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())));
        }
        let mut resource = json!({"contentType": "application/octet-stream", "metadata": metadata});
        if let (Some(class), Some(resource)) = (&options.class, resource.as_object_mut()) {
            resource.insert("storageClass".into(), class.clone().into());
        }
        // By its time the rule finds an archive, and nothing that must stay cheap to read.
        let tag = |name| how.tags.iter().find(|tag| tag.0 == name).map(|(_, value)| value.as_str());
        if options.moving.is_some()
            && tag("content") == Some("archive")
            && let (Some(time), Some(resource)) = (tag("time"), resource.as_object_mut())
        {
            resource.insert("customTime".into(), time.into());
        }
        let (overwrite, key, sent) = (how.overwrite, key.clone(), Mutex::default());
        Object { client, key, path, overwrite, piece: options.piece, resource, writer, sent }
    }

    fn request(&self, kind: &str) -> Request<'static> {
        let request = Request::upload(&self.client.bucket, &self.path, kind);
        // Only where there is no object yet.
        if self.overwrite { request } else { request.query("ifGenerationMatch", "0") }
    }

    /// What to make of a failure of the request that makes the object: its answer may be lost, but the object be there.
    fn lost(&self, failure: Failure) -> Result<()> {
        let doubtful = matches!(failure.status, 404 | 410 | 412) || failure.error.is_retryable();
        let found = || storage::stat(&self.client, &self.path);
        if doubtful && found().is_ok_and(|found| found.is_some_and(|found| self.made(&found))) {
            return Ok(());
        }
        Err(failure.into())
    }

    /// Tells whether this writer made an object.
    fn made(&self, object: &answers::Object) -> bool {
        object.metadata.get(WRITER) == Some(&self.writer)
    }

    /// Sends a piece until the server has all of it. What it has already it passes over, so the rest is sent again after
    /// a failure. Source: Cloud Storage, "Resumable uploads", considerations.
    fn persist(&self, session: &str, begin: u64, part: &Part<'_>) -> Result<(), Failure> {
        let end = begin + part.bytes.len() as u64;
        let total = if part.last { end.to_string() } else { "*".to_owned() };
        let (mut had, mut stalled) = (begin, 0);
        while had < end {
            let rest = usize::try_from(had - begin).ok().and_then(|from| part.bytes.get(from..));
            let mut request = Request::to(Method::PUT, session.to_owned(), &self.path, CREATE)
                .header("content-range", format!("bytes {had}-{}/{total}", end - 1))
                .body(rest.unwrap_or_default());
            request.stop = Some(part.stop);
            let answer = self.client.send(&request)?;
            if answer.status != 308 {
                // The object is made.
                return if part.last { Ok(()) } else { Err(self.unclear().into()) };
            }
            let now = persisted(&answer);
            // A server may have taken nothing of it, but not for ever.
            stalled = if now > had { 0 } else { stalled + 1 };
            if stalled > MOST_STALLS || now < had || now > end || now == end && part.last {
                return Err(self.unclear().into());
            }
            had = now;
        }
        Ok(())
    }

    /// Has the server make the object of another one; one of another place or class comes in steps.
    /// Source: Cloud Storage, "Objects: rewrite".
    pub(crate) fn rewrite(
        &self,
        origin: &Origin,
        progress: &mut dyn FnMut(u64) -> Result<()>,
    ) -> Result<ObjectInfo> {
        let (bucket, path) = (encode(&self.client.bucket), encode(&self.path));
        let target = format!("{}/rewriteTo/b/{bucket}/o/{path}", origin.name);
        let body = self.resource.to_string();
        let mut token = String::new();
        loop {
            let mut request = Request::to(Method::POST, target.clone(), &self.path, COPY)
                .query("ifSourceGenerationMatch", &origin.version)
                .header("content-type", "application/json; charset=utf-8")
                .body(body.as_bytes());
            if !self.overwrite {
                request = request.query("ifGenerationMatch", "0");
            }
            if !token.is_empty() {
                request = request.query("rewriteToken", &token);
            }
            let rewritten: answers::Rewritten = match self.client.send(&request) {
                Ok(answer) => storage::read(&self.client, &answer.body)?,
                Err(failure) => {
                    self.lost(failure)?;
                    break;
                }
            };
            if rewritten.done {
                break;
            }
            if rewritten.rewrite_token.is_empty() {
                return Err(self.unclear());
            }
            token = rewritten.rewrite_token;
            progress(rewritten.total_bytes_rewritten.parse().unwrap_or_default())?;
        }
        self.look(origin.size)
    }

    fn unclear(&self) -> Error {
        Error::new(ErrorKind::Io, "the server's answer to a part of an object makes no sense")
            .context("key", &self.path)
            .hint("make sure that `endpoint` is Cloud Storage and not a web page or proxy")
    }
}

/// How many bytes of an upload the server has.
fn persisted(answer: &Answer) -> u64 {
    let range = answer.header("range").and_then(|range| range.rsplit('-').next()?.trim().parse::<u64>().ok());
    range.map_or(0, |last| last.saturating_add(1))
}

impl Assembly for Object {
    /// The path and query of the upload.
    type Id = String;
    type Part = ();

    fn size_of(&self, _number: u32) -> Option<usize> {
        Some(self.piece)
    }

    fn put(&self, bytes: &[u8]) -> Result<()> {
        let mut resource = self.resource.clone();
        if let Some(resource) = resource.as_object_mut() {
            // The server compares it before it takes the object.
            resource.insert("md5Hash".into(), BASE64.encode(Md5::digest(bytes)).into());
        }
        let boundary = format!("cadangkan-{}-{:016x}", self.writer, RandomState::new().hash_one(bytes.len()));
        let head = format!(
            "--{boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n{resource}\r\n--{boundary}\r\n\
             content-type: application/octet-stream\r\n\r\n"
        );
        let body = [head.as_bytes(), bytes, format!("\r\n--{boundary}--\r\n").as_bytes()].concat();
        let request = self.request("multipart");
        let request = request.header("content-type", format!("multipart/related; boundary={boundary}"));
        self.client.send(&request.body(&body)).map(drop).or_else(|failure| self.lost(failure))
    }

    fn begin(&self) -> Result<String> {
        let body = self.resource.to_string();
        let request = self.request("resumable").header("content-type", "application/json; charset=utf-8");
        let answer = self.client.send(&request.body(body.as_bytes()))?;
        let place = answer.header("location").and_then(|place| place.parse::<http::Uri>().ok());
        let place = place.and_then(|place| place.path_and_query().map(|path| path.as_str().to_owned()));
        place.ok_or_else(|| self.unclear())
    }

    fn send(&self, session: &String, part: Part<'_>) -> Result<()> {
        // One thread sends them all, in their order.
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        match self.persist(session, sent.bytes, &part) {
            Ok(()) => {}
            Err(failure) if part.last => self.lost(failure)?,
            Err(failure) => return Err(failure.into()),
        }
        sent.bytes = sent.bytes.saturating_add(part.bytes.len() as u64);
        sent.sum.update(part.bytes);
        Ok(())
    }

    fn complete(&self, _session: &String, _parts: &[()]) -> Result<()> {
        Ok(())
    }

    fn look(&self, written: u64) -> Result<ObjectInfo> {
        let missing = || Error::new(ErrorKind::Io, "the object is gone just after it was made");
        let object = storage::stat(&self.client, &self.path)?.ok_or_else(missing)?;
        let info = storage::info(&object, self.key.clone());
        if !self.made(&object) {
            // Somebody was later. That is right when overwriting was asked for, and a lost race otherwise.
            let ours = ObjectInfo { size: written, ..info };
            let lost = || Error::new(ErrorKind::Conflict, "an object with this key exists already");
            return if self.overwrite { Ok(ours) } else { Err(lost()) };
        }
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = (sent.bytes > 0).then(|| BASE64.encode(sent.sum.clone().finalize()));
        let same = ours.is_none() || object.md5_hash.is_none() || ours == object.md5_hash;
        if info.size == written && same {
            return Ok(info);
        }
        let error = Error::new(ErrorKind::Io, "the server keeps other bytes than were written")
            .context("written", written)
            .context("kept", info.size)
            .hint("check the network and any proxy in between");
        Err(match storage::delete(&self.client, &self.path) {
            Ok(()) => error,
            Err(problem) => error.context("not removed", problem),
        })
    }

    /// Gives the upload up. What the server has of it is no object, is never listed or paid for, and goes within a week.
    fn withdraw(&self, session: &String) -> Result<()> {
        let request = Request::to(Method::DELETE, session.clone(), &self.path, CREATE);
        match self.client.send(&request) {
            Ok(_) => Ok(()),
            // 499 is the answer to an upload that is given up; the others, to one that is over.
            Err(failure) if matches!(failure.status, 404 | 410 | 499) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }
}
