//! How requests are let in: by the account's key, a shared access signature, or a token of Entra ID.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::http::token::{Bearer, Token, ask, form, token};
use http::Request;
use serde_json::Value;

/// Longest wait for the service that gives tokens.
const SERVICE: Duration = Duration::from_secs(20);
/// Longest wait for the service of the machine: where there is one, it answers at once.
const MACHINE: Duration = Duration::from_secs(2);
const AUTHORITY: &str = "https://login.microsoftonline.com";
/// Where a machine of Azure has its metadata. Source: Azure, "Instance Metadata Service".
const METADATA: &str = "http://169.254.169.254";
const RESOURCE: &str = "https://storage.azure.com";

/// What a request is signed with.
pub(crate) enum Credentials {
    /// The account's key, decoded; `None` when it is no Base64.
    Key(Option<Vec<u8>>),
    /// A shared access signature, as a query.
    Signature(String),
    /// A token.
    Token(Bearer),
    /// What the environment has of these, looked up for the first request.
    Found(std::sync::OnceLock<Box<Credentials>>),
}

impl Credentials {
    pub(crate) fn key(text: &str) -> Self {
        // Settings are also looked at before their secrets are fetched, so a wrong key is told later.
        Credentials::Key(BASE64.decode(text.trim()).ok().filter(|key| !key.is_empty()))
    }

    pub(crate) fn signature(text: &str) -> Self {
        Credentials::Signature(text.trim().trim_start_matches('?').to_owned())
    }

    /// What these are in the end.
    pub(crate) fn known(&self) -> &Credentials {
        match self {
            Credentials::Found(found) => found.get_or_init(|| Box::new(look(&environment))),
            given => given,
        }
    }
}

/// Reads a word of the environment.
#[allow(clippy::disallowed_methods, reason = "the credentials of Azure's own tools stand in the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Looks where Azure's own tools look. Source: Azure Identity, "DefaultAzureCredential"; Azure CLI, "AZURE_STORAGE_KEY".
fn look(environment: &dyn Fn(&str) -> Option<String>) -> Credentials {
    if let Some(key) = environment("AZURE_STORAGE_KEY") {
        return Credentials::key(&key);
    }
    if let Some(signature) = environment("AZURE_STORAGE_SAS_TOKEN") {
        return Credentials::signature(&signature);
    }
    let client = environment("AZURE_CLIENT_ID");
    let authority = environment("AZURE_AUTHORITY_HOST").unwrap_or_else(|| AUTHORITY.to_owned());
    let authority = authority.trim_end_matches('/').to_owned();
    let login = environment("AZURE_TENANT_ID")
        .zip(client.clone())
        .map(|(tenant, client)| (format!("{authority}/{tenant}/oauth2/v2.0/token"), client));
    if let (Some((url, client)), Some(secret)) = (&login, environment("AZURE_CLIENT_SECRET")) {
        let (url, client) = (url.clone(), client.clone());
        return Credentials::Token(Bearer::new(move || {
            log_in(&url, &[("client_id", &client), ("client_secret", &secret)])
        }));
    }
    if let (Some((url, client)), Some(path)) = (login, environment("AZURE_FEDERATED_TOKEN_FILE")) {
        return Credentials::Token(Bearer::new(move || {
            let assertion = std::fs::read_to_string(&path).map_err(|error| {
                Error::io("cannot read the token of the workload", error)
                    .context("AZURE_FEDERATED_TOKEN_FILE", &path)
            })?;
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
            let assertion = ("client_assertion", assertion.trim());
            log_in(&url, &[("client_id", &client), ("client_assertion_type", kind), assertion])
        }));
    }
    let service = environment("IDENTITY_ENDPOINT").zip(environment("IDENTITY_HEADER"));
    let metadata = environment("AZURE_POD_IDENTITY_AUTHORITY_HOST").unwrap_or_else(|| METADATA.to_owned());
    Credentials::Token(Bearer::new(move || of_machine(service.as_ref(), &metadata, client.as_deref())))
}

/// Gets a token for a client (RFC 6749, section 4.4).
fn log_in(url: &str, of_client: &[(&str, &str)]) -> Result<Token> {
    let scope = format!("{RESOURCE}/.default");
    let common = [("grant_type", "client_credentials"), ("scope", scope.as_str())];
    let body = form(&[&common[..], of_client].concat());
    let request = Request::post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
    let what = "Entra ID";
    token(what, &ask(what, request.map_err(unusable)?, SERVICE)?)
}

/// Gets a token for the machine's or the service's own identity.
fn of_machine(service: Option<&(String, String)>, metadata: &str, client: Option<&str>) -> Result<Token> {
    let mut query = vec![("resource", RESOURCE)];
    query.extend(client.map(|client| ("client_id", client)));
    let request = match service {
        Some((endpoint, header)) => {
            query.push(("api-version", "2019-08-01"));
            Request::get(format!("{endpoint}?{}", form(&query))).header("x-identity-header", header)
        }
        None => {
            query.push(("api-version", "2018-02-01"));
            Request::get(format!("{metadata}/metadata/identity/oauth2/token?{}", form(&query)))
                .header("metadata", "true")
        }
    };
    let what = "the machine's identity service";
    let answer = ask(what, request.body(String::new()).map_err(unusable)?, MACHINE).map_err(|error| {
        if service.is_some() || error.kind() == ErrorKind::Denied { error } else { none().source(error) }
    })?;
    let found = token(what, &answer)?;
    // The service of an app gives only the second at which it ends; the soonest that may be is soon enough.
    let lasts = if answer.get("expires_in").is_none_or(Value::is_null) { SERVICE * 30 } else { found.lasts };
    Ok(Token { lasts, ..found })
}

fn none() -> Error {
    Error::new(ErrorKind::Configuration, "there are no credentials for Azure").hint(
        "give `account_key` or `sas_token`, set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or give the machine \
         an identity",
    )
}

fn unusable(_: http::Error) -> Error {
    Error::new(ErrorKind::Configuration, "the environment names no address that gives tokens")
        .hint("correct AZURE_AUTHORITY_HOST, AZURE_TENANT_ID or IDENTITY_ENDPOINT")
}

#[cfg(test)]
mod tests;
