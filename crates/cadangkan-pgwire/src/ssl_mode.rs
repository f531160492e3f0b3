use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// How much of TLS is asked for, as libpq's `sslmode` (manual, "SSL Support").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Without TLS.
    Disable,
    /// Without TLS, and with it when the server insists.
    Allow,
    /// With TLS when the server has it.
    Prefer,
    /// Only with TLS; the certificate is looked at only when a root certificate's file is there.
    Require,
    /// Only with a certificate that a trusted authority signed.
    VerifyCa,
    /// Like [`VerifyCa`](SslMode::VerifyCa), and the certificate must be for this host.
    VerifyFull,
}

impl SslMode {
    const ALL: [(SslMode, &'static str); 6] = [
        (SslMode::Disable, "disable"),
        (SslMode::Allow, "allow"),
        (SslMode::Prefer, "prefer"),
        (SslMode::Require, "require"),
        (SslMode::VerifyCa, "verify-ca"),
        (SslMode::VerifyFull, "verify-full"),
    ];
}

impl FromStr for SslMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = SslMode::ALL.iter().find(|(_, word)| *word == text);
        found.map(|(mode, _)| *mode).ok_or_else(|| {
            let words = SslMode::ALL.map(|(_, word)| word).join(", ");
            format!("`{text}` is no sslmode: it is one of {words}")
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
    fn words_are_those_of_libpq() {
        for (mode, word) in SslMode::ALL {
            assert_eq!(mode.to_string(), word);
            assert_eq!(word.parse(), Ok(mode));
        }
        assert!("Require".parse::<SslMode>().unwrap_err().contains("verify-full"));
    }
}
