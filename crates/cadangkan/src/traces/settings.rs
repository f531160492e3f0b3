use std::path::PathBuf;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_http::is_loopback;
use http::{HeaderName, HeaderValue, Uri};
use serde_json::Value;

/// Where traces go below an address.
const PATH: &str = "/v1/traces";

/// Where traces go, as the configuration says.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct TraceSettings {
    /// The whole address.
    pub(crate) endpoint: Uri,
    /// What is sent with it.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Authorities to trust in the place of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The way it stands in the file: variables are not filled in, and no value of a header is there that is none.
    pub(crate) written: Value,
}

/// Without headers, which are secrets.
impl std::fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceSettings").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Who gets the traces.
pub(super) struct Exporter {
    pub(super) endpoint: Uri,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) ca_file: Option<PathBuf>,
}

impl Exporter {
    /// Joins the configuration and the environment, which wins
    /// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>); `None` where nobody wishes traces.
    pub(super) fn of(
        settings: Option<&TraceSettings>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>> {
        let given = |name: &str| environment(name).filter(|value| !value.trim().is_empty());
        let of_traces = |what: &str| {
            given(&format!("OTEL_EXPORTER_OTLP_TRACES_{what}"))
                .or_else(|| given(&format!("OTEL_EXPORTER_OTLP_{what}")))
        };
        let is_off = given("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"))
            || given("OTEL_TRACES_EXPORTER").is_some_and(|value| value != "otlp");
        let address = match given("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            Some(whole) => Some(parse(&whole)),
            None => given("OTEL_EXPORTER_OTLP_ENDPOINT")
                .map(|base| parse(&base).and_then(|base| whole_endpoint(&base).ok_or_else(wrong_endpoint))),
        };
        let endpoint = match (address, settings) {
            _ if is_off => return Ok(None),
            (Some(address), _) => address?,
            (None, Some(settings)) => settings.endpoint.clone(),
            (None, None) => return Ok(None),
        };
        if of_traces("PROTOCOL").is_some_and(|protocol| protocol == "grpc") {
            let message = "traces are sent over HTTP as JSON, and OTEL_EXPORTER_OTLP_PROTOCOL wishes grpc";
            return Err(Error::new(ErrorKind::Unsupported, message)
                .hint("set it to http/json, with the port of HTTP, usually 4318"));
        }
        let headers = match of_traces("HEADERS") {
            Some(text) => headers(&text)?,
            None => settings.map(|settings| settings.headers.clone()).unwrap_or_default(),
        };
        if !headers.is_empty() && is_read_by_others(&endpoint) {
            return Err(Error::new(ErrorKind::Configuration, READ_BY_OTHERS.0).hint(READ_BY_OTHERS.1));
        }
        let certificate = of_traces("CERTIFICATE").map(PathBuf::from);
        let ca_file = certificate.or_else(|| settings.and_then(|settings| settings.ca_file.clone()));
        Ok(Some(Exporter { endpoint, headers, ca_file }))
    }

    /// What a collector may repeat, and nobody else is to read: values of headers, and the path.
    pub(super) fn secrets(&self) -> Vec<String> {
        let values = self.headers.iter().filter_map(|(_, value)| value.to_str().ok());
        let values = values.flat_map(|value| value.split_whitespace().chain([value]));
        let path = Some(self.endpoint.path()).filter(|path| *path != PATH);
        values.chain(path).map(str::to_owned).collect()
    }

    /// Where that is, for messages: the path may be a secret.
    pub(super) fn host(&self) -> String {
        self.endpoint.authority().map_or_else(String::new, ToString::to_string)
    }
}

/// What is said where headers would go over a network as they are.
pub(crate) const READ_BY_OTHERS: (&str, &str) = (
    "headers of traces would go over the network without TLS",
    "use https://, or send to a collector on this machine, which knows them",
);

/// Tells whether others can read what goes there.
pub(crate) fn is_read_by_others(endpoint: &Uri) -> bool {
    endpoint.scheme_str() != Some("https") && !endpoint.host().is_some_and(is_loopback)
}

/// Where traces go below the address of a collector; `None` where that is no address, or has a login.
pub(crate) fn whole_endpoint(base: &Uri) -> Option<Uri> {
    let path = base.path().trim_end_matches('/');
    let path = if path.ends_with(PATH) { path.to_owned() } else { format!("{path}{PATH}") };
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(path.parse().ok()?);
    Uri::from_parts(parts).ok().filter(is_usable)
}

/// `key=value` with commas between, as headers and attributes stand in the environment; values are percent-encoded.
pub(super) fn list(text: &str) -> Vec<(String, String)> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    let pairs = pairs.map(|(key, value)| (key.trim().to_owned(), decoded(value.trim())));
    pairs.filter(|(key, _)| !key.is_empty()).collect()
}

fn parse(text: &str) -> Result<Uri> {
    text.trim().parse::<Uri>().ok().filter(is_usable).ok_or_else(wrong_endpoint)
}

fn is_usable(uri: &Uri) -> bool {
    let has_login = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some() && !has_login
}

fn wrong_endpoint() -> Error {
    Error::new(ErrorKind::Configuration, "the environment names no address that traces can be sent to")
        .hint("set OTEL_EXPORTER_OTLP_ENDPOINT to one such as http://127.0.0.1:4318, without a login")
}

fn headers(text: &str) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let header = |(name, value): (String, String)| {
        let mut value = HeaderValue::from_str(&value).ok()?;
        value.set_sensitive(true);
        Some((name.parse().ok()?, value))
    };
    let headers: Option<Vec<_>> = list(text).into_iter().map(header).collect();
    headers.ok_or_else(|| {
        Error::new(ErrorKind::Configuration, "OTEL_EXPORTER_OTLP_HEADERS has what is no header")
            .hint("write `name=value,name=value`")
    })
}

/// Takes percent-encoding off; what is none stays.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, more)) = rest.split_first() {
        let code = more.get(..2).filter(|_| *first == b'%').and_then(|code| std::str::from_utf8(code).ok());
        let code = code.filter(|code| !code.starts_with('+'));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
