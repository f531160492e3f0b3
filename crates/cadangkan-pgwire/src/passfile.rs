use std::os::unix::fs::MetadataExt;
use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};

use crate::Secret;

/// Passwords of one server and role, each for a database or, with `*`, for all; the first that fits counts.
pub(crate) type Passwords = Vec<(String, Secret)>;

/// Reads the passwords for a server and a role from a password file (manual, "The Password File"). A file that is
/// not there has none.
///
/// # Errors
/// libpq ignores a file that others may read, with a warning; here it is an error, or the password would be
/// missing for no visible reason.
pub(crate) fn read(path: &Path, host: &str, port: u16, user: &str) -> Result<Passwords> {
    let unreadable = |error| {
        Error::io("cannot read the password file", error)
            .context("path", path.display())
            .hint("check who owns the file, or give the password another way")
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Passwords::new()),
        Err(error) => return Err(unreadable(error)),
    };
    if !metadata.is_file() {
        return Ok(Passwords::new());
    }
    if metadata.mode() & 0o077 != 0 {
        return Err(Error::new(ErrorKind::Denied, "the password file may be read by others")
            .context("path", path.display())
            .hint("take the permissions of group and others away: `chmod 0600` on the file"));
    }
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    Ok(find(&text, host, port, user))
}

fn find(text: &str, host: &str, port: u16, user: &str) -> Passwords {
    let port = port.to_string();
    let fits = |pattern: &str, value: &str| pattern == "*" || unescape(pattern) == value;
    let mut found = Passwords::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields = split(line);
        if let [in_host, in_port, database, in_user, password, ..] = fields.as_slice()
            && fits(in_host, host)
            && fits(in_port, &port)
            && fits(in_user, user)
            && !password.is_empty()
        {
            let database = if *database == "*" { (*database).to_owned() } else { unescape(database) };
            found.push((database, Secret::new(unescape(password))));
        }
    }
    found
}

/// Splits at the first four colons that no backslash stands before.
fn split(line: &str) -> Vec<&str> {
    let mut escaped = false;
    line.splitn(5, |character| {
        let ends = character == ':' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })
    .collect()
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        plain.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn passwords(text: &str) -> Vec<(String, String)> {
        let found = find(text, "db:1", 5432, "ann");
        found.into_iter().map(|(database, secret)| (database, secret.expose().to_owned())).collect()
    }

    #[test]
    fn escapes_and_stars() {
        let pair = |database: &str, password: &str| (database.to_owned(), password.to_owned());
        assert_eq!(passwords(r"db\:1:5432:shop:ann:p\:w\\"), [pair("shop", r"p:w\")]);
        assert_eq!(passwords("*:*:*:*:all:of it"), [pair("*", "all:of it")]);
        assert_eq!(passwords("#*:*:*:*:no\n*:*:a:ann:1\n*:5432:*:*:2"), [pair("a", "1"), pair("*", "2")]);
        for other in ["db:1:5432:shop:ann:x", "*:5433:*:*:x", "*:*:*:bob:x", "*:*:*:ann:", "*:*:*", ""] {
            assert!(passwords(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_file_for_all_eyes_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        assert!(read(&path, "h", 1, "u").unwrap().is_empty());
        std::fs::write(&path, "*:*:*:*:hunter2\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = read(&path, "h", 1, "u").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.advice().unwrap().contains("0600") && !format!("{error:?}").contains("hunter2"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path, "h", 1, "u").unwrap().len(), 1);
        assert!(read(Path::new("/dev/null"), "h", 1, "u").unwrap().is_empty());
    }
}
