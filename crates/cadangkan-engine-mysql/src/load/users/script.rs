//! The script of accounts beside a backup, taken apart: nothing else than what it may have is run of it.

use cadangkan_core::{Error, ErrorKind, Result};

use crate::script::{
    About, Account, AccountStatement, Does, Kind, Moved, Splitter, Statement, Tokens, moved,
};

/// Accounts, and what is said of them.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) makes: Vec<Entry>,
    /// Grants and the rest, in their order.
    pub(super) others: Vec<(Account, Vec<u8>)>,
}

/// An account that is made.
pub(super) struct Entry {
    pub(super) account: Account,
    /// The ways of logging in that it has, in lower case.
    pub(super) plugins: Vec<String>,
    is_role: bool,
    /// What stands behind its name.
    rest: Vec<u8>,
}

/// Reads a script.
///
/// # Errors
/// `DamagedBackup` for a statement that is about something else.
pub(super) fn read(script: &[u8]) -> Result<Wanted> {
    let mut wanted = Wanted::default();
    let mut take = |statement: Statement<'_>| {
        let text = statement.text;
        if About::read(text).kind == Kind::Set {
            // The session has these settings anyway.
            return Ok(());
        }
        let read = AccountStatement::read(text).ok_or_else(|| {
            Error::new(ErrorKind::DamagedBackup, "the file of users has a statement that is not about users")
                .context("line", statement.line)
                .hint("it was changed: look at the file beside the archive, or leave --users out")
        })?;
        match read.does {
            Does::MakesUser | Does::MakesRole => wanted.makes.push(Entry {
                plugins: plugins(text),
                is_role: read.does == Does::MakesRole,
                rest: text.get(read.end()..).unwrap_or_default().to_vec(),
                account: read.account,
            }),
            _ => wanted.others.push((read.account, text.to_vec())),
        }
        Ok(())
    };
    let mut splitter = Splitter::new();
    splitter.push(script, &mut take)?;
    splitter.finish(&mut take)?;
    Ok(wanted)
}

impl Wanted {
    /// Makes grants on one database those on another; returns how many are on others and left out.
    pub(super) fn move_to(&mut self, old: &str, new: &str) -> usize {
        let before = self.others.len();
        self.others.retain_mut(|(_, text)| match moved(text, old, new) {
            Some(Moved::To(there)) => {
                *text = there;
                true
            }
            Some(Moved::Same) => true,
            Some(Moved::Elsewhere) | None => false,
        });
        before - self.others.len()
    }
}

impl Wanted {
    /// Leaves out grants on other databases than these, where any are named; returns how many.
    pub(super) fn keep_only(&mut self, databases: &[String]) -> usize {
        let before = self.others.len();
        let is_of = |text: &[u8], name: &String| !matches!(moved(text, name, name), Some(Moved::Elsewhere));
        if !databases.is_empty() {
            self.others.retain(|(_, text)| databases.iter().any(|name| is_of(text, name)));
        }
        before - self.others.len()
    }
}

impl Entry {
    /// The statement that makes it, which fails when it is there.
    pub(super) fn making(&self) -> Vec<u8> {
        let verb = if self.is_role { "CREATE ROLE " } else { "CREATE USER " };
        [verb.as_bytes(), self.account.quoted().as_bytes(), &self.rest].concat()
    }

    /// The statement that makes one that is there the same: what is not said is as with a new one. Of a role there is
    /// nothing to change.
    pub(super) fn altering(&self, is_mariadb: bool) -> Option<Vec<u8>> {
        if self.is_role {
            return None;
        }
        let parts = Parts::of(&self.rest);
        let mut text = format!("ALTER USER {}", self.account.quoted()).into_bytes();
        let mut add = |part: &[u8]| {
            text.push(b' ');
            text.extend_from_slice(part.trim_ascii());
        };
        let no_password: &[u8] = b"IDENTIFIED VIA mysql_native_password USING ''";
        match (parts.login.is_empty(), is_mariadb) {
            (true, true) => add(no_password),
            (true, false) => {}
            (false, false) if !has(parts.login, "AS") && !has(parts.login, "BY") => {
                // Said without a hash, the password would be expired.
                add(&[parts.login, b" AS ''"].concat());
            }
            (false, _) => add(parts.login),
        }
        add(if parts.tls.is_empty() { b"REQUIRE NONE" } else { parts.tls });
        add(if parts.limits.is_empty() { b"WITH" } else { parts.limits });
        for limit in [
            "MAX_QUERIES_PER_HOUR",
            "MAX_UPDATES_PER_HOUR",
            "MAX_CONNECTIONS_PER_HOUR",
            "MAX_USER_CONNECTIONS",
        ] {
            if !has(parts.limits, limit) {
                add(format!("{limit} 0").as_bytes());
            }
        }
        if !has(parts.rest, "ACCOUNT") {
            add(b"ACCOUNT UNLOCK");
        }
        if !has(parts.rest, "EXPIRE") {
            add(b"PASSWORD EXPIRE DEFAULT");
        }
        if !parts.rest.is_empty() {
            add(parts.rest);
        }
        Some(text)
    }
}

/// The parts of what stands behind an account's name, in their order (manual, "CREATE USER Statement").
#[derive(Default)]
struct Parts<'a> {
    /// How it logs in.
    login: &'a [u8],
    tls: &'a [u8],
    limits: &'a [u8],
    /// Locks, expiry, attributes.
    rest: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(text: &'a [u8]) -> Parts<'a> {
        let tokens: Vec<_> = Tokens::new(text).collect();
        let find = |from: usize, words: &[&str]| {
            let mut behind = tokens.iter().filter(|token| token.begin >= from);
            behind
                .find(|token| words.iter().any(|word| token.is(word)))
                .map_or(text.len(), |token| token.begin)
        };
        let rest_words =
            ["ACCOUNT", "PASSWORD", "FAILED_LOGIN_ATTEMPTS", "PASSWORD_LOCK_TIME", "COMMENT", "ATTRIBUTE"];
        // `IDENTIFIED BY PASSWORD` is of the login.
        let is_hash =
            |at: usize| tokens.iter().rfind(|token| token.begin < at).is_some_and(|token| token.is("BY"));
        let mut rest = find(0, &rest_words);
        while rest < text.len() && is_hash(rest) {
            rest = find(rest + 1, &rest_words);
        }
        let tls = find(0, &["REQUIRE"]).min(rest);
        // `IDENTIFIED WITH` is of the login too.
        let mut limits = find(0, &["WITH"]);
        let is_login = |at: usize| {
            tokens.iter().rfind(|token| token.begin < at).is_some_and(|token| token.is("IDENTIFIED"))
        };
        while limits < text.len() && is_login(limits) {
            limits = find(limits + 1, &["WITH"]);
        }
        let limits = limits.min(rest);
        let part = |from: usize, to: usize| text.get(from.min(to)..to).unwrap_or_default().trim_ascii();
        Parts {
            login: part(0, tls.min(limits)),
            tls: part(tls, limits),
            limits: part(limits, rest),
            rest: part(rest, text.len()),
        }
    }
}

fn has(text: &[u8], word: &str) -> bool {
    Tokens::new(text).any(|token| token.is(word))
}

/// The ways of logging in that a statement names, in lower case.
fn plugins(text: &[u8]) -> Vec<String> {
    let tokens: Vec<_> = Tokens::new(text).collect();
    let mut plugins = Vec::new();
    let mut inside = false;
    for pair in tokens.windows(2) {
        let [word, next] = pair else { continue };
        inside |= word.is("IDENTIFIED");
        inside &= !word.is("REQUIRE");
        let names = (word.is("VIA") || word.is("WITH") || word.is("OR")) && inside;
        let is_name = next.is_name() || next.is_quoted();
        if names && is_name && !next.text.to_ascii_uppercase().starts_with(b"MAX_") {
            plugins.push(next.name().to_ascii_lowercase());
        } else if word.is("BY") && next.is("PASSWORD") {
            plugins.push("mysql_native_password".to_owned());
        }
    }
    plugins
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "-- Cadangkan: users and grants\nSET NAMES utf8mb4;\nSET sql_mode = '';\n\
        CREATE USER IF NOT EXISTS `a;`@`%` IDENTIFIED VIA ed25519 USING 'WITH x' OR unix_socket REQUIRE SSL WITH MAX_QUERIES_PER_HOUR 5 ACCOUNT LOCK;\n\
        CREATE ROLE IF NOT EXISTS `r` WITH ADMIN `a;`@`%`;\nGRANT SELECT ON `old`.* TO `r`;\nGRANT SELECT ON `other`.* TO `r`;\n\
        SET DEFAULT ROLE `r` FOR `a;`@`%`;\n";

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn scripts_are_taken_apart() {
        let mut wanted = read(SCRIPT.as_bytes()).unwrap();
        let [user, role] = &wanted.makes[..] else { panic!() };
        assert_eq!(user.plugins, ["ed25519", "unix_socket"]);
        assert!(text(&user.making()).starts_with("CREATE USER `a;`@`%` IDENTIFIED VIA ed25519"));
        assert_eq!(text(&role.making()), "CREATE ROLE `r` WITH ADMIN `a;`@`%`");
        assert_eq!(role.altering(true), None);
        assert_eq!(wanted.move_to("old", "new"), 1);
        let others: Vec<_> =
            wanted.others.iter().map(|(account, sql)| format!("{account}: {}", text(sql))).collect();
        assert_eq!(others, ["r: GRANT SELECT ON `new`.* TO `r`", "a;@%: SET DEFAULT ROLE `r` FOR `a;`@`%`"]);
    }

    #[test]
    fn nothing_else_is_run() {
        for bad in [
            "DROP DATABASE x",
            "INSERT INTO mysql.user VALUES (1)",
            "CREATE USER",
            "SET GLOBAL x = 1",
            "SET PASSWORD = 'x'",
        ] {
            let error = read(format!("{SCRIPT}{bad};").as_bytes()).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{bad}");
        }
    }

    #[test]
    fn what_is_not_said_is_set_back() {
        let altering = |rest: &str, is_mariadb| {
            let script = format!("CREATE USER IF NOT EXISTS `a`@`%`{rest};");
            let wanted = read(script.as_bytes()).unwrap();
            text(&wanted.makes[0].altering(is_mariadb).unwrap()).to_owned()
        };
        let limits = "WITH MAX_QUERIES_PER_HOUR 0 MAX_UPDATES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0";
        assert_eq!(
            altering("", true),
            format!(
                "ALTER USER `a`@`%` IDENTIFIED VIA mysql_native_password USING '' REQUIRE NONE {limits} ACCOUNT UNLOCK PASSWORD EXPIRE DEFAULT"
            )
        );
        assert_eq!(
            altering(
                " IDENTIFIED BY PASSWORD '*A' REQUIRE SSL WITH MAX_UPDATES_PER_HOUR 3 PASSWORD EXPIRE NEVER",
                true
            ),
            "ALTER USER `a`@`%` IDENTIFIED BY PASSWORD '*A' REQUIRE SSL WITH MAX_UPDATES_PER_HOUR 3 MAX_QUERIES_PER_HOUR 0 MAX_CONNECTIONS_PER_HOUR 0 MAX_USER_CONNECTIONS 0 ACCOUNT UNLOCK PASSWORD EXPIRE NEVER"
        );
        assert_eq!(
            altering(
                " IDENTIFIED WITH 'p' AS 0x01 REQUIRE NONE PASSWORD EXPIRE DEFAULT ACCOUNT LOCK PASSWORD HISTORY DEFAULT",
                false
            ),
            format!(
                "ALTER USER `a`@`%` IDENTIFIED WITH 'p' AS 0x01 REQUIRE NONE {limits} PASSWORD EXPIRE DEFAULT ACCOUNT LOCK PASSWORD HISTORY DEFAULT"
            )
        );
    }
}
