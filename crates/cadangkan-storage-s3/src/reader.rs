//! Reads an object, all pieces of one version.

use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::Result;
use cadangkan_storage::http::{Ahead, Reader, replaced};

use crate::client::Client;
use crate::request::Request;
use crate::thaw::Thaw;

/// Opens an object; the range is cut at its end.
pub(crate) fn open(
    client: Arc<Client>,
    key: String,
    headers: Vec<(String, String)>,
    range: Range<u64>,
    thaw: Option<Thaw>,
    ahead: Ahead,
) -> Result<Reader> {
    let backoff = client.backoff();
    let fetch = move |range: &str, version: Option<&str>| {
        let mut request = Request::new(http::Method::GET, key.as_str(), "s3:GetObject")
            .header("range", range)
            .headers(&headers);
        if let Some(version) = version {
            request = request.header("if-match", version);
        }
        let opened = match (client.open(&request, client.backoff()), &thaw) {
            (Err(failure), Some(thaw)) if version.is_none() && failure.code == "InvalidObjectState" => {
                thaw.bring_back(&client, &key, &headers)?;
                client.open(&request, client.backoff())
            }
            (opened, _) => opened,
        };
        match opened {
            Ok(opened) => Ok(Some(opened)),
            Err(failure) if failure.status == 416 => Ok(None),
            Err(failure) if failure.status == 412 || version.is_some() && failure.status == 404 => {
                Err(replaced(&key))
            }
            Err(failure) => Err(failure.into()),
        }
    };
    Reader::open(range, backoff, "etag", ahead, Arc::new(fetch))
}
