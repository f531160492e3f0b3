//! What an error of the server means to a person.

use cadangkan_core::{Error, ErrorKind};
use cadangkan_wire::Words;

use crate::ServerError;

/// What the clients and servers call things.
pub(crate) const WORDS: Words = Words {
    whose: "MySQL's",
    mode: "ssl-mode",
    without: "disabled",
    roots: "ssl-ca",
    revoked: "ssl-crl",
    certificate: "ssl-cert",
    key: "ssl-key",
    versions: "tls_version, ssl_cipher",
    listening: "bind_address and skip_networking",
    no_socket: "check the path, that the server runs, or connect by host and port",
};

type Meaning = (ErrorKind, Option<&'static str>, &'static str);

/// Turns an error of the server into the project's own; its text stays as the source.
pub(crate) fn explain(error: ServerError) -> Error {
    let (kind, what, hint) = meaning(error.code);
    let message = match what {
        Some(what) => what.to_owned(),
        None => format!("the server refused: {}", error.message),
    };
    let retryable = matches!(error.code, 1040 | 1053 | 1203 | 1205 | 1213 | 1412 | 3572);
    let explained = Error::new(kind, message).hint(hint).source(error);
    if retryable { explained.retryable() } else { explained }
}

fn meaning(code: u16) -> Meaning {
    login(code).or_else(|| limits(code)).or_else(|| ended(code)).unwrap_or_else(|| other(code))
}

/// Who may come in, and do what (manual, "Server Error Message Reference").
fn login(code: u16) -> Option<Meaning> {
    use ErrorKind as K;
    Some(match code {
        1045 | 1698 => (
            K::Denied,
            Some("the server does not let this user in"),
            "check user and password, and that the user may come from this host; the user may also need TLS, or a client certificate (ssl-cert)",
        ),
        1044 => (
            K::Denied,
            Some("the user may not use this database"),
            "check the database's name, and grant the user rights on it",
        ),
        1142 | 1143 | 1227 | 1370 | 1419 => (
            K::Denied,
            Some("the user is not allowed to do this"),
            "grant what the server's message names, or connect as a user who has it",
        ),
        1049 => (
            K::NotFound,
            Some("the database does not exist"),
            "check the database's name: SHOW DATABASES lists those that the user may see",
        ),
        1130 => (
            K::Denied,
            Some("the server does not take connections from this host"),
            "create the user for this host, or connect from one that is allowed; a tunnel changes the host",
        ),
        1129 => (
            K::Denied,
            Some("the server blocks this host after too many failed connections"),
            "run FLUSH HOSTS (MySQL 8: TRUNCATE performance_schema.host_cache) at the server, and raise max_connect_errors",
        ),
        1820 | 1862 => (
            K::Denied,
            Some("the user's password has expired"),
            "set a new password with ALTER USER, by an interactive client",
        ),
        3118 | 4151 => {
            (K::Denied, Some("the user's account is locked"), "unlock it: ALTER USER … ACCOUNT UNLOCK")
        }
        3159 => (
            K::Denied,
            Some("the server takes connections with TLS only"),
            "set ssl-mode to required, or to verify-identity with the authority's certificate as ssl-ca",
        ),
        1251 | 2059 => (
            K::Unsupported,
            Some("the server wants a way to log in that is not supported"),
            "let the user log in by caching_sha2_password, mysql_native_password or ed25519",
        ),
        3948 | 1148 => (
            K::Unsupported,
            Some("the server has LOAD DATA LOCAL switched off"),
            "switch local_infile on at the server",
        ),
        _ => return None,
    })
}

/// What was too much, too long, or in the way.
fn limits(code: u16) -> Option<Meaning> {
    use ErrorKind as K;
    Some(match code {
        1040 | 1203 => (
            K::Unreachable,
            Some("the server has too many connections"),
            "try again later, use fewer workers, or raise max_connections",
        ),
        1226 => (
            K::Unreachable,
            Some("the user has used up what it is allowed"),
            "raise the user's limit (MAX_USER_CONNECTIONS, MAX_QUERIES_PER_HOUR), or use fewer workers",
        ),
        1205 => (
            K::Timeout,
            Some("a lock was not free in time"),
            "try again when no other session holds the lock, or raise lock_wait_timeout and innodb_lock_wait_timeout",
        ),
        3572 => (K::Timeout, Some("a lock is not free"), "try again when no other session holds the lock"),
        1213 => (K::Conflict, None, "try again: another transaction was in the way"),
        1412 => (
            K::Conflict,
            Some("a table was altered after the view of the data was taken"),
            "try again when nobody alters tables",
        ),
        1021 | 1114 => (
            K::NoSpace,
            Some("the server has no space left"),
            "free space on the server's disk; see also innodb_data_file_path, tmpdir and max_heap_table_size",
        ),
        1153 => (
            K::Unsupported,
            Some("the server does not take a packet of this length"),
            "raise max_allowed_packet at the server",
        ),
        1317 | 1028 => (
            K::Timeout,
            Some("the server stopped the statement: somebody killed it"),
            "ask who killed it: an administrator, or a program that watches for long statements",
        ),
        3024 | 1969 => (
            K::Timeout,
            Some("the server stopped the statement: its time was over"),
            "raise max_execution_time (MySQL) or max_statement_time (MariaDB) for this user",
        ),
        _ => return None,
    })
}

/// How a connection ends.
fn ended(code: u16) -> Option<Meaning> {
    use ErrorKind as K;
    Some(match code {
        1053 => (
            K::Unreachable,
            Some("the server is shutting down"),
            "somebody stopped the server; try again once it runs",
        ),
        1927 | 1152 | 1184 => (
            K::Unreachable,
            Some("the server ended the connection"),
            "somebody killed the connection, or a limit of the server was reached; see its log",
        ),
        4031 | 1159 | 1161 | 1160 | 1158 => (
            K::Unreachable,
            Some("the server ended the connection: it waited too long"),
            "raise wait_timeout, net_read_timeout and net_write_timeout at the server",
        ),
        _ => return None,
    })
}

fn other(code: u16) -> Meaning {
    use ErrorKind as K;
    match code {
        1146 | 1051 | 1054 | 1305 | 1360 | 1109 => {
            (K::NotFound, None, "check the name; something may have been dropped or renamed meanwhile")
        }
        1007 | 1050 | 1304 | 1359 | 1537 => {
            (K::Conflict, None, "choose another name, or remove what is there")
        }
        1062 | 1451 | 1452 | 1048 | 3819 | 4025 | 1406 | 1264 | 1366 => {
            (K::Conflict, None, "the rows break a rule of the database that they go to")
        }
        1034 | 1194 | 1195 | 126..=145 | 1712 => {
            (K::DamagedSource, None, "a table is corrupt: see CHECK TABLE, and keep the last good backup")
        }
        1235 | 1286 | 1193 | 1273 | 1115 => {
            (K::Unsupported, None, "this server lacks it: see its version, plugins and engines")
        }
        1290 | 1836 => (K::Denied, None, "the server is read-only: a replica, or set so on purpose"),
        _ => (K::Io, None, "see the server's message and its log"),
    }
}

/// The other side does not keep to the protocol.
pub(crate) fn not_mysql(what: impl std::fmt::Display) -> Error {
    WORDS.foreign(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(code: u16) -> Error {
        explain(ServerError { code, state: "HY000".into(), message: "said".into() })
    }

    #[test]
    fn each_code_has_its_kind_and_a_hint() {
        use ErrorKind as K;
        let cases = [
            (1045, K::Denied),
            (1044, K::Denied),
            (1142, K::Denied),
            (1227, K::Denied),
            (1049, K::NotFound),
            (1040, K::Unreachable),
            (1129, K::Denied),
            (1053, K::Unreachable),
            (1205, K::Timeout),
            (1412, K::Conflict),
            (1317, K::Timeout),
            (1021, K::NoSpace),
            (1114, K::NoSpace),
            (1062, K::Conflict),
            (1146, K::NotFound),
            (1034, K::DamagedSource),
            (1290, K::Denied),
            (3159, K::Denied),
            (1064, K::Io),
            (0, K::Io),
        ];
        for (code, kind) in cases {
            let error = explained(code);
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.advice().is_some_and(|hint| !hint.is_empty()), "{code}");
            assert!(error.chain().concat().contains("said"), "{code}");
        }
        assert!(explained(1040).is_retryable() && !explained(1045).is_retryable());
    }
}
