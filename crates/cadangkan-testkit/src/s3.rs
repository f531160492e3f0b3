//! Buckets on real servers of S3, made and looked at by a script, so that nothing of ours vouches for itself.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::storages::{StorageServer, storage_server};

/// A server of S3; `ceph` has versions, locks and keys, `moto` has conditional writes and sums.
#[derive(Debug, Clone)]
pub struct S3Server(StorageServer);

/// A bucket of a test's own.
#[derive(Debug, Clone)]
pub struct TestBucket {
    /// Its server.
    pub server: S3Server,
    /// Its name.
    pub name: String,
}

impl S3Server {
    /// Finds one by its name; none prints a line.
    pub fn find(name: &str) -> Option<Self> {
        storage_server(name).map(S3Server)
    }

    /// All that are there.
    pub fn all() -> Vec<Self> {
        ["ceph", "moto"].into_iter().filter_map(Self::find).collect()
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Such as `ceph`.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The id of a key that may do everything.
    pub fn access_key(&self) -> &str {
        self.0.setting("access_key")
    }

    /// Its secret.
    pub fn secret_key(&self) -> &str {
        self.0.setting("secret_key")
    }

    /// Makes a bucket with a name that no other test has.
    pub fn bucket(&self) -> TestBucket {
        self.bucket_with(&[])
    }

    /// Makes one, with headers such as `x-amz-bucket-object-lock-enabled: true`.
    pub fn bucket_with(&self, headers: &[&str]) -> TestBucket {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let bucket = TestBucket { server: self.clone(), name: format!("t{}-{number}", std::process::id()) };
        bucket.request("PUT", "", headers, b"");
        bucket
    }
}

impl TestBucket {
    /// The settings of a storage in it.
    pub fn settings(&self) -> Value {
        json!({
            "bucket": self.name,
            "endpoint": format!("http://127.0.0.1:{}", self.server.port()),
            "access_key": self.server.access_key(),
            "secret_key": self.server.secret_key(),
        })
    }

    /// Sends a signed request for a key with its query (`a/b?tagging`), encoded; returns the answer: its status, its
    /// headers in lower case, a blank line, the body.
    ///
    /// # Panics
    /// When it is refused.
    pub fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> String {
        self.try_request(method, path, headers, body)
            .unwrap_or_else(|answer| panic!("{method} {path} of {}: {answer}", self.server.name()))
    }

    /// Sends one that may be refused.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[&str],
        body: &[u8],
    ) -> Result<String, String> {
        let slash = if path.is_empty() || path.starts_with('?') { "" } else { "/" };
        let target = format!("/{}{slash}{path}", self.name);
        let server = &self.server;
        let mut command = Command::new("python3");
        command.args(["-c", include_str!("s3/request.py"), &server.port().to_string()]);
        command.args([server.access_key(), server.secret_key(), method, &target]).args(headers);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("python3 is there");
        child.stdin.take().expect("it is piped").write_all(body).expect("it reads all");
        let output = child.wait_with_output().expect("it ends");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() && text.starts_with('2') {
            return Ok(text);
        }
        Err(format!("{text}{}", String::from_utf8_lossy(&output.stderr)))
    }
}
