//! Where credentials come from: the settings, or the places where AWS's own tools look.

use std::future::Future;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use cadangkan_core::{Error, ErrorKind, Result};
use reqsign_aws_core::{Credential, DefaultCredentialProvider};
use reqsign_core::{
    CommandExecute, CommandOutput, Context, FileRead, HttpSend, OsEnv, ProvideCredential, SigningCredential,
};

/// Longest wait for a service that gives credentials. On most machines none is there.
const SERVICE: Duration = Duration::from_secs(2);
/// Longest wait for a program that gives credentials.
const PROGRAM: Duration = Duration::from_secs(60);

/// Where the credentials are.
pub(crate) enum Credentials {
    /// In the settings.
    Given(Box<Credential>),
    /// In the environment, profiles, a program, or a service of the machine; looked up again before they end.
    Found { chain: Box<DefaultCredentialProvider>, profile: Option<String>, last: Mutex<Option<Credential>> },
}

impl Credentials {
    pub(crate) fn given(id: String, secret: String, token: Option<String>) -> Self {
        Credentials::Given(Box::new(Credential {
            access_key_id: id,
            secret_access_key: secret,
            session_token: token,
            expires_in: None,
        }))
    }

    pub(crate) fn found(profile: Option<String>) -> Self {
        let mut chain = DefaultCredentialProvider::builder();
        if let Some(profile) = &profile {
            // Somebody who names a profile means that one, whatever the environment has.
            chain = chain.no_env().with_profile(profile);
        }
        Credentials::Found { chain: Box::new(chain.build()), profile, last: Mutex::new(None) }
    }

    pub(crate) fn get(&self) -> Result<Credential> {
        let Credentials::Found { chain, profile, last } = self else {
            let Credentials::Given(credential) = self else { return Err(none(None)) };
            return Ok((**credential).clone());
        };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credential) = last.as_ref().filter(|credential| credential.is_valid()) {
            return Ok(credential.clone());
        }
        let context = Context::new()
            .with_env(OsEnv)
            .with_file_read(Files)
            .with_http_send(Services)
            .with_command_execute(Programs);
        let found = block_on(chain.provide_credential(&context)).map_err(|error| {
            none(profile.as_deref()).source(Error::new(ErrorKind::Configuration, error.to_string()))
        })?;
        let found = found.ok_or_else(|| none(profile.as_deref()))?;
        *last = Some(found.clone());
        Ok(found)
    }
}

fn none(profile: Option<&str>) -> Error {
    let error = Error::new(ErrorKind::Configuration, "there are no credentials for S3");
    match profile {
        Some(profile) => error.context("profile", profile).hint(
            "name a profile of ~/.aws/config or ~/.aws/credentials that has keys, a program or an SSO session \
             (`aws sso login`)",
        ),
        None => error.hint(
            "give `access_key` and `secret_key`, set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name an `aws_profile`, or \
             give the machine a role",
        ),
    }
}

/// Runs a future to its end. Those of credentials never wait for anything but the blocking calls below.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = std::task::Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        std::thread::yield_now();
    }
}

fn unexpected(
    message: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> reqsign_core::Error {
    reqsign_core::Error::unexpected(message).with_source(source)
}

#[derive(Debug)]
struct Files;

impl FileRead for Files {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        std::fs::read(path).map_err(|error| unexpected("a file with credentials cannot be read", error))
    }
}

#[derive(Debug)]
struct Services;

impl HttpSend for Services {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let failed = |error: ureq::Error| unexpected("a service with credentials does not answer", error);
        let tls = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
        let wait = if tls { SERVICE * 10 } else { SERVICE };
        let agent = cadangkan_storage::http::agent(request.uri().host().unwrap_or_default(), wait, tls, None)
            .map_err(|error| unexpected("TLS cannot be set up", std::io::Error::other(error.to_string())))?;
        let (parts, body) = request.into_parts();
        let answer =
            if body.is_empty() && parts.method != http::Method::PUT && parts.method != http::Method::POST {
                agent.run(http::Request::from_parts(parts, ()))
            } else {
                agent.run(http::Request::from_parts(parts, &body[..]))
            };
        let (parts, mut body) = answer.map_err(failed)?.into_parts();
        let body = body.read_to_vec().map_err(failed)?;
        Ok(http::Response::from_parts(parts, Bytes::from(body)))
    }
}

#[derive(Debug)]
struct Programs;

impl CommandExecute for Programs {
    async fn command_execute<'a>(
        &'a self,
        program: &'a str,
        arguments: &'a [&'a str],
    ) -> reqsign_core::Result<CommandOutput> {
        run(program, arguments).map_err(|error| unexpected("a program with credentials failed", error))
    }
}

/// Runs a program to its end; its output is small, so a pipe holds it.
fn run(program: &str, arguments: &[&str]) -> std::io::Result<CommandOutput> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    let begun = Instant::now();
    while child.try_wait()?.is_none() {
        if begun.elapsed() > PROGRAM {
            child.kill()?;
            child.wait()?;
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output()?;
    Ok(CommandOutput {
        status: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: Vec::new(),
    })
}
