use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_http::post;
use serde::Deserialize;
use serde_json::Value;

use super::settings::Exporter;
use crate::secrets::cut_out;
use crate::ui::escape;

/// As much of a refusal as is told.
const LONGEST_WORDS: usize = 200;

/// Sends spans to a collector, once, within a limit of time. One that takes only some of them fails with `Partial`.
pub(super) fn send_body(exporter: &Exporter, body: &Value, limit: Duration) -> Result<()> {
    let Exporter { endpoint, headers, ca_file } = exporter;
    let about = |error: Error| error.context("collector", exporter.host());
    let body = body.to_string();
    let said = post(endpoint, headers, body.as_bytes(), ca_file.as_deref(), limit).map_err(about)?;
    if !(200..300).contains(&said.status) {
        let words = cut_out(&exporter.secrets(), &String::from_utf8_lossy(&said.body));
        return Err(about(refused(said.status, &words)));
    }
    match serde_json::from_slice::<Answer>(&said.body).unwrap_or_default().partial_success.rejected() {
        0 => Ok(()),
        _ => Err(about(Error::new(ErrorKind::Partial, "the collector refused some spans"))),
    }
}

/// What a collector answers (<https://opentelemetry.io/docs/specs/otlp/#full-success-1>).
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer {
    partial_success: PartialSuccess,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct PartialSuccess {
    /// A number, or one as text.
    rejected_spans: Value,
}

impl PartialSuccess {
    fn rejected(&self) -> u64 {
        let spans = &self.rejected_spans;
        spans.as_u64().or_else(|| spans.as_str()?.parse().ok()).unwrap_or(0)
    }
}

fn refused(status: u16, said: &str) -> Error {
    let words: String = said.trim().chars().take(LONGEST_WORDS).collect();
    let message = format!("the collector answered {status} {}", escape(&words));
    let error = Error::new(ErrorKind::Denied, message.trim_end());
    match status {
        404 | 405 | 415 => {
            error.hint("OTLP over HTTP with JSON is sent, usually to port 4318; 4317 is that of gRPC")
        }
        _ => error,
    }
}
