use std::fmt;
use std::str::FromStr;

use cadangkan_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::text;

/// The BLAKE3 hash of a frame's raw bytes; 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct FrameHash(pub [u8; 32]);

impl FrameHash {
    /// Hashes the raw bytes of a frame.
    pub fn of(raw: &[u8]) -> Self {
        FrameHash(*blake3::hash(raw).as_bytes())
    }
}

impl fmt::Display for FrameHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::write_hex(f, &self.0)
    }
}

impl fmt::Debug for FrameHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for FrameHash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text::parse_hex(text)
            .map(FrameHash)
            .ok_or_else(|| Error::new(ErrorKind::DamagedBackup, "not the hash of a frame"))
    }
}

impl Serialize for FrameHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FrameHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_blake3_as_text() {
        let text = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(FrameHash::of(b"").to_string(), text);
        assert_eq!(text.parse::<FrameHash>().unwrap(), FrameHash::of(b""));
        assert!(text.to_uppercase().parse::<FrameHash>().is_err());
    }
}
