use std::io::Read as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::http::{HeaderMap, Method, Response, request::Builder};
use cadangkan_core::{Error, ErrorKind, Result};
use ureq::{Agent, Body};

use super::{Failure, agent, answer_limit, header, is_unconnected, limit};
use crate::{Backoff, Contact};

/// Largest answer that is read into memory: a list of 5,000 long keys is far smaller.
const LARGEST_ANSWER: u64 = 32 << 20;

/// The way to a server.
#[derive(Debug)]
pub struct Line {
    /// Where it leads, such as `https://host:9000`.
    pub endpoint: String,
    /// Certificates of authorities other than the system's.
    pub authorities: Option<PathBuf>,
    /// Longest wait for any progress.
    pub stall: Duration,
    /// How long something is tried again.
    pub backoff: Backoff,
    agent: OnceLock<Agent>,
    contact: Contact,
}

/// An answer, with all of its body.
#[derive(Debug)]
pub struct Answer {
    /// Of HTTP.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The text of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

impl Line {
    /// Names a way; nothing is connected.
    pub fn new(endpoint: String, authorities: Option<PathBuf>, stall: Duration, backoff: Backoff) -> Self {
        Line { endpoint, authorities, stall, backoff, agent: OnceLock::new(), contact: Contact::default() }
    }

    /// Does something again while its failure may pass, and nobody has set `stop`.
    pub fn persist<T>(
        &self,
        backoff: Backoff,
        stop: Option<&AtomicBool>,
        mut work: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let stopped = || stop.is_some_and(|stop| stop.load(Ordering::Relaxed));
        let mut failures = 0;
        loop {
            let failure = match work() {
                Err(failure) => failure,
                done => return done,
            };
            let unconnected = is_unconnected(&failure.error);
            let pause = self.contact.pause(&mut failures, &failure.error, unconnected, backoff, failure.wait);
            let Some(pause) = pause.filter(|_| !stopped()) else { return Err(failure) };
            std::thread::sleep(pause);
            if stopped() {
                return Err(failure);
            }
        }
    }

    /// Sends a request once, and hands out the answer, whatever its status.
    pub fn exchange(&self, built: Builder, body: &[u8]) -> Result<Response<Body>, Failure> {
        let agent = self.agent()?;
        let bytes = body.len() as u64;
        let (limit, answer) = (limit(self.stall, bytes), answer_limit(self.stall, bytes));
        let with_body = built.method_ref().is_some_and(|method| {
            *method == Method::PUT || *method == Method::POST || *method == Method::PATCH
        });
        let answered = if with_body {
            let built = agent.configure_request(built.body(body).map_err(unusable)?);
            let built = built.timeout_send_body(Some(limit)).timeout_per_read(Some(answer));
            agent.run(built.timeout_recv_response(Some(answer)).build())
        } else {
            let built = agent.configure_request(built.body(()).map_err(unusable)?);
            agent.run(built.timeout_recv_response(Some(answer)).build())
        };
        let answer = answered.map_err(|error| Failure::unanswered(error, &self.endpoint))?;
        self.contact.made();
        Ok(answer)
    }

    /// Reads an answer whole.
    pub fn read(&self, response: Response<Body>) -> Result<Answer, Failure> {
        let (parts, body) = response.into_parts();
        let mut bytes = Vec::new();
        let mut reader = body.into_with_config().limit(LARGEST_ANSWER).reader();
        let read = reader.read_to_end(&mut bytes);
        read.map_err(|error| Failure::unanswered(ureq::Error::from(error), &self.endpoint))?;
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: bytes })
    }

    fn agent(&self) -> Result<&Agent> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let tls = self.endpoint.starts_with("https:");
        let host = self.endpoint.split('/').nth(2).unwrap_or_default();
        let agent = agent(host, self.stall, tls, self.authorities.as_deref())?;
        Ok(self.agent.get_or_init(|| agent))
    }
}

fn unusable(error: ::http::Error) -> Error {
    Error::new(ErrorKind::Usage, "a request cannot be written: a setting has a character that HTTP forbids")
        .source(error)
}
