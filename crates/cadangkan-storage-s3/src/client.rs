//! Sends requests: signs them, tries again what may pass, and corrects the clock and the region.

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use cadangkan_core::{Clock, Error, ErrorKind, Result, Timestamp};
use cadangkan_storage::encoding::encode_path;
use cadangkan_storage::http::{header, is_unconnected};
use cadangkan_storage::{Backoff, Contact, http as transport};
use ureq::{Agent, Body};

use crate::credentials::Credentials;
use crate::failure::{Failure, Where, refused, unanswered};
use crate::request::{Request, hex, sha256};
use crate::sign;

/// Largest answer that is read into memory: a list of 1,000 long keys is far smaller.
const LARGEST_ANSWER: u64 = 32 << 20;
/// What a clock may be off before requests are signed by the server's. Servers take a quarter of an hour.
const SKEW: i64 = 240;

/// Where the bucket is and how to get in.
pub(crate) struct Target {
    /// `https` or `http`.
    pub(crate) scheme: String,
    /// The host, with a port that is not the usual one, without the bucket.
    pub(crate) host: String,
    pub(crate) bucket: String,
    pub(crate) path_style: bool,
    pub(crate) region: String,
    /// The region was not given, so the server's word may correct it; the endpoint follows this pattern.
    pub(crate) pattern: Option<&'static str>,
    pub(crate) authorities: Option<PathBuf>,
    /// Longest wait for any progress.
    pub(crate) stall: Duration,
}

pub(crate) struct Client {
    target: Target,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
    backoff: Backoff,
    agent: OnceLock<Agent>,
    contact: Contact,
    /// Set once the server said that the bucket lies elsewhere.
    region: RwLock<Option<String>>,
    /// Seconds that the server's clock is ahead of ours.
    ahead: AtomicI64,
    plain_creation: AtomicBool,
    versions: AtomicBool,
}

/// An answer, with all of its body.
pub(crate) struct Answer {
    headers: http::HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl Client {
    pub(crate) fn new(
        target: Target,
        credentials: Credentials,
        clock: Arc<dyn Clock>,
        backoff: Backoff,
    ) -> Self {
        Client {
            target,
            credentials,
            clock,
            backoff,
            agent: OnceLock::new(),
            contact: Contact::default(),
            region: RwLock::new(None),
            ahead: AtomicI64::new(0),
            plain_creation: AtomicBool::new(false),
            versions: AtomicBool::new(false),
        }
    }

    /// How long it is tried again.
    pub(crate) fn backoff(&self) -> Backoff {
        self.backoff
    }

    pub(crate) fn bucket(&self) -> &str {
        &self.target.bucket
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("{}://{}", self.target.scheme, self.target.host)
    }

    /// Whether the bucket is Amazon's, so that its name says where it is.
    pub(crate) fn is_amazon(&self) -> bool {
        self.target.host.ends_with(".amazonaws.com")
    }

    /// Seconds that the server's clock is ahead, once that had to be corrected.
    pub(crate) fn seconds_ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Whether an object that was made has turned out to be one version of several.
    pub(crate) fn keeps_versions(&self) -> bool {
        self.versions.load(Ordering::Relaxed)
    }

    /// Whether the server has turned out not to know `If-None-Match`.
    pub(crate) fn creates_plainly(&self) -> bool {
        self.plain_creation.load(Ordering::Relaxed)
    }

    pub(crate) fn create_plainly(&self) {
        self.plain_creation.store(true, Ordering::Relaxed);
    }

    /// Sends a request until it is answered, refused or given up, and reads the answer.
    pub(crate) fn send(&self, request: &Request<'_>, backoff: Backoff) -> Result<Answer, Failure> {
        self.persist(request, backoff, |response| {
            let (parts, body) = response.into_parts();
            let mut bytes = Vec::new();
            let mut reader = body.into_with_config().limit(LARGEST_ANSWER).reader();
            reader
                .read_to_end(&mut bytes)
                .map_err(|error| unanswered(ureq::Error::Io(error), &self.place(&self.region())))?;
            Ok(Answer { headers: parts.headers, body: bytes })
        })
    }

    /// Sends a request alike, and hands out the answer's body to be read.
    pub(crate) fn open(
        &self,
        request: &Request<'_>,
        backoff: Backoff,
    ) -> Result<(http::HeaderMap, Body), Failure> {
        self.persist(request, backoff, |response| {
            let (parts, body) = response.into_parts();
            Ok((parts.headers, body))
        })
    }

    fn persist<T>(
        &self,
        request: &Request<'_>,
        backoff: Backoff,
        read: impl Fn(http::Response<Body>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let body_hash = request.digest.unwrap_or_else(|| sha256(request.body));
        let body_hash = hex(body_hash.as_ref());
        let mut failures = 0;
        let mut corrected = false;
        loop {
            let failure = match self.once(request, &body_hash).and_then(&read) {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if !corrected && self.corrects(&failure) {
                corrected = true;
                continue;
            }
            let unconnected = is_unconnected(&failure.error);
            let pause = self.contact.pause(&mut failures, &failure.error, unconnected, backoff, failure.wait);
            let Some(pause) = pause.filter(|_| !request.is_stopped()) else { return Err(failure) };
            std::thread::sleep(pause);
            if request.is_stopped() {
                return Err(failure);
            }
        }
    }

    fn once(&self, request: &Request<'_>, body_hash: &str) -> Result<http::Response<Body>, Failure> {
        let region = self.region();
        let at = self.place(&region);
        let credential = self.credentials.get()?;
        let host = self.host(&region);
        let path = self.path(&request.key);
        let query = request.query_text();
        let time = self.now();
        let mut headers = request.headers.clone();
        headers.push(("host".into(), host.clone()));
        headers.push(("x-amz-content-sha256".into(), body_hash.to_owned()));
        headers.push(("x-amz-date".into(), sign::date(time)));
        if let Some(token) = &credential.session_token {
            headers.push(("x-amz-security-token".into(), token.clone()));
        }
        headers.sort_unstable();
        let signable = sign::Signable {
            method: request.method.as_str(),
            path: &path,
            query: &query,
            headers: &headers,
            body_hash,
        };
        let authorization = sign::authorization(&signable, &credential, &region, time);
        let uri = if query.is_empty() {
            format!("{}://{host}{path}", self.target.scheme)
        } else {
            format!("{}://{host}{path}?{query}", self.target.scheme)
        };
        let mut built = http::Request::builder().method(request.method.clone()).uri(uri);
        for (name, value) in headers.iter().filter(|(name, _)| name != "host") {
            built = built.header(name, value);
        }
        built = built.header("authorization", authorization);
        let response = self.exchange(built, request)?.map_err(|error| unanswered(error, &at))?;
        self.contact.made();
        let status = response.status().as_u16();
        if response.status().is_success() {
            let version = header(response.headers(), "x-amz-version-id");
            if request.method == http::Method::PUT && version.is_some_and(|version| version != "null") {
                self.versions.store(true, Ordering::Relaxed);
            }
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        // What cannot be read of a refusal is only missing from the message.
        let _ = body.into_with_config().limit(1 << 20).reader().read_to_end(&mut bytes);
        Err(refused(status, &parts.headers, &bytes, request, &at))
    }

    fn exchange(
        &self,
        built: http::request::Builder,
        request: &Request<'_>,
    ) -> Result<Result<http::Response<Body>, ureq::Error>, Failure> {
        let unusable = |error: http::Error| {
            Error::new(
                ErrorKind::Usage,
                "a request cannot be written: a setting has a character that HTTP forbids",
            )
            .context("bucket", self.bucket())
            .source(error)
        };
        let agent = self.agent()?;
        let bytes = request.body.len() as u64;
        let limit = transport::limit(self.target.stall, bytes);
        let answer = transport::answer_limit(self.target.stall, bytes);
        Ok(if request.method == http::Method::PUT || request.method == http::Method::POST {
            let built = agent.configure_request(built.body(request.body).map_err(unusable)?);
            let built = built.timeout_send_body(Some(limit)).timeout_per_read(Some(answer));
            agent.run(built.timeout_recv_response(Some(answer)).build())
        } else {
            let built = agent.configure_request(built.body(()).map_err(unusable)?);
            agent.run(built.timeout_recv_response(Some(answer)).build())
        })
    }

    /// Takes the server's word for the time or the region; tells whether the request is worth another attempt.
    fn corrects(&self, failure: &Failure) -> bool {
        if failure.status == 403
            && let Some(theirs) = failure.date
        {
            let ahead = theirs.as_second() - self.clock.now().as_second();
            if (ahead - self.seconds_ahead()).abs() > SKEW {
                self.ahead.store(ahead, Ordering::Relaxed);
                return true;
            }
        }
        let elsewhere = matches!(failure.status, 301 | 307 | 400)
            && failure.region.as_ref().is_some_and(|region| *region != self.region());
        if elsewhere && self.target.pattern.is_some() {
            let mut region = self.region.write().unwrap_or_else(PoisonError::into_inner);
            region.clone_from(&failure.region);
            return true;
        }
        false
    }

    /// The time of day by the server's clock, as far as it is known.
    pub(crate) fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second().saturating_add(self.seconds_ahead())).unwrap_or(now)
    }

    fn agent(&self) -> Result<&Agent> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let target = &self.target;
        let agent = transport::agent(
            &self.host(&self.region()),
            target.stall,
            target.scheme == "https",
            target.authorities.as_deref(),
        )?;
        Ok(self.agent.get_or_init(|| agent))
    }

    fn region(&self) -> String {
        let known = self.region.read().unwrap_or_else(PoisonError::into_inner);
        known.clone().unwrap_or_else(|| self.target.region.clone())
    }

    fn host(&self, region: &str) -> String {
        let host = match self.target.pattern {
            Some(pattern) => pattern.replace("{region}", region),
            None => self.target.host.clone(),
        };
        if self.target.path_style { host } else { format!("{}.{host}", self.target.bucket) }
    }

    fn path(&self, key: &str) -> String {
        let key = encode_path(key);
        match (self.target.path_style, key.is_empty()) {
            (true, true) => format!("/{}", self.target.bucket),
            (true, false) => format!("/{}/{key}", self.target.bucket),
            (false, _) => format!("/{key}"),
        }
    }

    fn place<'a>(&'a self, region: &'a str) -> Where<'a> {
        Where { endpoint: &self.target.host, bucket: &self.target.bucket, region }
    }
}
