use std::fmt;
use std::str::FromStr;

use cadangkan_core::{Error, ErrorKind, Result};

/// The ways in which a backup is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CipherKind {
    /// AES-256-GCM in chunks, under a data key that is wrapped for each recipient.
    #[default]
    Aes256Gcm,
    /// The form of age, which its tools open: ChaCha20-Poly1305 in chunks.
    Age,
    /// The form of `openssl enc`: AES-256-CBC under a key that PBKDF2 makes of the passphrase.
    OpenSsl,
}

impl CipherKind {
    /// All kinds, the default first.
    pub const ALL: [CipherKind; 3] = [CipherKind::Aes256Gcm, CipherKind::Age, CipherKind::OpenSsl];

    /// The word in configuration and manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            CipherKind::Aes256Gcm => "aes-256-gcm",
            CipherKind::Age => "age",
            CipherKind::OpenSsl => "openssl",
        }
    }

    /// The extension of a cipher in which a file's name ends.
    pub fn extension_of(name: &str) -> Option<&'static str> {
        let extension = name.rsplit_once('.')?.1;
        CipherKind::ALL.into_iter().map(CipherKind::extension).find(|known| *known == extension)
    }

    /// Ends the file's name, without a dot.
    pub fn extension(self) -> &'static str {
        match self {
            CipherKind::Aes256Gcm | CipherKind::OpenSsl => "enc",
            CipherKind::Age => "age",
        }
    }
}

impl fmt::Display for CipherKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CipherKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        CipherKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let words: Vec<_> = CipherKind::ALL.iter().map(|kind| kind.as_str()).collect();
            Error::new(ErrorKind::Usage, format!("\"{}\" is not a cipher", text.escape_debug()))
                .hint(format!("use one of {}", words.join(", ")))
        })
    }
}
