//! Makes an object of another one that the same server has: at once when it is small, else in parts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use cadangkan_core::Result;
use cadangkan_storage::encoding::encode_path;
use cadangkan_storage::http::{Assembly, Part};
use cadangkan_storage::{ObjectInfo, Origin};

use crate::client::{Answer, Client};
use crate::request::Request;
use crate::upload::{Object, Sent, succeeded};

/// What one request copies where no size of parts is set: the answer comes long before a wait for it ends.
pub(crate) const PART_BYTES: usize = 128 << 20;

/// The permission that a request needs, for messages: the same credentials read there and write here.
const PERMISSION: &str = "s3:PutObject, with s3:GetObject where it is copied from,";

/// The headers of our own key, and what they are called where a request reads one object to make another.
const CUSTOMER: &str = "x-amz-server-side-encryption-customer-";
const COPIED_CUSTOMER: &str = "x-amz-copy-source-server-side-encryption-customer-";

/// Which servers copy from each other: regions of Amazon do.
pub(crate) fn server(client: &Client) -> String {
    match client.is_amazon() {
        true => "s3 amazonaws.com".to_owned(),
        false => format!("s3 {}", client.endpoint()),
    }
}

/// Names an object that was looked at; `None` when the server does not say which version it is.
pub(crate) fn origin(
    client: &Client,
    path: &str,
    touch: &[(String, String)],
    found: &Answer,
) -> Option<Origin> {
    let version = found.header("etag")?.to_owned();
    let size = found.header("content-length")?.parse().ok()?;
    let headers =
        touch.iter().map(|(name, value)| (name.replace(CUSTOMER, COPIED_CUSTOMER), value.clone())).collect();
    let name = format!("/{}/{}", encode_path(client.bucket()), encode_path(path));
    Some(Origin { server: server(client), name, version, size, headers })
}

/// An object that the server makes of another one.
pub(crate) struct Copied {
    pub(crate) object: Object,
    pub(crate) origin: Origin,
    /// Whether the server knows tags, of which the copy has its own.
    pub(crate) tags: bool,
}

impl Copied {
    fn request(&self) -> Request<'static> {
        // The version's number would need one more permission; its ETag tells versions apart as well.
        Request::new(http::Method::PUT, self.object.path.as_str(), PERMISSION)
            .header("x-amz-copy-source", self.origin.name.as_str())
            .header("x-amz-copy-source-if-match", self.origin.version.as_str())
            .headers(&self.origin.headers)
    }

    /// The range of a part: all before it are full.
    fn range(&self, number: u32) -> String {
        let size = |number| self.object.size_of(number).unwrap_or_default() as u64;
        let begin: u64 = (1..number).map(size).sum();
        let end = begin.saturating_add(size(number)).min(self.origin.size);
        format!("bytes={begin}-{}", end.saturating_sub(1))
    }
}

impl Assembly for Copied {
    type Id = String;
    type Part = Sent;

    fn size_of(&self, number: u32) -> Option<usize> {
        self.object.size_of(number)
    }

    fn put(&self, _bytes: &[u8]) -> Result<()> {
        self.object.refuse_taken()?;
        let mut request =
            self.request().header("x-amz-metadata-directive", "REPLACE").headers(&self.object.headers());
        if self.tags {
            request = request.header("x-amz-tagging-directive", "REPLACE");
        }
        if self.object.checksums {
            request = request.header("x-amz-checksum-algorithm", "SHA256");
        }
        let Some(answer) = self.object.create(request)? else { return Ok(()) };
        succeeded(&answer, &self.object.path).map(drop)
    }

    fn begin(&self) -> Result<String> {
        self.object.begin()
    }

    fn send(&self, id: &String, part: Part<'_>) -> Result<Sent> {
        let mut request = self
            .request()
            .query("partNumber", part.number.to_string())
            .query("uploadId", id.as_str())
            .header("x-amz-copy-source-range", self.range(part.number))
            .headers(&self.object.keeping.touch);
        request.stop = Some(part.stop);
        let answer = self.object.client.send(&request, self.object.client.backoff())?;
        let copied = succeeded(&answer, &self.object.path)?;
        let digest = copied.checksum.and_then(|sum| BASE64.decode(sum).ok());
        Ok(Sent { number: part.number, tag: copied.tag, digest })
    }

    fn complete(&self, id: &String, parts: &[Sent]) -> Result<()> {
        self.object.complete(id, parts)
    }

    fn look(&self, written: u64) -> Result<ObjectInfo> {
        self.object.look(written)
    }

    fn withdraw(&self, id: &String) -> Result<()> {
        self.object.withdraw(id)
    }
}
