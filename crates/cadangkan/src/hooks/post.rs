use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::Backoff;
use cadangkan_storage::http::Line;
use http::{HeaderName, HeaderValue, Request, Uri};

use super::facts::Facts;

/// Sends what is known of a run to an address, once. Any answer but a 2xx is a failure; redirects are not followed, since the
/// headers are meant for this address.
pub(super) fn send(
    url: &Uri,
    headers: &[(HeaderName, HeaderValue)],
    facts: &Facts,
    timeout: Duration,
) -> Result<()> {
    // The path may be the secret.
    let scheme = url.scheme_str().unwrap_or("http");
    let place = format!("{scheme}://{}", url.authority().map_or("", |authority| authority.as_str()));
    let line = Line::new(place, None, timeout, Backoff::BRIEF);
    let mut request = Request::post(url.clone()).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let body = serde_json::to_vec(&facts.json)
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot write a run as JSON").source(error))?;
    let answer = line.exchange(request, &body).map_err(|failure| {
        Error::new(ErrorKind::Hook, "the address of a hook did not answer")
            .source(Error::new(failure.error.kind(), failure.error.message()))
            .hint("its `timeout` says how long is waited")
    })?;
    if answer.status().is_success() {
        return Ok(());
    }
    let message = format!("the address of a hook answered {}", answer.status().as_u16());
    Err(Error::new(ErrorKind::Hook, message).hint("look at what its server writes about it"))
}
