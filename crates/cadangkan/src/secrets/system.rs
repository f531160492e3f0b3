//! The keyring of the operating system: the Secret Service on Linux, by `secret-tool`; the Keychain on macOS, by
//! `security`. Both are what people look into it with, and neither is ever given a secret as an argument.
//!
//! Nobody is asked to unlock it: where it can be told beforehand that it is locked, nothing is fetched.

use std::process::{Command, Stdio};
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result};
use zeroize::Zeroizing;

use super::program::{self, Ended};
use super::trimmed;

/// What our secrets are filed under, beside their own names.
const SERVICE: &str = "cadangkan";

/// How long the keyring may take: on macOS a person may be asked.
const LIMIT: Duration = Duration::from_secs(30);

/// Where macOS has its program.
const SECURITY: &str = "/usr/bin/security";

/// Reads the secret of a name.
///
/// Fails with `NotFound` when the keyring has none, with `Denied` when it is locked, with `Unreachable` when there is no
/// keyring, with `Unsupported` when its program is missing, and with `Timeout` after 30 s.
pub(super) fn lookup(account: &str) -> Result<String> {
    let secret = if cfg!(target_os = "macos") { of_keychain(account) } else { of_secret_service(account) };
    secret.map_err(|error| error.context("keyring", account))
}

/// Keeps a master key, in the place of one of the same name, and reads it back.
///
/// Fails as [`lookup`] does.
pub(super) fn store(account: &str, key: &str) -> Result<()> {
    let label = format!("Cadangkan: {account}");
    let ended = if cfg!(target_os = "macos") {
        let line = format!("add-generic-password -U -s {SERVICE} -a {account} -l \"{label}\" -w {key}\n");
        run(Command::new(SECURITY).arg("-i"), &Zeroizing::new(line))?
    } else {
        run(secret_tool("store").args(["--label", &label]).args(attributes(account)), key)?
    };
    if !ended.status.success() {
        return Err(locked("the keyring takes nothing")
            .context("keyring", account)
            .context("it said", said(&ended)));
    }
    match lookup(account)? == key {
        true => Ok(()),
        false => Err(Error::new(ErrorKind::Io, "the keyring does not give back what it was given")
            .context("keyring", account)),
    }
}

/// Takes a secret away, if it is there.
///
/// Fails as [`lookup`] does.
pub(super) fn clear(account: &str) -> Result<()> {
    if cfg!(target_os = "macos") {
        let mut command = Command::new(SECURITY);
        run(command.args(["delete-generic-password", "-s", SERVICE, "-a", account]), "")?;
    } else {
        run(secret_tool("clear").args(attributes(account)), "")?;
    }
    match lookup(account) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::new(ErrorKind::Io, "the keyring still has what was taken out of it")
            .context("keyring", account)),
    }
}

fn secret_tool(verb: &str) -> Command {
    let mut command = Command::new("secret-tool");
    command.arg(verb);
    command
}

fn attributes(account: &str) -> [&str; 5] {
    ["--", "service", SERVICE, "account", account]
}

fn of_secret_service(account: &str) -> Result<String> {
    // A search shows what is there and asks nobody; a lookup would ask for the keyring to be unlocked.
    let found = run(secret_tool("search").args(attributes(account)), "")?;
    if !found.status.success() {
        return Err(Error::new(ErrorKind::Unreachable, "there is no keyring here")
            .context("it said", said(&found))
            .hint(
                "a keyring belongs to a person who is logged in on a desktop; on a server keep secrets in files",
            ));
    }
    if found.printed.is_empty() {
        return Err(absent(&format!(
            "put it there: secret-tool store --label='Cadangkan: {account}' service {SERVICE} account {account}"
        )));
    }
    if !found.printed.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"secret = ")) {
        return Err(locked("the keyring is locked"));
    }
    let ended = run(secret_tool("lookup").args(attributes(account)), "")?;
    if ended.status.success() {
        trimmed(ended.printed.to_vec())
    } else {
        Err(locked("the keyring is locked"))
    }
}

fn of_keychain(account: &str) -> Result<String> {
    let mut command = Command::new(SECURITY);
    let ended = run(command.args(["find-generic-password", "-s", SERVICE, "-a", account, "-g"]), "")?;
    match ended.status.code() {
        Some(0) => {
            let unknown = || Error::new(ErrorKind::Io, "the keychain answers what this program cannot read");
            trimmed(of_answer(&ended.said).ok_or_else(unknown)?)
        }
        // errSecItemNotFound, as an exit code.
        Some(44) => {
            Err(absent(&format!("put it there: security add-generic-password -s {SERVICE} -a {account} -w")))
        }
        // errSecInteractionNotAllowed, errSecAuthFailed, errSecUserCanceled.
        Some(36 | 51 | 128) => Err(locked("the keychain is locked")),
        _ => Err(Error::new(ErrorKind::Unreachable, "the keychain cannot be read")
            .context("ended with", ended.status)),
    }
}

/// The secret in an answer of `security`: text in quotes as it stands, or the hexadecimal digits of anything else.
fn of_answer(answer: &[u8]) -> Option<Vec<u8>> {
    let mut lines = answer.split(|byte| *byte == b'\n');
    let line = lines.find_map(|line| line.strip_prefix(b"password: "))?;
    if let Some(digits) = line.strip_prefix(b"0x") {
        let digits = std::str::from_utf8(digits.split(|byte| *byte == b' ').next()?).ok()?;
        return super::key::from_hex(digits);
    }
    Some(line.strip_prefix(b"\"")?.strip_suffix(b"\"")?.to_vec())
}

/// The begin of what the program said of a failure, which is no secret.
fn said(ended: &Ended) -> String {
    String::from_utf8_lossy(&ended.said).lines().next().unwrap_or_default().trim().to_owned()
}

fn run(command: &mut Command, input: &str) -> Result<Ended> {
    command.env("LC_ALL", "C").stderr(Stdio::piped());
    program::run(command, input, LIMIT).map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::new(ErrorKind::Unsupported, "the program of the keyring is not here")
            .context("program", command.get_program().display())
            .hint("install it: libsecret-tools on Debian and Ubuntu, libsecret elsewhere; or keep secrets in files"),
        ErrorKind::Timeout => Error::new(ErrorKind::Timeout, "the keyring did not answer within 30 seconds")
            .hint("it may be asking somebody to unlock it"),
        _ => error,
    })
}

fn absent(hint: &str) -> Error {
    Error::new(ErrorKind::NotFound, "the keyring has no such secret").hint(hint)
}

fn locked(what: &str) -> Error {
    Error::new(ErrorKind::Denied, what).hint(
        "unlock it, as logging in does; what runs while nobody is logged in finds secrets in files only",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_keychain_answers_is_read_byte_by_byte() {
        let read = |line: &str| of_answer(format!("keychain: \"login\"\n{line}\n").as_bytes());
        let text = |line: &str| read(line).map(|bytes| String::from_utf8(bytes).unwrap());
        for (line, secret) in [
            ("password: \"hunter2\"", "hunter2"),
            ("password: \" ab\"cd \"", " ab\"cd "),
            ("password: \"0xDEADBEEF\"", "0xDEADBEEF"),
            ("password: 0x636166C3A9  \"caf\\303\\251\"", "café"),
            ("password: 0x61625C6364  \"ab\\134cd\"", "ab\\cd"),
        ] {
            assert_eq!(text(line).as_deref(), Some(secret), "{line}");
        }
        for line in ["", "password: ", "password: \"", "password: 0xZZ", "password: 0x6", "pass: \"a\""] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
