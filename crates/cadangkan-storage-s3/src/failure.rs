//! What to tell a person about an answer that is a refusal, or about none.

use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Timestamp};
use cadangkan_storage::http::Silence;
use jiff::fmt::rfc2822::DateTimeParser;

use crate::answers::{Refusal, parse};
use crate::request::Request;

/// A request that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// The server's word, such as `NoSuchKey`; empty when it did not answer.
    pub(crate) code: String,
    /// Of HTTP; nothing when it did not answer.
    pub(crate) status: u16,
    /// How long the server asked to wait.
    pub(crate) wait: Option<Duration>,
    /// Where the bucket is, when the server said so.
    pub(crate) region: Option<String>,
    /// The server's clock.
    pub(crate) date: Option<Timestamp>,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { error, code: String::new(), status: 0, wait: None, region: None, date: None }
    }
}

/// Where a request went, for messages.
pub(crate) struct Where<'a> {
    pub(crate) endpoint: &'a str,
    pub(crate) bucket: &'a str,
    pub(crate) region: &'a str,
}

/// Makes a failure of an answer that is a refusal.
pub(crate) fn refused(
    status: u16,
    headers: &http::HeaderMap,
    body: &[u8],
    request: &Request<'_>,
    at: &Where<'_>,
) -> Failure {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let refusal: Refusal = parse(body).unwrap_or_default();
    // An answer to HEAD has no body.
    let code = match (refusal.code.is_empty(), status) {
        (true, 403) => "AccessDenied".to_owned(),
        (true, 404) if request.key.is_empty() => "NoSuchBucket".to_owned(),
        (true, 404) => "NoSuchKey".to_owned(),
        (true, 412) => "PreconditionFailed".to_owned(),
        _ => refusal.code,
    };
    let wait = header("retry-after").and_then(|text| text.trim().parse().ok()).map(Duration::from_secs);
    let region = header("x-amz-bucket-region").or(refusal.region);
    let code = match is_lock(&code, &refusal.message) {
        true => "ObjectLocked".to_owned(),
        false => code,
    };
    let (kind, message, hint) = meaning(&code, status, request, at, region.as_deref());
    let mut error = Error::new(kind, message).context("bucket", at.bucket);
    if !request.key.is_empty() {
        error = error.context("key", &request.key);
    }
    let said = [code.as_str(), refusal.message.as_str()];
    let said = said.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(": ");
    let said: String = said.chars().filter(|character| !character.is_control()).take(300).collect();
    if status != 404 && status != 412 {
        error = error.source(std::io::Error::other(format!("the server says {status} {said}")));
    }
    if let Some(hint) = hint {
        error = error.hint(hint);
    }
    if is_at_login(&code) {
        error = error.at_login();
    }
    let passing = matches!(
        code.as_str(),
        "SlowDown"
            | "RequestTimeout"
            | "InternalError"
            | "ServiceUnavailable"
            | "OperationAborted"
            | "ConditionalRequestConflict"
            | "Throttling"
            | "TooManyRequests"
    );
    if passing || matches!(status, 408 | 429 | 500 | 502 | 503 | 504) {
        error = error.retryable();
    }
    let date = header("date").and_then(|text| DateTimeParser::new().parse_timestamp(&text).ok());
    Failure { error, code, status, wait, region, date }
}

/// Whether a refusal is of a lock, and no right would help: servers have no code for it, but words.
fn is_lock(code: &str, message: &str) -> bool {
    let message = message.to_lowercase();
    code == "AccessDenied" && (message.contains("object lock") || message.contains("worm protected"))
}

/// Whether a refusal is of who asks, whatever is asked.
fn is_at_login(code: &str) -> bool {
    matches!(
        code,
        "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "TokenRefreshRequired"
            | "RequestTimeTooSkewed"
    )
}

type Meaning = (ErrorKind, String, Option<String>);

fn meaning(code: &str, status: u16, request: &Request<'_>, at: &Where<'_>, region: Option<&str>) -> Meaning {
    let bucket = at.bucket;
    let say = |kind, message: &str, hint: &str| (kind, message.to_owned(), Some(hint.to_owned()));
    match code {
        "NoSuchKey" => (ErrorKind::NotFound, "no such object".into(), None),
        "NoSuchBucket" => (
            ErrorKind::Unreachable,
            format!("there is no bucket {bucket} at {}", at.endpoint),
            Some("make the bucket, or correct `bucket`, `region` or `endpoint`".into()),
        ),
        "PreconditionFailed" => (ErrorKind::Conflict, "an object with this key exists already".into(), None),
        "InvalidAccessKeyId" => say(
            ErrorKind::Denied,
            "the server does not know the access key",
            "correct the access key; one that was made just now may take a minute to be known",
        ),
        "SignatureDoesNotMatch" => say(
            ErrorKind::Denied,
            "the secret key does not belong to the access key",
            "correct the secret key: copy it once more, whole and without spaces",
        ),
        "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => say(
            ErrorKind::Denied,
            "the session token is not valid any more",
            "renew it (`aws sso login`), or use keys that do not expire",
        ),
        "RequestTimeTooSkewed" => say(
            ErrorKind::Denied,
            "this machine's clock differs too much from the server's",
            "set the clock, best by NTP",
        ),
        "ObjectLocked" => say(
            ErrorKind::Denied,
            "the object is locked: the storage lets nobody remove or change it",
            "wait until its lock ends, or lift its legal hold",
        ),
        "NoSuchUpload" => say(
            ErrorKind::Io,
            "the unfinished upload is gone",
            "somebody removed it, such as `cleanup` on another machine or a rule of the bucket: run it again",
        ),
        "AccessDenied" | "AllAccessDisabled" | "AccountProblem" => (
            ErrorKind::Denied,
            format!("not allowed: {} on bucket {bucket}", request.permission),
            Some(format!(
                "allow {} to these credentials; the docs have the least policy",
                request.permission
            )),
        ),
        "PermanentRedirect"
        | "AuthorizationHeaderMalformed"
        | "TemporaryRedirect"
        | "IllegalLocationConstraintException" => (
            ErrorKind::Configuration,
            match region {
                Some(region) => format!("bucket {bucket} is in the region {region}, not in {}", at.region),
                None => format!("bucket {bucket} is not in the region {}", at.region),
            },
            Some(
                region.map_or_else(|| "correct `region`".into(), |region| format!("set `region: {region}`")),
            ),
        ),
        "QuotaExceeded"
        | "InsufficientStorage"
        | "XMinioStorageFull"
        | "InsufficientCapacity"
        | "StorageQuotaExceeded" => say(
            ErrorKind::NoSpace,
            "the storage is full",
            "delete old backups with `cadangkan backups delete`, or enlarge the quota",
        ),
        "InvalidObjectState" => say(
            ErrorKind::Unsupported,
            "the object lies in an archive tier and has to be brought back first",
            "set `thaw: 12h` for the storage, so that it is asked for and waited for; or ask for it by `aws s3api \
             restore-object --restore-request Days=3`, wait, and try again",
        ),
        "BadDigest" | "XAmzContentSHA256Mismatch" | "XAmzContentChecksumMismatch" | "InvalidDigest" => say(
            ErrorKind::Io,
            "bytes were changed on the way to the server",
            "check the network and any proxy in between",
        ),
        "NotImplemented" | "MethodNotAllowed" => (
            ErrorKind::Unsupported,
            format!("this server cannot do what {} stands for", request.permission),
            None,
        ),
        _ => meaning_of_status(status, request),
    }
}

/// What a refusal means whose code says nothing.
fn meaning_of_status(status: u16, request: &Request<'_>) -> Meaning {
    let say = |kind, message: &str, hint: &str| (kind, message.to_owned(), Some(hint.to_owned()));
    match status {
        400 if request.reads_with_our_key() => say(
            ErrorKind::Denied,
            "the object is encrypted with another key on the server, or with none",
            "`sse_customer_key` has to be the key with which it was written",
        ),
        507 => say(ErrorKind::NoSpace, "the storage is full", "delete old backups, or enlarge it"),
        429 | 500.. => say(
            ErrorKind::Unreachable,
            "the server is not able to answer now",
            "try again later; look at the provider's status page",
        ),
        _ => (ErrorKind::Io, format!("the server refused a request ({})", request.permission), None),
    }
}

/// Makes a failure of a request that had no answer.
pub(crate) fn unanswered(error: ureq::Error, at: &Where<'_>) -> Failure {
    let silence = Silence::of(&error).error("`endpoint` or `region`", Some("`timeout`"));
    silence.context("endpoint", at.endpoint).source(error).into()
}
