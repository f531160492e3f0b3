//! What to tell a person about an answer that is a refusal.

use cadangkan_core::{Error, ErrorKind};
use cadangkan_storage::http::{Failure, header};

use crate::answers::{Refusal, parse};
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
    let refusal: Refusal = parse(body).unwrap_or_default();
    // An answer to HEAD has no body.
    let code = header(headers, "x-ms-error-code").map_or(refusal.code, str::to_owned);
    let code = match (code.is_empty(), status) {
        (true, 404) if request.key.is_empty() => "ContainerNotFound".to_owned(),
        (true, 404) => "BlobNotFound".to_owned(),
        _ => code,
    };
    let (kind, message, hint) = meaning(&code, status, request, client);
    let mut error = Error::new(kind, message).context("container", &client.container);
    if !request.key.is_empty() {
        error = error.context("key", &request.key);
    }
    if !hint.is_empty() {
        error = error.hint(hint);
    }
    if is_at_login(&code) {
        error = error.at_login();
    }
    // Its first line; the others are numbers of the request.
    let said = refusal.message.lines().next().unwrap_or_default();
    let said = format!("{code} {said}");
    Failure::refused(status, code, headers, said.trim(), error)
}

/// Whether a refusal means that this one permission is missing.
pub(crate) fn is_permission(failure: &Failure) -> bool {
    matches!(
        failure.code.as_str(),
        "AuthorizationPermissionMismatch"
            | "AuthorizationResourceTypeMismatch"
            | "InsufficientAccountPermissions"
    )
}

/// Whether a refusal is of who asks, whatever is asked.
fn is_at_login(code: &str) -> bool {
    matches!(
        code,
        "AuthenticationFailed"
            | "InvalidAuthenticationInfo"
            | "NoAuthenticationInformation"
            | "KeyBasedAuthenticationNotPermitted"
            | "AuthorizationFailure"
            | "AuthorizationSourceIPMismatch"
            | "AccountIsDisabled"
    )
}

/// The kind, the message and the hint of a refusal. Source: Azure Storage, "Blob Storage error codes".
fn meaning(code: &str, status: u16, request: &Request<'_>, client: &Client) -> (ErrorKind, String, String) {
    let say = |kind, message: &str, hint: &str| (kind, message.to_owned(), hint.to_owned());
    let (container, account) = (&client.container, &client.account);
    let (letter, action) = request.permission;
    match code {
        "BlobNotFound" | "ResourceNotFound" => say(ErrorKind::NotFound, "no such object", ""),
        "ContainerNotFound" | "ContainerBeingDeleted" | "ContainerDisabled" => (
            ErrorKind::Unreachable,
            format!("there is no container {container} in {account}"),
            "make the container, or correct `container`, `account` or `endpoint`".into(),
        ),
        "BlobAlreadyExists" => say(ErrorKind::Conflict, "an object with this key exists already", ""),
        "BlobImmutableDueToPolicy" | "BlobImmutableDueToLegalHold" => say(
            ErrorKind::Denied,
            "the object is kept by a policy of immutability",
            "wait until its time is over, or lift the legal hold",
        ),
        "BlobArchived" => say(
            ErrorKind::Unsupported,
            "the object lies in the archive tier and has to be brought back first",
            "ask for it: `az storage blob set-tier --tier Hot`, wait for hours, and try again",
        ),
        "AuthorizationPermissionMismatch"
        | "AuthorizationResourceTypeMismatch"
        | "InsufficientAccountPermissions" => (
            ErrorKind::Denied,
            format!("not allowed: {action} on container {container}"),
            format!(
                "give the role Storage Blob Data Contributor on the container, or {letter} in the permissions (sp) of \
                 the signature; docs/azure.md has the least role"
            ),
        ),
        "AuthorizationFailure" | "AuthorizationSourceIPMismatch" => say(
            ErrorKind::Denied,
            "the account does not let these credentials in from here",
            "correct `account_key` or `sas_token`; allow this machine's address in the account's firewall",
        ),
        "KeyBasedAuthenticationNotPermitted" => say(
            ErrorKind::Denied,
            "the account does not take keys",
            "use an identity: leave out `account_key`, and give it the role Storage Blob Data Contributor",
        ),
        "AuthenticationFailed" | "InvalidAuthenticationInfo" | "NoAuthenticationInformation" => say(
            ErrorKind::Denied,
            "the account does not take these credentials",
            "copy `account_key` or `sas_token` once more; a signature may be past its end (se), and a clock wrong",
        ),
        "AccountIsDisabled" => {
            say(ErrorKind::Denied, "the account is disabled", "look at it in Azure's portal")
        }
        "Md5Mismatch" | "InvalidMd5" => say(
            ErrorKind::Io,
            "bytes were changed on the way to the server",
            "check the network and any proxy in between",
        ),
        "InvalidBlockList" => say(
            ErrorKind::Conflict,
            "another writer has replaced the object meanwhile, and what was sent of this one is gone",
            "let only one machine write here at a time",
        ),
        _ if status == 507 => say(ErrorKind::NoSpace, "the storage is full", "delete old backups"),
        _ if status >= 500 || status == 429 => say(
            ErrorKind::Unreachable,
            "the server is not able to answer now",
            "try again later; look at Azure's status page",
        ),
        _ if matches!(status, 401 | 403) => (
            ErrorKind::Denied,
            format!("not allowed: {action} on container {container}"),
            "docs/azure.md has the least role".into(),
        ),
        _ => (ErrorKind::Io, format!("the server refused a request ({action})"), String::new()),
    }
}
