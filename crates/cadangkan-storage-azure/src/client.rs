//! Sends requests: signs them, tries again what may pass, and corrects the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use cadangkan_core::{Clock, Error, ErrorKind, Result, Timestamp};
use cadangkan_storage::Backoff;
use cadangkan_storage::encoding::encode_path;
use cadangkan_storage::http::{Answer, Failure, Line};
use ureq::Body;

use crate::credentials::Credentials;
use crate::failure::refused;
use crate::request::Request;
use crate::sign;

/// The version of the protocol; every server of the last years knows it.
const VERSION: &str = "2021-12-02";
/// What a clock may be off before requests are signed by the server's. Servers take a quarter of an hour.
const SKEW: i64 = 240;

/// Where the container is and how to get in.
pub(crate) struct Client {
    pub(crate) line: Line,
    pub(crate) account: String,
    pub(crate) container: String,
    /// What stands before the container in a path: the account, where its host serves several.
    pub(crate) base: String,
    pub(crate) credentials: Credentials,
    pub(crate) clock: Arc<dyn Clock>,
    /// Seconds that the server's clock is ahead of ours.
    pub(crate) ahead: AtomicI64,
}

impl Client {
    /// Seconds that the server's clock is ahead, once that had to be corrected.
    pub(crate) fn seconds_ahead(&self) -> i64 {
        self.ahead.load(Ordering::Relaxed)
    }

    /// Sends a request until it is answered, refused or given up, and reads the answer.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        self.persist(request, |response| self.line.read(response))
    }

    /// Sends a request alike, and hands out the answer's body to be read.
    pub(crate) fn open(&self, request: &Request<'_>) -> Result<(http::HeaderMap, Body), Failure> {
        self.persist(request, |response| {
            let (parts, body) = response.into_parts();
            Ok((parts.headers, body))
        })
    }

    fn persist<T>(
        &self,
        request: &Request<'_>,
        read: impl Fn(http::Response<Body>) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let backoff = if request.brief { Backoff::BRIEF } else { self.line.backoff };
        self.line.persist(backoff, request.stop, || match self.once(request) {
            Err(failure) if self.corrects(&failure) => self.once(request).and_then(&read),
            other => other.and_then(&read),
        })
    }

    fn once(&self, request: &Request<'_>) -> Result<http::Response<Body>, Failure> {
        let path = self.path(&request.key);
        let mut query = request.query_text();
        let mut headers = request.headers.clone();
        headers.push(("x-ms-version".into(), VERSION.into()));
        headers.push(("x-ms-date".into(), self.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()));
        match self.credentials.known() {
            Credentials::Key(Some(key)) => {
                let signable = sign::Signable {
                    method: request.method.as_str(),
                    account: &self.account,
                    path: &path,
                    query: &request.query,
                    headers: &headers,
                    length: request.body.len(),
                };
                headers.push(("authorization".into(), sign::authorization(&signable, key)));
            }
            Credentials::Signature(signature) => {
                query = [query.as_str(), signature].join(if query.is_empty() { "" } else { "&" });
            }
            Credentials::Token(bearer) => {
                headers.push(("authorization".into(), format!("Bearer {}", bearer.get()?)));
            }
            Credentials::Key(None) | Credentials::Found(_) => {
                return Err(Error::new(ErrorKind::Configuration, "the account's key is none")
                    .hint("copy `account_key` once more, whole: it is Base64 and ends in ==")
                    .into());
            }
        }
        let endpoint = &self.line.endpoint;
        let uri =
            if query.is_empty() { format!("{endpoint}{path}") } else { format!("{endpoint}{path}?{query}") };
        let mut built = http::Request::builder().method(request.method.clone()).uri(uri);
        for (name, value) in &headers {
            built = built.header(name, value);
        }
        let response = self.line.exchange(built, request.body)?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        // What cannot be read of a refusal is only missing from the message.
        let body = self.line.read(response).map(|answer| answer.body).unwrap_or_default();
        if let (401, Credentials::Token(bearer)) = (status, self.credentials.known()) {
            bearer.forget();
        }
        Err(refused(status, &headers, &body, request, self))
    }

    /// Takes the server's word for the time; tells whether the request is worth another attempt.
    fn corrects(&self, failure: &Failure) -> bool {
        let Some(theirs) = failure.date.filter(|_| failure.status == 403) else { return false };
        let ahead = theirs.as_second() - self.clock.now().as_second();
        let wrong = (ahead - self.seconds_ahead()).abs() > SKEW;
        if wrong {
            self.ahead.store(ahead, Ordering::Relaxed);
        }
        wrong
    }

    /// The time of day by the server's clock, as far as it is known.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_second(now.as_second().saturating_add(self.seconds_ahead())).unwrap_or(now)
    }

    fn path(&self, key: &str) -> String {
        let (base, container) = (&self.base, &self.container);
        let slash = if key.is_empty() { "" } else { "/" };
        format!("{base}/{container}{slash}{}", encode_path(key))
    }
}
