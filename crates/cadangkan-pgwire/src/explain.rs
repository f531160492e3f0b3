//! What an error of the server means to a person.

use cadangkan_core::{Error, ErrorKind};
use cadangkan_wire::Words;

use crate::ServerError;
use crate::server_error::server_error;

/// What libpq and servers call things.
pub(crate) const WORDS: Words = Words {
    whose: "PostgreSQL's",
    mode: "sslmode",
    without: "disable",
    roots: "sslrootcert",
    revoked: "sslcrl",
    certificate: "sslcert",
    key: "sslkey",
    versions: "ssl_min_protocol_version, ssl_ciphers",
    listening: "listen_addresses",
    no_socket: "check the folder, the port, and that the server runs",
};

type Meaning = (ErrorKind, Option<&'static str>, &'static str);

/// Turns an error of the server into the project's own; its text stays as the source.
pub(crate) fn explain(error: ServerError) -> Error {
    let (kind, what, hint) = meaning(&error.code);
    let message = match what {
        Some(what) => what.to_owned(),
        None => format!("the server refused: {}", error.message),
    };
    let hint =
        if what.is_none() { error.hint.clone().unwrap_or_else(|| hint.to_owned()) } else { hint.to_owned() };
    let retryable = matches!(error.code.as_str(), "53300" | "57P03" | "40001" | "40P01" | "55P03");
    let mut explained = Error::new(kind, message).hint(hint);
    if let Some(table) = &error.table {
        let schema = error.schema.as_ref().map(|schema| format!("{schema}.")).unwrap_or_default();
        explained = explained.context("table", format!("{schema}{table}"));
    }
    let explained = explained.source(error);
    if retryable { explained.retryable() } else { explained }
}

fn meaning(code: &str) -> Meaning {
    use ErrorKind as K;
    match code {
        "28P01" => (
            K::Denied,
            Some("the server does not take the password"),
            "check user and password, and the line of the password file that is meant",
        ),
        "28000" => (
            K::Denied,
            Some("the server does not let this role in"),
            "check that the role exists, and that pg_hba.conf has a line for it, this database, this address and sslmode; the line may ask for a client certificate (sslcert)",
        ),
        "3D000" => (
            K::NotFound,
            Some("the database does not exist"),
            "check the database's name: `psql -l` lists them",
        ),
        "53300" => (
            K::Unreachable,
            Some("the server has too many connections"),
            "try again later, use fewer workers, or raise max_connections",
        ),
        "57P03" => (
            K::Unreachable,
            Some("the server is starting up, shutting down or recovering"),
            "try again once it takes connections",
        ),
        "57P01" | "57P02" => (
            K::Unreachable,
            Some("the server ended the connection"),
            "somebody stopped the server or this connection; try again once the server runs",
        ),
        "42501" => (
            K::Denied,
            Some("the role is not allowed to do this"),
            "grant what is missing, for reading for example the role pg_read_all_data (14 and newer), or connect as the owner",
        ),
        "42P01" | "3F000" | "42704" => {
            (K::NotFound, None, "check the name; something may have been dropped or renamed meanwhile")
        }
        "53100" => (K::NoSpace, Some("the server's disk is full"), "free space on the server's disk"),
        "57014" => (
            K::Timeout,
            Some("the server stopped the statement: its statement_timeout passed, or somebody cancelled it"),
            "raise statement_timeout for this role, or ask who cancelled it",
        ),
        "55P03" => (
            K::Timeout,
            Some("a lock was not free in time"),
            "try again when no other session holds the lock, or raise lock_timeout",
        ),
        "25P03" | "57P05" | "25P04" => (
            K::Timeout,
            Some("the server ended the session: a timeout of its own passed"),
            "raise that timeout for this role",
        ),
        "XX001" | "XX002" => {
            (K::DamagedSource, None, "the database is corrupt: check its disk, and keep the last good backup")
        }
        "0A000" => (K::Unsupported, None, "see the server's message"),
        _ => by_class(code),
    }
}

fn by_class(code: &str) -> Meaning {
    use ErrorKind as K;
    match code.get(..2) {
        Some("23") => (K::Conflict, None, "the rows break a rule of the database that they go to"),
        Some("40") => (K::Conflict, None, "try again: another transaction was in the way"),
        Some("08") => (K::Unreachable, None, "try again; see the server's log"),
        Some("53") => (K::Io, None, "the server is short of memory or another resource: see its log"),
        _ => (K::Io, None, "see the server's message and its log"),
    }
}

/// Whether the server refused the role or the way in, so that another way is worth a try.
pub(crate) fn is_refused_entry(error: &Error) -> bool {
    server_error(error).is_some_and(|error| error.code == "28000")
}

/// The other side does not keep to the protocol.
pub(crate) fn not_postgres(what: impl std::fmt::Display) -> Error {
    WORDS.foreign(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(code: &str) -> Error {
        explain(ServerError { code: code.into(), message: "said".into(), ..ServerError::default() })
    }

    #[test]
    fn each_code_has_its_kind_and_a_hint() {
        use ErrorKind as K;
        let cases = [
            ("28P01", K::Denied),
            ("28000", K::Denied),
            ("3D000", K::NotFound),
            ("53300", K::Unreachable),
            ("57P01", K::Unreachable),
            ("42501", K::Denied),
            ("42P01", K::NotFound),
            ("53100", K::NoSpace),
            ("57014", K::Timeout),
            ("55P03", K::Timeout),
            ("XX001", K::DamagedSource),
            ("23505", K::Conflict),
            ("42601", K::Io),
            ("", K::Io),
            ("é", K::Io),
        ];
        for (code, kind) in cases {
            let error = explained(code);
            assert_eq!(error.kind(), kind, "{code}");
            assert!(error.advice().is_some_and(|hint| !hint.is_empty()), "{code}");
            assert!(error.chain().concat().contains("said"), "{code}");
        }
        assert!(explained("53300").is_retryable() && !explained("28P01").is_retryable());
    }
}
