//! Buckets on a real server of Google Cloud Storage's protocol, made and looked at by `curl`, so that nothing of ours
//! vouches for itself.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail")]

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::storages::{StorageServer, storage_server};

/// A bucket of a test's own.
#[derive(Debug, Clone)]
pub struct TestBucket {
    server: StorageServer,
    /// Its name.
    pub name: String,
}

impl TestBucket {
    /// Makes one with a name that no other test has; no server prints a line.
    pub fn make() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = storage_server("gcs")?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let bucket = TestBucket { server, name: format!("t{}-{number}", std::process::id()) };
        let body = json!({"name": bucket.name}).to_string();
        bucket.curl("/storage/v1/b", &["-H", "content-type: application/json", "--data", &body]);
        Some(bucket)
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The settings of a storage in it, by a port: the server's, or that of something before it.
    pub fn settings(&self, port: u16) -> Value {
        json!({"bucket": self.name, "endpoint": format!("http://127.0.0.1:{port}")})
    }

    /// Puts an object.
    pub fn put(&self, name: &str, content: &str) {
        let target = format!("/upload/storage/v1/b/{}/o?uploadType=media&name={name}", self.name);
        self.curl(&target, &["--data-binary", content]);
    }

    /// What the server says of an object, whose name is encoded.
    pub fn look(&self, name: &str) -> Value {
        let said = self.curl(&format!("/storage/v1/b/{}/o/{name}", self.name), &[]);
        serde_json::from_str(&said).expect("an object")
    }

    fn curl(&self, target: &str, arguments: &[&str]) -> String {
        let url = format!("http://127.0.0.1:{}{target}", self.server.port);
        let output =
            Command::new("curl").args(["-sSf", &url]).args(arguments).output().expect("curl is there");
        assert!(output.status.success(), "{target}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
