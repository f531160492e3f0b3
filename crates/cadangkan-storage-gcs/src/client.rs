//! Sends requests, and tries again what may pass.

use cadangkan_core::Result;
use cadangkan_storage::Backoff;
use cadangkan_storage::http::{Answer, Failure, Line};
use http::Response;
use ureq::Body;

use crate::credentials::Credentials;
use crate::failure::refused;
use crate::request::Request;

/// Where the bucket is and how to get in.
pub(crate) struct Client {
    pub(crate) line: Line,
    pub(crate) bucket: String,
    /// Who pays for requests, when it is not the bucket's owner.
    pub(crate) project: Option<String>,
    /// None without TLS: whoever bears a token is let in.
    pub(crate) credentials: Option<Credentials>,
}

impl Client {
    /// Sends a request until it is answered, refused or given up, and reads the answer.
    pub(crate) fn send(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        self.persist(request, |client| client.once(request))
    }

    /// Sends a request alike, and hands out the answer's body to be read.
    pub(crate) fn open(&self, request: &Request<'_>) -> Result<(http::HeaderMap, Body), Failure> {
        self.persist(request, |client| {
            let (parts, body) = client.judge(request, client.exchange(request)?)?.into_parts();
            Ok((parts.headers, body))
        })
    }

    /// Sends a request once, and reads the answer, which may also be the 308 of an upload that goes on.
    pub(crate) fn once(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        self.line.read(self.judge(request, self.exchange(request)?)?)
    }

    /// Does something again while its failure may pass.
    pub(crate) fn persist<T>(
        &self,
        request: &Request<'_>,
        mut work: impl FnMut(&Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let backoff = if request.brief { Backoff::BRIEF } else { self.line.backoff };
        self.line.persist(backoff, request.stop, || work(self))
    }

    fn exchange(&self, request: &Request<'_>) -> Result<Response<Body>, Failure> {
        let uri = format!("{}{}", self.line.endpoint, request.target);
        let mut built = http::Request::builder().method(request.method.clone()).uri(uri);
        if let Some(credentials) = &self.credentials {
            built = built.header("authorization", format!("Bearer {}", credentials.token()?));
        }
        if let Some(project) = &self.project {
            built = built.header("x-goog-user-project", project);
        }
        for (name, value) in &request.headers {
            built = built.header(*name, value);
        }
        self.line.exchange(built, request.body)
    }

    fn judge(&self, request: &Request<'_>, response: Response<Body>) -> Result<Response<Body>, Failure> {
        let status = response.status().as_u16();
        if response.status().is_success() || status == 308 {
            return Ok(response);
        }
        let headers = response.headers().clone();
        // What cannot be read of a refusal is only missing from the message.
        let body = self.line.read(response).map(|answer| answer.body).unwrap_or_default();
        if let (401, Some(credentials)) = (status, &self.credentials) {
            credentials.forget();
        }
        Err(refused(status, &headers, &body, request, self))
    }
}
