use std::time::Duration;

use ::http::HeaderMap;
use cadangkan_core::{Error, Timestamp};

use super::{Silence, header};

/// A request that failed.
#[derive(Debug)]
pub struct Failure {
    /// What to tell a person.
    pub error: Error,
    /// The server's word for it; empty when it did not answer.
    pub code: String,
    /// Of HTTP; nothing when it did not answer.
    pub status: u16,
    /// How long the server asked to wait.
    pub wait: Option<Duration>,
    /// When the server answered, by its own clock.
    pub date: Option<Timestamp>,
}

impl Failure {
    /// Makes one of an answer that is a refusal; it may pass when the status says so.
    pub fn refused(status: u16, code: String, headers: &HeaderMap, said: &str, error: Error) -> Self {
        let wait = header(headers, "retry-after").and_then(|text| text.trim().parse().ok());
        let date = header(headers, "date").and_then(parse_date);
        let said: String = said.chars().filter(|character| !character.is_control()).take(300).collect();
        let mut error = error;
        if !matches!(status, 404 | 412) {
            error = error.source(std::io::Error::other(format!("the server says {status} {said}")));
        }
        if matches!(status, 408 | 429 | 500 | 502..=504) {
            error = error.retryable();
        }
        Failure { error, code, status, wait: wait.map(Duration::from_secs), date }
    }

    /// Makes one of a request that had no answer from this endpoint.
    pub fn unanswered(error: ureq::Error, endpoint: &str) -> Self {
        Silence::of(&error)
            .error("`endpoint`", Some("`timeout`"))
            .context("endpoint", endpoint)
            .source(error)
            .into()
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, code: String::new(), status: 0, wait: None, date: None }
    }
}

/// Reads a time as headers have it (RFC 9110, section 5.6.7).
pub fn parse_date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

/// Tells whether a request failed before there was a connection: nobody listens, or there is no way there.
pub fn is_unconnected(error: &Error) -> bool {
    use std::io::ErrorKind as Io;
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<ureq::Error>());
    match source {
        Some(ureq::Error::HostNotFound | ureq::Error::ConnectionFailed) => true,
        Some(ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect)) => true,
        Some(ureq::Error::Io(error)) => matches!(
            error.kind(),
            Io::ConnectionRefused | Io::HostUnreachable | Io::NetworkUnreachable | Io::AddrNotAvailable
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_that_was_not_made_is_told_from_one_that_was_cut() {
        let is = |error: ureq::Error| is_unconnected(&Failure::unanswered(error, "here").error);
        let io = |kind: std::io::ErrorKind| is(ureq::Error::Io(kind.into()));
        assert!(io(std::io::ErrorKind::ConnectionRefused) && is(ureq::Error::HostNotFound));
        assert!(is(ureq::Error::Timeout(ureq::Timeout::Connect)));
        assert!(!io(std::io::ErrorKind::ConnectionReset) && !io(std::io::ErrorKind::UnexpectedEof));
        assert!(!is(ureq::Error::Timeout(ureq::Timeout::RecvResponse)));
    }
}
