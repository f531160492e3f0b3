use std::io::{Read, Write};
use std::net::TcpListener;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_pgwire::Connection;

use crate::support::{calmly, open, refused, target, url};

/// The way in of a server that trusts everyone.
const WELCOME: &[u8] =
    b"R\0\0\0\x08\0\0\0\0S\0\0\0\x18server_version\x0015.1\0K\0\0\0\x0c\0\0\0\x01\0\0\0\x02Z\0\0\0\x05I";

/// Connects to a server that says `bytes` whatever it hears, and runs a query if it is let in.
fn against(bytes: &[u8]) -> Error {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = target(&url!("u:hunter2@127.0.0.1:{port}/d?sslmode=disable&connect_timeout=3"));
    std::thread::scope(|scope| {
        let worker = scope.spawn(move || {
            calmly(|control| {
                let mut connection = Connection::open(&target, control)?;
                connection.set_silence(Some(std::time::Duration::from_secs(3)));
                connection.copy_out("COPY t TO STDOUT", control, |_| Ok(()))
            })
        });
        listener.set_nonblocking(true).unwrap();
        while !worker.is_finished() {
            if let Ok((mut stream, _)) = listener.accept() {
                stream.set_nonblocking(false).unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(bytes);
            }
        }
        worker.join().unwrap().expect_err("it was believed")
    })
}

fn after_welcome(bytes: &[u8]) -> Error {
    against(&[WELCOME, bytes].concat())
}

#[test]
fn what_is_no_postgres_is_said() {
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x4a\0\0\0\x0a8.0.34\0",
        b"\0\0\0\0\0\0\0\0",
        b"R\0\0\0\x03",
        b"R\xff\xff\xff\xff",
        b"R\0\0\0\x08\0\0\0\x63",
        b"Z\0\0\0\x05I",
        b"R\0\0\0\x08\0\0\0\0D\0\0\0\x06\0\0",
    ] {
        let error = against(bytes);
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{bytes:?}: {error:?}");
        assert!(error.message().contains("does not speak"), "{error:?}");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    assert_eq!(against(b"").kind(), ErrorKind::Unreachable);
    assert_eq!(against(b"R\0\0").kind(), ErrorKind::Unreachable);
}

#[test]
fn passwords_are_not_given_to_just_anyone() {
    let error = against(b"R\0\0\0\x08\0\0\0\x07");
    assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("Kerberos"), "{error:?}");
    let error = against(b"R\0\0\0\x1a\0\0\0\x0aSCRAM-SHA-1024\0\0\0\0\0\0");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    // A server that skips its own proof.
    let error = against(b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0R\0\0\0\x08\0\0\0\0");
    assert!(error.message().contains("out of order"), "{error:?}");
}

#[test]
fn lies_after_the_login_are_errors() {
    for bytes in [
        b"d\0\0\0\x06a\n".as_slice(),
        b"H\0\0\0\x07\0\0\0d\0\0\0\x06a\nZ\0\0\0\x05I",
        b"H\0\0\0\x07\0\0\0C\0\0\0\x0bCOPY 1\0Z\0\0\0\x05I",
        b"H\0\0\0\x07\0\0\0c\0\0\0\x04Z\0\0\0\x05I",
        b"H\0\0\0\x07\0\0\0d\x7f\xff\xff\xff",
        b"H\0\0\0\x07\0\0\0d\x3f\xff\xff\xffabc",
        b"H\0\0\0\x07\0\0\0?\0\0\0\x04",
        b"C\0\0\0\x0bCOPY 1\0Z\0\0\0\x05I",
        b"E\0\0\0\x04",
    ] {
        let error = after_welcome(bytes);
        assert!(error.kind() != ErrorKind::Internal, "{bytes:?}: {error:?}");
    }
    let many: Vec<u8> = (0..300).flat_map(|n| format!("S\0\0\0\x0ap{n:03}\0\0").into_bytes()).collect();
    let error = after_welcome(&many);
    assert!(error.message().contains("too many parameters"), "{error:?}");
    let cut = after_welcome(b"H\0\0\0\x07\0\0\0d\0\0\0\x06a\n");
    assert!(cut.kind() == ErrorKind::Unreachable && cut.message().contains("lost during COPY"), "{cut:?}");
}

#[test]
fn a_server_without_tls_is_refused_where_tls_is_a_must() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for answer in [b"N", b"?"] {
                let (mut stream, _) = listener.accept().unwrap();
                stream.read_exact(&mut [0; 8]).unwrap();
                stream.write_all(answer).unwrap();
            }
        });
        let url = url!("u:hunter2@127.0.0.1:{port}/d?sslmode=require");
        let error = refused(&url);
        assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("no TLS"), "{error:?}");
        assert!(refused(&url).message().contains("does not speak"));
    });
}

/// What a client with a password answers to a server that asks for it with `question`.
fn answer_to(question: &[u8], length: usize) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::scope(|scope| {
        let server = scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]).unwrap();
            stream.write_all(question).unwrap();
            let mut said = vec![0; length];
            stream.read_exact(&mut said).unwrap();
            stream.write_all(WELCOME).unwrap();
            said
        });
        drop(open(&url!("u:hunter2@127.0.0.1:{port}/d?sslmode=disable")));
        server.join().unwrap()
    })
}

#[test]
fn older_ways_to_log_in_are_known() {
    // In the clear, as this is the same machine; and `md5(md5(password + user) + salt)`.
    assert_eq!(answer_to(b"R\0\0\0\x08\0\0\0\x03", 13), b"p\0\0\0\x0chunter2\0");
    let hashed = b"p\0\0\0\x28md51d0fb079ed6671d6fb010b9e3aae94c7\0";
    assert_eq!(answer_to(b"R\0\0\0\x0c\0\0\0\x05salt", 41), hashed);
}
