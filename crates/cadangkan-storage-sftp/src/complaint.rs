//! Why `ssh` ended, by what it said.

use cadangkan_core::{Error, ErrorKind};

use crate::settings::{Secret, Settings};

/// The last lines hold the reason; before them may stand a banner of the host.
const LINES: usize = 4;

/// What `ssh -v` says before a line that is for those who look for faults.
const DETAIL: &str = "debug1: ";
const FINGERPRINT: &str = "debug1: Server host key: ";

/// Makes an error of what `ssh -v` said before it ended.
pub(crate) fn read(said: &str, settings: &Settings) -> Error {
    let lines: Vec<String> = said.lines().filter(|line| !is_detail(line)).map(plain).collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.is_empty()).collect();
    let last = lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("; ");
    let has = |text: &str| said.contains(text);
    let place = |error: Error| error.context("host", &settings.host);
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        return place(Error::new(ErrorKind::Denied, "the host shows another key than the one it is known by"))
            .at_login()
            .context("its key", fingerprint(said))
            .hint("somebody may stand between you and it: ask whoever runs it whether its key was changed, and only \
                   then remove the old one with `ssh-keygen -R`");
    }
    if has("Host key verification failed") {
        return place(Error::new(ErrorKind::Denied, "the host is not known"))
            .at_login()
            .context("its key", fingerprint(said))
            .hint(format!(
                "compare this with the fingerprint that whoever runs it gives you; then connect once with `{}` and accept it",
                by_hand(settings)
            ));
    }
    if has("Permission denied") || has("Too many authentication failures") {
        let hint = match &settings.secret {
            Some(Secret::Password(_)) => {
                "see whether user and password are right, and whether the server lets passwords in"
            }
            Some(Secret::Passphrase(_)) => {
                "see whether the passphrase opens the key, and whether the server knows the key"
            }
            None => {
                "let the server know your key (`ssh-copy-id`), name another with `key`, or give a `password`"
            }
        };
        return place(Error::new(ErrorKind::Denied, "the server does not let this user in").source(last))
            .at_login()
            .hint(hint);
    }
    let reason = if last.is_empty() { "ssh ended without a word".to_owned() } else { last };
    place(Error::new(ErrorKind::Unreachable, "there is no connection to the server").source(reason))
        .retryable()
        .hint(format!("see whether `{}` connects by hand", by_hand(settings)))
}

fn is_detail(line: &str) -> bool {
    let others = ["OpenSSH_", "Authenticated to ", "Transferred: ", "Bytes per second: "];
    line.starts_with(DETAIL) || others.iter().any(|start| line.starts_with(start))
}

fn fingerprint(said: &str) -> String {
    let found = said.lines().find_map(|line| line.strip_prefix(FINGERPRINT));
    found.map_or_else(|| "unknown".to_owned(), plain)
}

/// The command with which a person tries the same.
fn by_hand(settings: &Settings) -> String {
    let port = settings.port.map_or_else(String::new, |port| format!("-P {port} "));
    let user = settings.user.as_ref().map_or_else(String::new, |user| format!("{user}@"));
    format!("sftp {port}{user}{}", settings.host)
}

/// A line without control characters and the frames that `ssh` draws around warnings.
fn plain(line: &str) -> String {
    let shown: String = line.chars().filter(|character| !character.is_control()).collect();
    shown.trim_matches(|character: char| character == '@' || character.is_whitespace()).to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(said: &str) -> Error {
        read(
            said,
            &crate::settings::read(&json!({ "host": "h", "path": "b", "port": 2222, "user": "me" })).unwrap(),
        )
    }

    #[test]
    fn an_unknown_host_is_told_with_its_fingerprint() {
        let error = told(
            "OpenSSH_9.2\r\ndebug1: Server host key: ssh-ed25519 SHA256:abc\r\nNo ED25519 host key is known for h and \
             you have requested strict checking.\r\nHost key verification failed.\r\n",
        );
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.to_string().contains("its key: ssh-ed25519 SHA256:abc"), "{error}");
        assert!(error.advice().unwrap().contains("`sftp -P 2222 me@h`"));
    }

    #[test]
    fn other_reasons_are_the_last_lines() {
        let error = told("a banner\n\n\ndebug1: x\nssh: connect to host h port 2222: Connection refused\r\n");
        assert_eq!(error.kind(), ErrorKind::Unreachable);
        assert!(error.is_retryable());
        assert!(error.chain().concat().contains("Connection refused"), "{error:?}");
        assert!(told("").chain().concat().contains("without a word"));
        let denied = told("me@h: Permission denied (publickey).\r\n");
        assert!(denied.kind() == ErrorKind::Denied && denied.is_at_login());
        assert!(denied.advice().unwrap().contains("ssh-copy-id"));
    }
}
