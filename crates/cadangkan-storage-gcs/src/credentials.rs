//! Where tokens come from: the places where Google's own tools look ("application default credentials").

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD as BASE64, URL_SAFE_NO_PAD};
use cadangkan_core::{Clock, Error, ErrorKind, Result, Timestamp};
use cadangkan_storage::http::token::{Bearer, Token, ask, form, token};
use http::Request;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::{Value, json};

/// Longest wait for a service that gives tokens.
const SERVICE: Duration = Duration::from_secs(20);
/// Longest wait for the service of the machine: where there is one, it answers at once.
const MACHINE: Duration = Duration::from_secs(2);
/// Where a machine of Google's has its metadata. Source: Compute Engine, "About VM metadata".
const METADATA: &str = "169.254.169.254";
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// For impersonation, which is no matter of storage.
const PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
const TOKENS: &str = "https://oauth2.googleapis.com/token";

/// Gives tokens.
pub(crate) struct Credentials(Bearer);

impl Credentials {
    /// From the text of a key file, or from wherever the environment says.
    pub(crate) fn new(given: Option<String>, clock: Arc<dyn Clock>) -> Self {
        Credentials(Bearer::new(move || match &given {
            Some(text) => of_file(text, clock.now()),
            None => find(&environment, clock.now()),
        }))
    }

    pub(crate) fn token(&self) -> Result<String> {
        self.0.get()
    }

    pub(crate) fn forget(&self) {
        self.0.forget();
    }
}

/// Reads a word of the environment.
#[allow(clippy::disallowed_methods, reason = "Google's own tools find credentials by the environment")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Looks where Google's own tools look. Source: Google Cloud, "How Application Default Credentials works".
fn find(environment: &dyn Fn(&str) -> Option<String>, now: Timestamp) -> Result<Token> {
    if let Some(path) = environment("GOOGLE_APPLICATION_CREDENTIALS") {
        return of_file(&read(Path::new(&path))?, now);
    }
    let folder = environment("CLOUDSDK_CONFIG").map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(environment("HOME")?).join(".config/gcloud")));
    if let Some(path) = folder.map(|folder| folder.join("application_default_credentials.json"))
        && path.exists()
    {
        return of_file(&read(&path)?, now);
    }
    let host = environment("GCE_METADATA_HOST").unwrap_or_else(|| METADATA.to_owned());
    let path = format!("http://{host}/computeMetadata/v1/instance/service-accounts/default/token");
    let request = Request::get(path).header("metadata-flavor", "Google").body(String::new());
    let what = "the machine's metadata service";
    let answer = ask(what, request.map_err(unusable)?, MACHINE).map_err(|error| {
        Error::new(ErrorKind::Configuration, "there are no credentials for Google Cloud").source(error).hint(
            "give `credentials_file`, set GOOGLE_APPLICATION_CREDENTIALS, log in by `gcloud auth application-default login`, or \
             give the machine a service account",
        )
    })?;
    token(what, &answer)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).map_err(|error| {
        Error::io("cannot read the file with credentials", error)
            .context("path", path.display())
            .hint("correct GOOGLE_APPLICATION_CREDENTIALS, or the file's permissions")
    })
}

/// What a file with credentials says, by its `type`.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum File {
    /// A key of a service account.
    ServiceAccount { client_email: String, private_key: String, token_uri: Option<String> },
    /// Of a person who has logged in.
    AuthorizedUser {
        client_id: String,
        client_secret: String,
        refresh_token: String,
        token_uri: Option<String>,
    },
    /// Of a workload elsewhere, whose own token is exchanged.
    ExternalAccount {
        audience: String,
        subject_token_type: String,
        token_url: String,
        credential_source: Source,
        service_account_impersonation_url: Option<String>,
    },
}

/// Where a workload has its own token.
#[derive(Deserialize)]
struct Source {
    file: Option<PathBuf>,
    url: Option<String>,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    subject_token_field_name: Option<String>,
}

fn of_file(text: &str, now: Timestamp) -> Result<Token> {
    // What serde says of it could repeat a secret.
    let file: File = serde_json::from_str(text).map_err(|_| {
        Error::new(ErrorKind::Configuration, "the credentials are none that are known here").hint(
            "a key file of a service account is needed, what `gcloud auth application-default login` writes, or a \
             configuration of workload identity with a file or a URL",
        )
    })?;
    let what = "Google's service for tokens";
    match file {
        File::ServiceAccount { client_email, private_key, token_uri } => {
            let url = token_uri.unwrap_or_else(|| TOKENS.to_owned());
            let assertion = assertion(&client_email, &private_key, &url, now)?;
            let grant = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
            token(what, &post(what, &url, &[grant, ("assertion", &assertion)])?)
        }
        File::AuthorizedUser { client_id, client_secret, refresh_token, token_uri } => {
            let url = token_uri.unwrap_or_else(|| TOKENS.to_owned());
            let login = [("client_id", client_id.as_str()), ("client_secret", &client_secret)];
            let grant = [("grant_type", "refresh_token"), ("refresh_token", &refresh_token)];
            token(what, &post(what, &url, &[login, grant].concat())?)
        }
        File::ExternalAccount {
            audience,
            subject_token_type,
            token_url,
            credential_source,
            service_account_impersonation_url: impersonation,
        } => {
            let subject = subject(&credential_source)?;
            let scope = if impersonation.is_some() { PLATFORM } else { SCOPE };
            let exchange = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                ("audience", &audience),
                ("scope", scope),
                ("subject_token", subject.trim()),
                ("subject_token_type", &subject_token_type),
            ];
            let exchanged = token(what, &post(what, &token_url, &exchange)?)?;
            impersonation
                .map_or(Ok(None), |url| impersonate(&url, &exchanged).map(Some))
                .map(|token| token.unwrap_or(exchanged))
        }
    }
}

fn post(what: &str, url: &str, pairs: &[(&str, &str)]) -> Result<Value> {
    let request = Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    ask(what, request.body(form(pairs)).map_err(unusable)?, SERVICE)
}

/// The statement by which a service account asks for a token (RFC 7523), signed by its key (RFC 7515).
fn assertion(email: &str, key: &str, url: &str, now: Timestamp) -> Result<String> {
    let wrong = || {
        Error::new(ErrorKind::Configuration, "the service account's private key is none")
            .hint("make a new key of the account, and give its file as it is")
    };
    let body: String = key.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
    let key = BASE64.decode(body).ok().and_then(|key| RsaKeyPair::from_pkcs8(&key).ok()).ok_or_else(wrong)?;
    let begins = now.as_second();
    let head = json!({"alg": "RS256", "typ": "JWT"}).to_string();
    let claims =
        json!({"iss": email, "scope": SCOPE, "aud": url, "iat": begins, "exp": begins.saturating_add(3600)});
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    key.sign(&RSA_PKCS1_SHA256, &random, text.as_bytes(), &mut signature).map_err(|_| wrong())?;
    Ok(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// A workload's own token. Source: RFC 8693; Google's AIP-4117.
fn subject(source: &Source) -> Result<String> {
    let field = source.format.as_ref().and_then(|format| format.subject_token_field_name.as_deref());
    let missing = || Error::new(ErrorKind::Configuration, "the workload's own token cannot be found");
    let answer = match (&source.file, &source.url) {
        (Some(path), _) => {
            let text = read(path)?;
            if field.is_none() {
                return Ok(text);
            }
            serde_json::from_str(&text).map_err(|_| missing())?
        }
        (None, Some(url)) => {
            let mut request = Request::get(url);
            for (name, value) in &source.headers {
                request = request.header(name, value);
            }
            ask("the workload's identity service", request.body(String::new()).map_err(unusable)?, SERVICE)?
        }
        (None, None) => {
            return Err(missing().hint("of workload identity, a file and a URL with JSON are known here"));
        }
    };
    let found = field.and_then(|field| answer.get(field)).and_then(Value::as_str);
    found.map(str::to_owned).ok_or_else(missing)
}

/// Exchanges a token for one of a service account. Source: IAM Service Account Credentials, `generateAccessToken`.
fn impersonate(url: &str, exchanged: &Token) -> Result<Token> {
    let what = "Google's service for the tokens of service accounts";
    let request = Request::post(url)
        .header("authorization", format!("Bearer {}", exchanged.secret))
        .header("content-type", "application/json")
        .body(json!({"scope": [SCOPE]}).to_string());
    let answer = ask(what, request.map_err(unusable)?, SERVICE)?;
    let secret = answer.get("accessToken").and_then(Value::as_str);
    let secret = secret.ok_or_else(|| Error::new(ErrorKind::Denied, format!("{what} gives no token")))?;
    // An hour, unless it was asked otherwise.
    Ok(Token { secret: secret.to_owned(), lasts: exchanged.lasts.min(Duration::from_secs(3600)) })
}

fn unusable(_: http::Error) -> Error {
    Error::new(ErrorKind::Configuration, "the credentials name no address that gives tokens")
        .hint("give the file with credentials as it was made")
}

#[cfg(test)]
mod tests;
