//! What keeps a connection from being made is told.

use std::io::Read;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_tunnel::Tunnel;

use crate::bastion::{Bastion, connect, echo, server, unused};

/// Connects, which must fail, and returns the explanation.
fn fail(tunnel: &Tunnel) -> Error {
    let got = connect(tunnel).read(&mut [0; 1]);
    assert!(matches!(got, Ok(0) | Err(_)), "something was reached");
    let error = tunnel.explain(Error::new(ErrorKind::Unreachable, "the server closed the connection"));
    assert!(error.message().starts_with("the SSH tunnel failed: "), "{error:?}");
    assert!(!error.message().contains(['\r', '\n']), "{error:?}");
    assert!(
        !error.message().contains("Authorised use only.; Authorised use only.; Authorised use only.; Auth")
    );
    assert_eq!(error.facts(), [("SSH host", "127.0.0.1".to_owned())]);
    assert!(error.chain().contains(&"the server closed the connection".to_owned()), "{error:?}");
    error
}

#[test]
fn a_key_that_is_not_accepted() {
    let Some(bastion) = Bastion::start() else { return };
    std::fs::rename(bastion.file("other"), bastion.file("key")).unwrap();
    let error = fail(&bastion.tunnel(server(echo)));
    assert!(error.message().contains("Permission denied"), "{error}");
    assert!(error.advice().unwrap().contains("by hand"), "{error}");
}

#[test]
fn a_key_of_the_settings_comes_before_that_of_the_configuration() {
    let Some(bastion) = Bastion::start() else { return };
    std::fs::rename(bastion.file("key"), bastion.file("good key")).unwrap();
    std::fs::rename(bastion.file("key.pub"), bastion.file("good key.pub")).unwrap();
    let target = server(echo);
    let mut settings = bastion.settings();
    settings.key = Some(bastion.file("good key"));
    let tunnel = Tunnel::open(&settings, "127.0.0.1", target.port()).unwrap();
    let mut stream = connect(&tunnel);
    std::io::Write::write_all(&mut stream, b"?").unwrap();
    stream.read_exact(&mut [0; 1]).unwrap();
}

#[test]
fn a_host_that_is_not_known() {
    let Some(bastion) = Bastion::start() else { return };
    std::fs::write(bastion.file("known_hosts"), "").unwrap();
    let error = fail(&bastion.tunnel(server(echo)));
    assert!(error.message().contains("Host key verification failed"), "{error}");
    assert!(
        std::fs::read(bastion.file("known_hosts")).unwrap().is_empty(),
        "it was trusted without a question"
    );
}

#[test]
fn a_host_that_has_another_key_than_before() {
    let Some(bastion) = Bastion::start() else { return };
    bastion.know("other.pub");
    let error = fail(&bastion.tunnel(server(echo)));
    assert!(error.message().contains("has changed"), "{error}");
}

#[test]
fn a_target_that_the_bastion_does_not_reach() {
    let Some(bastion) = Bastion::start() else { return };
    let error = fail(&bastion.tunnel(unused()));
    assert!(error.message().contains("Connection refused"), "{error}");
    assert!(error.advice().unwrap().contains("behind it"), "{error}");
}

#[test]
fn a_bastion_that_does_not_listen() {
    let Some(bastion) = Bastion::start() else { return };
    let mut settings = bastion.settings();
    settings.port = Some(unused().port());
    let error = fail(&Tunnel::open(&settings, "127.0.0.1", 1).unwrap());
    assert!(error.message().contains("Connection refused"), "{error}");
    assert!(error.advice().unwrap().contains("by hand"), "{error}");
}

#[test]
fn a_configuration_that_is_not_there() {
    let Some(bastion) = Bastion::start() else { return };
    std::fs::remove_file(bastion.file("config")).unwrap();
    let error = fail(&bastion.tunnel(unused()));
    assert!(error.message().contains("config"), "{error}");
}

#[test]
fn all_connections_that_fail_together_are_explained() {
    let Some(bastion) = Bastion::start() else { return };
    let tunnel = bastion.tunnel(unused());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| fail(&tunnel));
        }
    });
}
