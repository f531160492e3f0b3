//! What to tell a person about an answer that is a refusal, or about none.

use std::time::Duration;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_storage::http::Silence;

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// Of HTTP; nothing when the server did not answer.
    pub(crate) status: u16,
    /// How long the server asked to wait.
    pub(crate) wait: Option<Duration>,
    /// It leads to the same path with a slash behind it, as answers do that mean a folder.
    pub(crate) to_folder: bool,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, status: 0, wait: None, to_folder: false }
    }
}

/// Makes a failure of an answer that is a refusal.
pub(crate) fn refused(status: u16, headers: &http::HeaderMap, method: &str, url: &str) -> Failure {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (kind, message, hint) = meaning(status, header("www-authenticate").unwrap_or_default());
    let mut error = Error::new(kind, message).context("url", url);
    if !matches!(status, 404 | 412) {
        error = error.source(std::io::Error::other(format!("the server answers {status} to {method}")));
    }
    if !hint.is_empty() {
        error = error.hint(hint);
    }
    if status == 401 {
        error = error.at_login();
    }
    if matches!(status, 408 | 423 | 425 | 429 | 500 | 502..=504) {
        error = error.retryable();
    }
    let wait = header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let to_folder =
        (300..400).contains(&status) && header("location").is_some_and(|place| place.ends_with('/'));
    Failure { error, status, wait, to_folder }
}

/// The kind, the message and the hint of a status. Source: RFC 4918, section 11, and RFC 9110, section 15.
fn meaning(status: u16, challenge: &str) -> (ErrorKind, &'static str, &'static str) {
    match status {
        401 if challenge.trim_start().to_ascii_lowercase().starts_with("digest") => (
            ErrorKind::Denied,
            "the server does not take this login",
            "it wants Digest, and only Basic and Bearer are spoken here: let the server take Basic over TLS",
        ),
        401 => (
            ErrorKind::Denied,
            "the server does not take this login",
            "correct `user` and `password`, or `token`; with two factors the account needs a password for apps",
        ),
        403 => (
            ErrorKind::Denied,
            "the server does not allow this",
            "allow the user to read, write and delete in the folder of `address`",
        ),
        404 | 410 => (ErrorKind::NotFound, "no such object", ""),
        409 => (
            ErrorKind::NotFound,
            "a folder above does not exist, or is none",
            "correct `address`; look at what lies there on the server",
        ),
        412 => (ErrorKind::Conflict, "an object with this key exists already", ""),
        413 => (
            ErrorKind::Denied,
            "the server does not take objects of this size",
            "raise its limit for the size of a request (nginx: client_max_body_size)",
        ),
        423 => (
            ErrorKind::Conflict,
            "the server keeps this locked for another client",
            "end the other client, or remove its lock on the server",
        ),
        300..=399 => (
            ErrorKind::Configuration,
            "the server sends us to another place",
            "correct `address`: the scheme, the host or the path are others",
        ),
        405 | 501 => (
            ErrorKind::Unsupported,
            "the server does not speak WebDAV at this place",
            "correct `address`: it is the address that file managers are given, often with /dav or /remote.php in it",
        ),
        507 => (
            ErrorKind::NoSpace,
            "the server has no room left",
            "delete old backups with `cadangkan backups delete`, or enlarge the quota",
        ),
        429 | 500.. => (
            ErrorKind::Unreachable,
            "the server is not able to answer now",
            "try again later; look at the server's log",
        ),
        _ => (ErrorKind::Io, "the server refused a request", ""),
    }
}

/// Makes a failure of a request that had no answer.
pub(crate) fn unanswered(error: ureq::Error, url: &str) -> Failure {
    Silence::of(&error).error("`address`", Some("`timeout`")).context("url", url).source(error).into()
}
