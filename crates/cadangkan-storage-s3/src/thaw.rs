//! Brings objects back that a rule of the bucket has moved to an archive tier.

use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind, Result};

use crate::client::Client;
use crate::request::Request;
use crate::storage;

/// How long what was brought back can be read.
const DAYS: u32 = 3;

/// How objects are brought back.
#[derive(Clone, Debug)]
pub(crate) struct Thaw {
    /// How long it may take.
    pub(crate) wait: Duration,
    pub(crate) tier: Tier,
}

/// How fast, and how dear, it is.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Tier {
    Expedited,
    #[default]
    Standard,
    Bulk,
}

impl Thaw {
    /// Asks for an object, and waits until it can be read.
    pub(crate) fn bring_back(&self, client: &Client, path: &str, touch: &[(String, String)]) -> Result<()> {
        let tier = format!("{:?}", self.tier);
        let body = format!(
            "<RestoreRequest><Days>{DAYS}</Days><GlacierJobParameters><Tier>{tier}</Tier></GlacierJobParameters>\
             </RestoreRequest>"
        );
        let request = Request::new(http::Method::POST, path, "s3:RestoreObject")
            .query("restore", "")
            .body(body.as_bytes());
        match client.send(&request, client.backoff()) {
            Err(failure) if failure.code != "RestoreAlreadyInProgress" => return Err(failure.into()),
            _ => {}
        }
        let begun = Instant::now();
        loop {
            let found = storage::stat(client, path, touch)?;
            let state = found.as_ref().and_then(|answer| answer.header("x-amz-restore")).unwrap_or_default();
            if state.contains("ongoing-request=\"false\"") {
                return Ok(());
            }
            let left = self.wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(Error::new(
                    ErrorKind::Timeout,
                    "an object is not back from its archive tier yet",
                )
                .context("key", path)
                .context("waited", cadangkan_core::format_duration(self.wait))
                .hint("it was asked for and comes: try again later, or wait longer by `thaw`"));
            }
            std::thread::sleep(client.backoff().longest.min(left));
        }
    }
}
