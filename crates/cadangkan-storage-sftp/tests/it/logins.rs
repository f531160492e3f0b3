use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind};
use cadangkan_testkit::sshd::Sshd;
use cadangkan_testkit::storages::storage_server;
use serde_json::{Value, json};

use crate::support::{open, put, settings};

fn refused(settings: &Value) -> Error {
    open(settings).check().unwrap_err()
}

#[test]
fn a_host_that_is_not_known_is_refused_with_its_fingerprint() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    std::fs::write(server.file("known_hosts"), "").unwrap();
    let error = refused(&settings(&server, place.path()));
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    let print = Command::new("ssh-keygen").arg("-lf").arg(server.file("host.pub")).output().unwrap();
    let print = String::from_utf8(print.stdout).unwrap();
    let print = print.split_whitespace().find(|word| word.starts_with("SHA256:")).unwrap();
    assert!(error.to_string().contains(print), "{error}, not {print}");
    assert!(error.advice().unwrap().contains(&format!("`sftp -P {} 127.0.0.1`", server.port())));
    server.know("other.pub");
    let error = refused(&settings(&server, place.path()));
    assert!(error.message().contains("another key") && error.to_string().contains(print), "{error}");
}

#[test]
fn a_key_that_is_not_known_is_refused() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let mut settings = settings(&server, place.path());
    settings["key"] = json!(server.file("other"));
    let error = refused(&settings);
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.advice().unwrap().contains("ssh-copy-id"), "{error:?}");
}

#[test]
fn a_key_is_opened_by_its_passphrase() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let lock = ["-q", "-p", "-P", "", "-N", "open it, please", "-f"];
    assert!(Command::new("ssh-keygen").args(lock).arg(server.file("key")).status().unwrap().success());
    let mut settings = settings(&server, place.path());
    assert_eq!(refused(&settings).kind(), ErrorKind::Denied);
    settings["passphrase"] = json!("secret word");
    let error = refused(&settings);
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.advice().unwrap().contains("passphrase"), "{error:?}");
    assert!(!format!("{error:?}").contains("secret word"), "{error:?}");
    settings["passphrase"] = json!("open it, please");
    put(&*open(&settings), "object", b"bytes").unwrap();
}

#[test]
fn a_wrong_password_is_refused_and_not_shown() {
    let Some(server) = storage_server("sftp") else { return };
    let error = refused(&json!({
        "host": "127.0.0.1",
        "port": server.port,
        "user": server.setting("user"),
        "password": "a wrong word",
        "path": "/tmp/x",
        "known_hosts": server.setting("known_hosts"),
        "ssh_config": "/dev/null",
    }));
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.advice().unwrap().contains("password"), "{error:?}");
    assert!(!format!("{error:?}").contains("a wrong word"), "{error:?}");
}

#[test]
fn a_folder_that_the_user_may_not_write_is_denied() {
    let Some(server) = storage_server("sftp") else { return };
    let error = refused(&json!({
        "host": "127.0.0.1",
        "port": server.port,
        "user": server.setting("user"),
        "key": server.setting("key"),
        "path": "/etc/backups",
        "known_hosts": server.setting("known_hosts"),
        "ssh_config": "/dev/null",
    }));
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    assert!(error.advice().unwrap().contains("/etc/backups"), "{error:?}");
}

/// An agent that ends with its value.
struct Agent(Child);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn keys_of_an_agent_are_used() {
    let Some(server) = Sshd::start() else { return };
    let place = tempfile::tempdir().unwrap();
    let socket = server.file("agent");
    let mut agent = Command::new("ssh-agent");
    let agent = Agent(agent.arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().unwrap());
    let begun = Instant::now();
    while !socket.exists() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut add = Command::new("ssh-add");
    add.arg("-q").arg(server.file("key")).env("SSH_AUTH_SOCK", &socket);
    assert!(add.status().unwrap().success());
    std::fs::write(
        server.file("agent_config"),
        format!("IdentityAgent {}\nIdentityFile none\n", socket.display()),
    )
    .unwrap();
    let mut settings = settings(&server, place.path());
    settings["ssh_config"] = json!(server.file("agent_config"));
    settings.as_object_mut().unwrap().remove("key");
    put(&*open(&settings), "object", b"bytes").unwrap();
    drop(agent);
    assert_eq!(refused(&settings).kind(), ErrorKind::Denied);
}

#[test]
fn where_nobody_listens_there_is_no_connection() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error =
        refused(&json!({ "host": "127.0.0.1", "port": free, "path": "b", "ssh_config": "/dev/null" }));
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error:?}");
    assert!(error.is_retryable() && error.chain().concat().contains("refused"), "{error:?}");
}
