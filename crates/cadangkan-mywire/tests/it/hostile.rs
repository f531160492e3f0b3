use std::time::Duration;

use cadangkan_core::{Error, ErrorKind};
use cadangkan_mywire::{Connection, server_error};

use crate::liar::{Liar, ORDINARY, WITH_TLS, greeting, packet, welcome};
use crate::support::{calmly, check, target, url};

const OPTIONS: &str = "connect-timeout=3&ssl-mode=disabled";
const COLUMN: &[u8] = b"\x03def\x01d\x01t\x02ot\x01n\x02on\x0c\x2d\0\x0a\0\0\0\xfd\x01\0\x1f\0\0";

/// Connects to a server that says these lines, and runs a query if it is let in.
fn against(lines: &[Vec<u8>], options: &str) -> (Result<u64, Error>, Vec<u8>) {
    let liar = Liar::new();
    let target = target(&url!("u:hunter2@127.0.0.1:{}/d?{options}", liar.port()));
    liar.tell(lines, || {
        calmly(|control| {
            let mut connection = Connection::open(&target, control)?;
            connection.set_silence(Some(Duration::from_secs(3)));
            connection
                .rows("SELECT a FROM t", control, |_, row| row.values().try_for_each(|value| value.map(drop)))
        })
    })
}

#[track_caller]
fn failure(lines: &[Vec<u8>]) -> Error {
    let error = against(lines, OPTIONS).0.expect_err("it was believed");
    check(&error);
    error
}

#[track_caller]
fn after_welcome(bytes: &[u8]) -> Error {
    let mut lines = welcome();
    lines.push(bytes.to_vec());
    failure(&lines)
}

#[test]
fn what_is_no_mysql_is_said() {
    for bytes in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".as_slice(),
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0\0\0\0",
        b"\x01\0\0\0\x09",
        b"\x05\0\0\0\x0a8.0\0",
        b"\x01\0\0\x05\x0a",
        b"\x02\0\0\0\xff\x15",
    ] {
        let error = failure(&[bytes.to_vec()]);
        // A length that no greeting has is waited for in vain.
        let kinds = [ErrorKind::Unsupported, ErrorKind::Timeout, ErrorKind::Unreachable];
        assert!(kinds.contains(&error.kind()), "{bytes:?}: {error:?}");
    }
    let error = failure(&[b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()]);
    assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("SSH-2.0-OpenSSH_9.2"));
    let error = failure(&[b"\0\0\0".to_vec()]);
    assert!(error.message().contains("does not greet"), "{error:?}");
    let error = failure(&[packet(0, b"\xff\x69\x04Host '10.0.0.1' is not allowed to connect")]);
    assert_eq!((error.kind(), server_error(&error).unwrap().code), (ErrorKind::Denied, 1129));
    let error = failure(&[packet(0, b"\xff\x10\x04Too many connections")]);
    assert!(error.is_retryable() && error.message().contains("too many connections"), "{error:?}");
    let old = failure(&[greeting(0x0000_a20f, "")]);
    assert!(old.message().contains("older"), "{old:?}");
}

#[test]
fn a_postgres_server_is_known_by_its_answer() {
    for server in cadangkan_testkit::servers::postgres() {
        let target = target(&url!("u:hunter2@127.0.0.1:{}/d?connect-timeout=1", server.port));
        let error = calmly(|control| Connection::open(&target, control)).err().unwrap();
        check(&error);
        assert!(error.message().contains("PostgreSQL"), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}

#[test]
fn passwords_are_not_given_to_just_anyone() {
    let ask = |plugin: &str, more: &[u8], options: &str| {
        let switch = [b"\xfe", plugin.as_bytes(), b"\0", more].concat();
        let lines = [greeting(ORDINARY, "mysql_native_password"), packet(2, &switch), packet(4, b"\x01\x04")];
        let (result, heard) = against(&lines, options);
        assert!(!heard.windows(7).any(|part| part == b"hunter2"), "{plugin}");
        let error = result.unwrap_err();
        check(&error);
        error
    };
    let options = "connect-timeout=3&ssl-mode=disabled&enable-cleartext-plugin=1";
    for plugin in ["mysql_clear_password", "sha256_password", "caching_sha2_password"] {
        let error = ask(plugin, b"abcdefghijklmnopqrst\0", options);
        assert!(error.kind() == ErrorKind::Denied && error.message().contains("in the clear"), "{error:?}");
    }
    for plugin in ["dialog", "auth_gssapi_client", "mysql_old_password", "\u{1}\n"] {
        let error = ask(plugin, b"x", OPTIONS);
        assert!(
            error.kind() == ErrorKind::Unsupported && error.message().contains("way to log in"),
            "{error:?}"
        );
    }
    let error = ask("parsec", b"short", OPTIONS);
    assert!(error.message().contains("does not speak"), "{error:?}");
    // One that asks for ever.
    let mut lines = vec![greeting(ORDINARY, "mysql_native_password")];
    lines.extend(
        (1..100).map(|number| packet(2 * number, b"\xfemysql_native_password\0abcdefghijklmnopqrst\0")),
    );
    assert!(failure(&lines).message().contains("without an end"));
    assert!(failure(&[lines[0].clone(), packet(2, b"\xfe")]).message().contains("way to log in"));
    assert!(failure(&[lines[0].clone(), packet(2, b"\x01\x04")]).message().contains("out of order"));
}

#[test]
fn tls_that_is_a_must_is_not_talked_away() {
    let lines = [greeting(ORDINARY, "mysql_native_password")];
    let (result, heard) = against(&lines, "connect-timeout=3&ssl-mode=required");
    let error = result.unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("no TLS"), "{error:?}");
    assert!(heard.is_empty());
    // What is said before TLS must not count within.
    let smuggled = [greeting(WITH_TLS, "mysql_native_password"), packet(2, b"\0\0\0\x02\0\0\0")].concat();
    let (result, _) = against(&[smuggled], "connect-timeout=3&ssl-mode=required");
    assert!(result.unwrap_err().message().contains("before TLS"));
}

#[test]
fn files_of_this_machine_are_not_sent() {
    let mut lines = welcome();
    lines.extend([packet(1, b"\xfb/etc/hostname"), Vec::new()]);
    let (result, heard) = against(&lines, OPTIONS);
    let error = result.unwrap_err();
    assert!(error.kind() == ErrorKind::Denied && error.message().contains("asks for a file"), "{error:?}");
    assert!(heard.is_empty(), "{heard:?}");
    // Nor while rows come.
    let rows = [packet(1, b"\x01"), packet(2, COLUMN), packet(3, b"\xfb/etc/hostname")].concat();
    assert_eq!(after_welcome(&rows).kind(), ErrorKind::Unsupported);
}

#[test]
fn lies_after_the_login_are_errors() {
    let head = [packet(1, b"\x01"), packet(2, COLUMN)].concat();
    let with_head = |more: Vec<u8>| [head.clone(), more].concat();
    for (bytes, kind) in [
        (packet(1, b""), ErrorKind::Unsupported),
        (packet(1, b"\0"), ErrorKind::Unsupported),
        (packet(1, b"\xff"), ErrorKind::Unsupported),
        (packet(7, b"\0\0\0\x02\0\0\0"), ErrorKind::Unsupported),
        (packet(1, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), ErrorKind::Unsupported),
        (packet(1, b"\xfd\xff\xff\xff"), ErrorKind::Unsupported),
        ([packet(1, b"\x01"), packet(2, b"\x03def")].concat(), ErrorKind::Unsupported),
        (with_head(packet(3, b"\x05ab")), ErrorKind::Unsupported),
        (with_head(packet(3, b"\x01ab")), ErrorKind::Unsupported),
        (with_head(packet(3, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xffab")), ErrorKind::Unsupported),
        (with_head(packet(3, b"")), ErrorKind::Unsupported),
        (with_head(packet(4, b"\x01a")), ErrorKind::Unsupported),
        // A length that is never kept is waited for, within the limit.
        (with_head(vec![0xff, 0xff, 0xff, 3, 1]), ErrorKind::Timeout),
    ] {
        let error = after_welcome(&bytes);
        assert_eq!(error.kind(), kind, "{bytes:?}: {error:?}");
    }
    // The end of a result, and more that nobody asked for.
    let more = with_head([packet(3, b"\xfe\0\0\x02\0\0\0"), packet(4, b"\x01a")].concat());
    let mut lines = welcome();
    lines.push(more);
    assert_eq!(against(&lines, OPTIONS).0.unwrap(), 0);
}

#[test]
fn a_farewell_out_of_turn_is_heard() {
    let error = after_welcome(&packet(0, b"\xff\xbf\x0f#08S01The client was disconnected"));
    assert!(error.kind() == ErrorKind::Unreachable && error.message().contains("too long"), "{error:?}");
    assert_eq!(server_error(&error).unwrap().code, 4031);
}
