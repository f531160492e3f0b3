//! Writes one object: at once when it is small, else in blocks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::encoding::encode;
use cadangkan_storage::http::{Assembly, Limits, Part, Plan};
use cadangkan_storage::{Key, ObjectInfo, WriteOptions};
use http::Method;
use md5::{Digest as _, Md5};

use crate::client::Client;
use crate::request::{Request, WRITE};
use crate::storage::{self, Options};

/// Source: Azure Storage, "Scalability and performance targets for Blob storage".
const LIMITS: Limits = Limits { parts: 50_000, least: 1, most: 4000 << 20 };
/// Tags that an object may have, by the same source.
const MOST_TAGS: usize = 10;
/// The metadata that tells whose an object is: an answer may be lost after the object was made.
const WRITER: &str = "x-ms-meta-cadangkan_writer";

/// What is written, and how.
pub(crate) struct Object {
    client: Arc<Client>,
    key: Key,
    path: String,
    overwrite: bool,
    /// The headers of the request that makes it.
    headers: Vec<(String, String)>,
    /// Says which writer made the object.
    writer: String,
    plan: Plan,
    resume: bool,
    /// The blocks that the server has of an upload that goes on, with their sizes.
    there: OnceLock<BTreeMap<String, u64>>,
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
        let writer = format!("{:016x}", RandomState::new().hash_one(&path));
        let mut headers = vec![(WRITER.to_owned(), writer.clone())];
        if let Some(tier) = &options.tier {
            headers.push(("x-ms-access-tier".into(), tier.clone()));
        }
        if options.tags && !how.tags.is_empty() {
            headers.push(("x-ms-tags".into(), tags(&how.tags)));
        }
        if !how.overwrite {
            headers.push(("if-none-match".into(), "*".into()));
        }
        let plan = Plan::new(LIMITS, how.expected_size, options.part_size, false);
        Object {
            client,
            key: key.clone(),
            path,
            overwrite: how.overwrite,
            headers,
            writer,
            plan,
            resume: how.resume,
            there: OnceLock::new(),
            passed_over: AtomicU64::new(0),
        }
    }

    /// Sends the request that makes the object; its answer may be lost, but the object be there.
    fn create(&self, mut request: Request<'_>) -> Result<()> {
        request.headers.extend_from_slice(&self.headers);
        let failure = match self.client.send(&request) {
            Ok(_) => return Ok(()),
            Err(failure) => failure,
        };
        let lost = failure.error.kind() == ErrorKind::Conflict || failure.error.is_retryable();
        let ours = || storage::stat(&self.client, &self.path).is_ok_and(|found| self.made(found.as_ref()));
        if lost && ours() { Ok(()) } else { Err(failure.into()) }
    }

    /// Tells whether this writer made what is there.
    fn made(&self, found: Option<&cadangkan_storage::http::Answer>) -> bool {
        found.and_then(|answer| answer.header(WRITER)) == Some(self.writer.as_str())
    }
}

/// The name of a block, which says what is in it; all of an object have names of one length.
fn block(number: u32, digest: &[u8]) -> String {
    let digest = BASE64.encode(digest);
    BASE64.encode(format!("{digest}-{number:05}"))
}

impl Assembly for Object {
    type Id = ();
    type Part = String;

    fn size_of(&self, number: u32) -> Option<usize> {
        self.plan.size_of(number)
    }

    fn put(&self, bytes: &[u8]) -> Result<()> {
        self.create(
            Request::new(Method::PUT, self.path.as_str(), WRITE)
                .header("x-ms-blob-type", "BlockBlob")
                .header("content-md5", md5(bytes))
                .body(bytes),
        )
    }

    fn begin(&self) -> Result<()> {
        if self.resume {
            let blocks = storage::uncommitted(&self.client, &self.path)?;
            let _ = self.there.set(blocks.into_iter().map(|block| (block.name, block.size)).collect());
        }
        Ok(())
    }

    fn send(&self, (): &(), part: Part<'_>) -> Result<String> {
        let digest = Md5::digest(part.bytes);
        let name = block(part.number, &digest);
        let there = self.there.get().and_then(|blocks| blocks.get(&name));
        if there.is_some_and(|size| *size == part.bytes.len() as u64) {
            self.passed_over.fetch_add(part.bytes.len() as u64, Ordering::Relaxed);
            return Ok(name);
        }
        let mut request = Request::new(Method::PUT, self.path.as_str(), WRITE)
            .query("comp", "block")
            .query("blockid", name.as_str())
            .header("content-md5", BASE64.encode(digest))
            .body(part.bytes);
        request.stop = Some(part.stop);
        self.client.send(&request)?;
        Ok(name)
    }

    fn complete(&self, (): &(), parts: &[String]) -> Result<()> {
        let mut body = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>");
        for name in parts {
            let _ = write!(body, "<Uncommitted>{name}</Uncommitted>");
        }
        body.push_str("</BlockList>");
        self.create(
            Request::new(Method::PUT, self.path.as_str(), WRITE)
                .query("comp", "blocklist")
                .header("content-md5", md5(body.as_bytes()))
                .body(body.as_bytes()),
        )
    }

    fn look(&self, written: u64) -> Result<ObjectInfo> {
        let missing = || Error::new(ErrorKind::Io, "the object is gone just after it was made");
        let answer = storage::stat(&self.client, &self.path)?.ok_or_else(missing)?;
        let info = storage::info(&answer, &self.key);
        if !self.made(Some(&answer)) {
            // Somebody was later. That is right when overwriting was asked for, and a lost race otherwise.
            let ours = ObjectInfo { size: written, ..info };
            let lost = || Error::new(ErrorKind::Conflict, "an object with this key exists already");
            return if self.overwrite { Ok(ours) } else { Err(lost()) };
        }
        if info.size == written {
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

    fn withdraw(&self, (): &()) -> Result<()> {
        storage::discard(&self.client, &self.path)
    }
}

/// Tags as a header has them.
fn tags(tags: &[(&'static str, String)]) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || " +-.:=_/".contains(letter);
    let pair = |(name, value): &(&str, String)| {
        let value: String =
            value.chars().take(256).map(|letter| if plain(letter) { letter } else { '_' }).collect();
        format!("{}={}", encode(name), encode(&value))
    };
    tags.iter().take(MOST_TAGS).map(pair).collect::<Vec<_>>().join("&")
}

/// A body's MD5 as a header has it.
fn md5(bytes: &[u8]) -> String {
    BASE64.encode(Md5::digest(bytes))
}
