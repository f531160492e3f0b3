//! What to tell a person about an answer that is a refusal.

use cadangkan_core::{Error, ErrorKind};
use cadangkan_storage::http::Failure;

use crate::answers::Refusal;
use crate::client::Client;
use crate::request::Request;

/// Makes a failure of an answer that is a refusal.
pub(crate) fn refused(
    status: u16,
    headers: &http::HeaderMap,
    body: &[u8],
    request: &Request<'_>,
    client: &Client,
) -> Failure {
    let refusal: Refusal = serde_json::from_slice(body).unwrap_or_default();
    let code = refusal.error.errors.into_iter().next().map_or_else(String::new, |cause| cause.reason);
    let message = refusal.error.message;
    let no_bucket = status == 404 && (request.key.is_empty() || message.contains("bucket does not exist"));
    let code = if no_bucket { "noBucket".to_owned() } else { code };
    let (kind, text, hint) = meaning(&code, status, request, client);
    let mut error = Error::new(kind, text).context("bucket", &client.bucket);
    if !request.key.is_empty() {
        error = error.context("key", &request.key);
    }
    if !hint.is_empty() {
        error = error.hint(hint);
    }
    if status == 401 {
        error = error.at_login();
    }
    let said = format!("{code} {message}");
    Failure::refused(status, code, headers, said.trim(), error)
}

/// Whether a refusal means that this one permission is missing.
pub(crate) fn is_permission(failure: &Failure) -> bool {
    failure.status == 403 && matches!(failure.code.as_str(), "forbidden" | "insufficientPermissions" | "")
}

/// The kind, the message and the hint of a refusal. Source: Cloud Storage, "HTTP status and error codes for JSON".
fn meaning(code: &str, status: u16, request: &Request<'_>, client: &Client) -> (ErrorKind, String, String) {
    let say = |kind, message: &str, hint: &str| (kind, message.to_owned(), hint.to_owned());
    let (bucket, permission) = (&client.bucket, request.permission);
    match (code, status) {
        ("noBucket", _) => (
            ErrorKind::Unreachable,
            format!("there is no bucket {bucket} at {}", client.line.endpoint),
            "make the bucket, or correct `bucket`".into(),
        ),
        (_, 404) => say(ErrorKind::NotFound, "no such object", ""),
        (_, 412) => say(ErrorKind::Conflict, "an object with this key exists already", ""),
        ("userProjectMissing", _) => say(
            ErrorKind::Configuration,
            "whoever asks of this bucket pays for it",
            "name the project that pays as `project`",
        ),
        ("retentionPolicyNotMet" | "objectUnderActiveHold" | "objectRetentionNotMet", _) => say(
            ErrorKind::Denied,
            "the object is kept by a retention policy or a hold",
            "wait until its time is over, or lift the hold",
        ),
        ("storageQuotaExceeded" | "quotaExceeded", _) => say(
            ErrorKind::NoSpace,
            "the quota is used up",
            "delete old backups with `cadangkan backups delete`, or enlarge the quota",
        ),
        ("accountDisabled" | "accountDisabledInTransfer", _) => {
            say(ErrorKind::Denied, "the project's billing is disabled", "look at its billing account")
        }
        (_, 401) => say(
            ErrorKind::Denied,
            "the bucket does not take these credentials",
            "correct `credentials`; look whether the service account's key was removed",
        ),
        (_, 403) => (
            ErrorKind::Denied,
            format!("not allowed: {permission} on bucket {bucket}"),
            format!(
                "give the role Storage Object User on the bucket, or {permission}; docs/gcs.md has the least role"
            ),
        ),
        (_, 507) => say(ErrorKind::NoSpace, "the storage is full", "delete old backups"),
        (_, 429 | 500..) => say(
            ErrorKind::Unreachable,
            "the server is not able to answer now",
            "try again later; look at Google Cloud's status page",
        ),
        _ => (ErrorKind::Io, format!("the server refused a request ({permission})"), String::new()),
    }
}
