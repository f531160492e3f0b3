use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// How much of TLS is asked for, as the clients' `ssl-mode` (manual, "Command Options for Encrypted Connections").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Without TLS.
    Disabled,
    /// With TLS when the server has it.
    Preferred,
    /// Only with TLS; the certificate is not looked at.
    Required,
    /// Only with a certificate that a trusted authority signed.
    VerifyCa,
    /// Like [`VerifyCa`](SslMode::VerifyCa), and the certificate must be for this host.
    VerifyIdentity,
}

impl SslMode {
    const ALL: [(SslMode, &'static str); 5] = [
        (SslMode::Disabled, "disabled"),
        (SslMode::Preferred, "preferred"),
        (SslMode::Required, "required"),
        (SslMode::VerifyCa, "verify-ca"),
        (SslMode::VerifyIdentity, "verify-identity"),
    ];
}

impl FromStr for SslMode {
    type Err = String;

    /// Upper case and underscores are the same, as in the clients: `VERIFY_CA`.
    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.to_ascii_lowercase().replace('_', "-");
        let found = SslMode::ALL.iter().find(|(_, word)| *word == plain);
        found.map(|(mode, _)| *mode).ok_or_else(|| {
            let words = SslMode::ALL.map(|(_, word)| word).join(", ");
            format!("`{text}` is no ssl-mode: it is one of {words}")
        })
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = SslMode::ALL.iter().find(|(mode, _)| mode == self);
        f.pad(found.map_or("", |(_, word)| word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_clients() {
        for (mode, word) in SslMode::ALL {
            assert_eq!(mode.to_string(), word);
            assert_eq!(word.parse(), Ok(mode));
        }
        assert_eq!("VERIFY_IDENTITY".parse(), Ok(SslMode::VerifyIdentity));
        assert!("require".parse::<SslMode>().unwrap_err().contains("verify-identity"));
    }
}
