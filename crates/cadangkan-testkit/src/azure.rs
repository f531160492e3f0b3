//! Containers on a real server of Azure's protocol, made and looked at by a script, so that nothing of ours vouches for
//! itself.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests may fail")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::storages::{StorageServer, storage_server};

/// A container of a test's own.
#[derive(Debug, Clone)]
pub struct TestContainer {
    server: StorageServer,
    /// Its name.
    pub name: String,
}

impl TestContainer {
    /// Makes one with a name that no other test has; no server prints a line.
    pub fn make() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = storage_server("azure")?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let container = TestContainer { server, name: format!("t{}-{number}", std::process::id()) };
        container.request("PUT", "?restype=container", &[], b"");
        Some(container)
    }

    /// On 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The settings of a storage in it, by a port: the server's, or that of something before it.
    pub fn settings(&self, port: u16) -> Value {
        let account = self.server.setting("account");
        json!({
            "account": account,
            "container": self.name,
            "endpoint": format!("http://127.0.0.1:{port}/{account}"),
            "account_key": self.server.setting("account_key"),
        })
    }

    /// A shared access signature with these permissions, such as `rwdl`.
    pub fn signature(&self, permissions: &str) -> String {
        self.run("SAS", &self.name, &[permissions], b"").trim().to_owned()
    }

    /// Sends a signed request for a blob with its query (`a/b?comp=tags`), encoded; returns the answer: its status, its
    /// headers in lower case, a blank line, the body.
    ///
    /// # Panics
    /// When it is refused.
    pub fn request(&self, method: &str, path: &str, headers: &[&str], body: &[u8]) -> String {
        let slash = if path.is_empty() || path.starts_with('?') { "" } else { "/" };
        let answer = self.run(method, &format!("{}{slash}{path}", self.name), headers, body);
        assert!(answer.starts_with('2'), "{method} {path}: {answer}");
        answer
    }

    fn run(&self, method: &str, target: &str, headers: &[&str], body: &[u8]) -> String {
        let mut command = Command::new("python3");
        command.args(["-c", include_str!("azure/request.py"), &self.server.port.to_string()]);
        command.args([self.server.setting("account"), self.server.setting("account_key"), method, target]);
        command.args(headers).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("python3 is there");
        child.stdin.take().expect("it is piped").write_all(body).expect("it reads all");
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
