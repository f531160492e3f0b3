use std::io::Read as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cadangkan_core::settings::{Field, FieldKind, SettingsError, mistake};
use cadangkan_core::{Error, ErrorKind};
use cadangkan_http::{Silence, agent, header, is_loopback};
use http::{HeaderMap, Uri};
use serde_json::Value;
use ureq::Agent;

use crate::Undelivered;
use crate::text::cut;

/// As much of an answer as is read: enough for the words of a refusal.
const LONGEST_ANSWER: u64 = 16 << 10;

/// The field with certificates of authorities.
pub(crate) const CA_FILE: Field = Field {
    name: "ca_file",
    kind: FieldKind::Path,
    required: false,
    default: Some("the system's authorities"),
    help: "certificates of authorities to trust, in PEM",
};

/// The field that consents to sending without TLS.
pub(crate) const ALLOW_HTTP: Field = Field {
    name: "allow_http",
    kind: FieldKind::Boolean,
    required: false,
    default: Some("false"),
    help: "send without TLS, so that anybody in between can read and change it",
};

/// A request to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// One with a body of JSON.
    pub(crate) fn json(url: &str, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Request { url: url.to_owned(), headers, body: body.to_string().into_bytes() }
    }
}

/// The way to a server by HTTP. URLs may be secrets, so that no message holds more of one than its host.
pub(crate) struct Line {
    tls: bool,
    host: String,
    authorities: Option<PathBuf>,
    agent: OnceLock<Agent>,
}

impl Line {
    /// Looks at a URL, the value of the setting `key`; nothing is connected.
    pub(crate) fn new(
        key: &str,
        url: &str,
        authorities: Option<PathBuf>,
        allow_http: bool,
    ) -> Result<Self, SettingsError> {
        let wrong = || mistake(key, "a whole URL such as https://host/path is needed, without a login");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let has_login = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        if has_login {
            return Err(wrong());
        }
        if !tls && !allow_http && !is_loopback(host) {
            return Err(mistake(
                key,
                "without TLS anybody in between reads and changes what is sent: use https://, or consent with \
                 `allow_http: true`",
            ));
        }
        Ok(Line { tls, host: host.to_owned(), authorities, agent: OnceLock::new() })
    }

    /// Sends requests one after the other, all within a limit of time.
    pub(crate) fn send_all(&self, requests: &[Request], limit: Duration) -> Result<(), Undelivered> {
        let begun = Instant::now();
        requests.iter().try_for_each(|request| self.send(request, limit.saturating_sub(begun.elapsed())))
    }

    fn send(&self, request: &Request, limit: Duration) -> Result<(), Undelivered> {
        if limit.is_zero() {
            return Err(self.unanswered(&ureq::Error::Timeout(ureq::Timeout::Global)).into());
        }
        let unusable = || {
            let message = "a request cannot be written: a setting has a character that HTTP forbids";
            Error::new(ErrorKind::Configuration, message).context("host", &self.host)
        };
        let mut built = http::Request::post(&request.url);
        for (name, value) in &request.headers {
            built = built.header(name, value);
        }
        let built = built.body(request.body.as_slice()).map_err(|_| unusable())?;
        let agent = self.agent(limit)?;
        let answered = agent.run(agent.configure_request(built).timeout_global(Some(limit)).build());
        let (parts, body) = answered.map_err(|error| self.unanswered(&error))?.into_parts();
        // The connection can only be used again once the answer is read; and a refusal says why there.
        let mut said = Vec::new();
        let _ = body.into_with_config().limit(LONGEST_ANSWER).reader().read_to_end(&mut said);
        if parts.status.is_success() {
            return Ok(());
        }
        Err(self.refused(parts.status.as_u16(), &parts.headers, &said))
    }

    fn refused(&self, status: u16, headers: &HeaderMap, said: &[u8]) -> Undelivered {
        let said = cut(&String::from_utf8_lossy(said), 300);
        let message = format!("the server says {status} {said}");
        let error = Error::new(ErrorKind::Denied, message.trim_end()).context("host", &self.host);
        let error = match status {
            408 | 425 | 429 | 500..=599 => error.with_kind(ErrorKind::Unreachable).retryable(),
            300..=399 => error.hint("redirects are not followed: give the URL that it leads to"),
            401 | 403 | 404 | 410 => error.hint("check the URL and the token: they may have been withdrawn"),
            _ => error,
        };
        let wait = header(headers, "retry-after").and_then(|text| text.trim().parse().ok());
        Undelivered { error, wait: wait.map(Duration::from_secs) }
    }

    /// The words of the library are left out: they may have the URL in them.
    fn unanswered(&self, error: &ureq::Error) -> Error {
        Silence::of(error).error("the URL", None).context("host", &self.host).retryable()
    }

    fn agent(&self, limit: Duration) -> cadangkan_core::Result<&Agent> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let made = agent(&self.host, limit, self.tls, self.authorities.as_deref())?;
        Ok(self.agent.get_or_init(|| made))
    }
}
