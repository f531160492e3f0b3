//! Sends requests, and tries again what may pass.

use std::io::Read;
use std::sync::OnceLock;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::http::is_unconnected;
use cadangkan_storage::{Backoff, Contact, http as transport};
use ureq::{Agent, AsSendBody, Body};

use crate::failure::{Failure, refused, unanswered};
use crate::settings::Settings;

/// Largest answer that is read into memory: a folder with some 100,000 objects.
const LARGEST_ANSWER: u64 = 64 << 20;

/// The server, and how to get in.
pub(crate) struct Client {
    pub(crate) settings: Settings,
    pub(crate) backoff: Backoff,
    agent: OnceLock<Agent>,
    contact: Contact,
}

/// One request.
pub(crate) struct Request<'a> {
    method: &'static str,
    /// The path on the server, decoded.
    path: String,
    headers: Vec<(&'static str, String)>,
    body: &'a [u8],
}

impl<'a> Request<'a> {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Request { method, path: path.into(), headers: Vec::new(), body: &[] }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn body(mut self, body: &'a [u8]) -> Self {
        self.body = body;
        self
    }
}

impl Client {
    pub(crate) fn new(settings: Settings, backoff: Backoff) -> Self {
        Client { settings, backoff, agent: OnceLock::new(), contact: Contact::default() }
    }

    /// Sends a request until it is answered, refused or given up, and reads the answer.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Vec<u8>, Failure> {
        self.persist(|| self.once(request).and_then(|answer| self.read(answer.into_body(), &request.path)))
    }

    /// Sends a request alike, and hands out the answer's body to be read.
    pub(crate) fn open(&self, request: &Request<'_>) -> Result<http::Response<Body>, Failure> {
        self.persist(|| self.once(request))
    }

    /// Does something again while its failure may pass.
    fn persist<T>(&self, work: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
        let mut failures = 0;
        loop {
            let failure = match work() {
                Err(failure) => failure,
                done => return done,
            };
            let Failure { error, wait, .. } = &failure;
            let pause = self.contact.pause(&mut failures, error, is_unconnected(error), self.backoff, *wait);
            let Some(pause) = pause else { return Err(failure) };
            std::thread::sleep(pause);
        }
    }

    fn once(&self, request: &Request<'_>) -> Result<http::Response<Body>, Failure> {
        let (stall, bytes) = (self.settings.stall, request.body.len() as u64);
        let built = self.build(request)?;
        let agent = self.agent()?;
        let answer = transport::answer_limit(stall, bytes);
        let answered = if request.body.is_empty() && request.method != "PUT" {
            let built = agent.configure_request(with_body(built, ())?);
            agent.run(built.timeout_recv_response(Some(answer)).build())
        } else {
            let built = agent.configure_request(with_body(built, request.body)?);
            let built = built.timeout_send_body(Some(transport::limit(stall, bytes)));
            agent.run(built.timeout_recv_response(Some(answer)).build())
        };
        self.judge(answered, request)
    }

    /// Sends what a reader gives, in chunks, once.
    pub(crate) fn stream(&self, request: &Request<'_>, mut reader: impl Read) -> Result<(), Failure> {
        let answer = transport::answer_limit(self.settings.stall, u64::MAX);
        let agent = self.agent()?;
        let body = ureq::SendBody::from_reader(&mut reader);
        let built = agent.configure_request(with_body(self.build(request)?, body)?);
        let answered = agent.run(built.timeout_recv_response(Some(answer)).build());
        self.read(self.judge(answered, request)?.into_body(), &request.path).map(drop)
    }

    fn build(&self, request: &Request<'_>) -> Result<http::request::Builder> {
        let mut built = http::Request::builder().method(request.method).uri(self.settings.url(&request.path));
        if let Some(authorization) = &self.settings.authorization {
            built = built.header("authorization", authorization);
        }
        for (name, value) in &request.headers {
            built = built.header(*name, value);
        }
        Ok(built)
    }

    fn judge(
        &self,
        answered: Result<http::Response<Body>, ureq::Error>,
        request: &Request<'_>,
    ) -> Result<http::Response<Body>, Failure> {
        let url = self.settings.url(&request.path);
        let response = answered.map_err(|error| unanswered(error, &url))?;
        self.contact.made();
        if response.status().is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        // Read, so that the connection is used again.
        let _ = self.read(body, &request.path);
        Err(refused(parts.status.as_u16(), &parts.headers, request.method, &url))
    }

    fn read(&self, body: Body, path: &str) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let mut reader = body.into_with_config().limit(LARGEST_ANSWER).reader();
        let read = reader.read_to_end(&mut bytes);
        read.map_err(|error| unanswered(ureq::Error::from(error), &self.settings.url(path)))?;
        Ok(bytes)
    }

    fn agent(&self) -> Result<&Agent> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let Settings { host, stall, tls, authorities, .. } = &self.settings;
        let agent = transport::agent(host, *stall, *tls, authorities.as_deref())?;
        Ok(self.agent.get_or_init(|| agent))
    }
}

fn with_body<B: AsSendBody>(built: http::request::Builder, body: B) -> Result<http::Request<B>> {
    built.body(body).map_err(|error| {
        Error::new(
            ErrorKind::Usage,
            "a request cannot be written: a setting has a character that HTTP forbids",
        )
        .source(error)
    })
}

/// The text of a header.
pub(crate) fn header<'a>(headers: &'a http::HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
