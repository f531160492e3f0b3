use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};
use http::{HeaderName, HeaderValue, Uri};

use crate::{Silence, agent};

/// As much of an answer as is read: enough for the words of a refusal.
const LONGEST_ANSWER: u64 = 16 << 10;

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Of HTTP.
    pub status: u16,
    /// The beginning of the body.
    pub body: Vec<u8>,
}

/// Sends JSON to an address, once and on a connection of its own, all within a limit of time.
///
/// Any answer is handed out. Fails with `Timeout` or `Unreachable` where there is none; errors name neither address nor headers,
/// which may be secrets.
pub fn post(
    address: &Uri,
    headers: &[(HeaderName, HeaderValue)],
    body: &[u8],
    authorities: Option<&Path>,
    limit: Duration,
) -> Result<Said> {
    let host = address.host().unwrap_or_default();
    let agent = agent(host, limit, address.scheme_str() == Some("https"), authorities)?;
    let mut request = http::Request::post(address.clone()).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let unusable = |_| Error::new(ErrorKind::Configuration, "a request cannot be written");
    let request = agent.configure_request(request.body(body).map_err(unusable)?);
    let answered = agent.run(request.timeout_global(Some(limit)).build());
    let (parts, body) =
        answered.map_err(|error| Silence::of(&error).error("the address", None))?.into_parts();
    let mut said = Vec::new();
    // What cannot be read does not change what the status says.
    let _ = body.into_with_config().limit(LONGEST_ANSWER).reader().read_to_end(&mut said);
    Ok(Said { status: parts.status.as_u16(), body: said })
}
