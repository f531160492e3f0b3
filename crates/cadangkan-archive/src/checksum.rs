use std::fmt;
use std::io::{ErrorKind as IoErrorKind, Read};
use std::str::FromStr;

use cadangkan_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use twox_hash::XxHash3_128;

use crate::text;

/// The SHA-256 of stored bytes; `sha256:` and 64 lower-case hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Checksum([u8; 32]);

impl Checksum {
    const PREFIX: &str = "sha256:";

    /// Hashes bytes in memory.
    pub fn of(bytes: &[u8]) -> Self {
        Checksum(Sha256::digest(bytes).into())
    }

    /// Hashes all that a reader gives, in 256 KiB of memory.
    pub fn of_reader(mut reader: impl Read) -> Result<Self> {
        let mut hasher = ChecksumHasher::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(hasher.finish()),
                Ok(length) => hasher.update(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == IoErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("cannot read the bytes to check", error)),
            }
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Checksum::PREFIX)?;
        text::write_hex(f, &self.0)
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Checksum {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.strip_prefix(Checksum::PREFIX).and_then(text::parse_hex).map(Checksum).ok_or_else(|| {
            Error::new(ErrorKind::DamagedBackup, "not a checksum")
                .hint("a checksum is sha256: and 64 lower-case hexadecimal digits")
        })
    }
}

impl Serialize for Checksum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Checksum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer)
    }
}

/// Takes a [`Checksum`] of bytes that come in pieces.
#[derive(Clone, Default)]
pub struct ChecksumHasher(Sha256);

impl ChecksumHasher {
    /// Begins with no bytes.
    pub fn new() -> Self {
        ChecksumHasher::default()
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Gives the checksum of all bytes added.
    pub fn finish(self) -> Checksum {
        Checksum(self.0.finalize().into())
    }
}

impl fmt::Debug for ChecksumHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChecksumHasher")
    }
}

/// Takes the 128-bit XXH3 of bytes that come in pieces: many times faster than a [`Checksum`].
///
/// It sees mistakes and decay, not forgery. It is for the read back right after a write, and is never stored.
#[derive(Clone, Default)]
pub struct QuickHasher(twox_hash::xxhash3_128::Hasher);

impl QuickHasher {
    /// Begins with no bytes.
    pub fn new() -> Self {
        QuickHasher::default()
    }

    /// Hashes bytes in memory.
    pub fn of(bytes: &[u8]) -> u128 {
        XxHash3_128::oneshot(bytes)
    }

    /// Adds the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// Gives the hash of all bytes added.
    pub fn finish(self) -> u128 {
        self.0.finish_128()
    }
}

impl fmt::Debug for QuickHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("QuickHasher")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABC: &str = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn is_sha256_as_text() {
        assert_eq!(Checksum::of(b"abc").to_string(), ABC);
        assert_eq!(Checksum::of_reader(&b"abc"[..]).unwrap(), ABC.parse().unwrap());
        let digits = ABC.trim_start_matches(Checksum::PREFIX);
        for bad in
            ["", "sha256:", digits, &ABC.to_uppercase(), &ABC.replace("256", "512"), &format!("{ABC}0")]
        {
            assert!(bad.parse::<Checksum>().is_err(), "{bad}");
        }
    }

    #[test]
    fn pieces_give_the_same_as_the_whole() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        let (mut checksum, mut quick) = (ChecksumHasher::new(), QuickHasher::new());
        for piece in bytes.chunks(777) {
            checksum.update(piece);
            quick.update(piece);
        }
        assert_eq!(checksum.finish(), Checksum::of(&bytes));
        assert_eq!(quick.finish(), QuickHasher::of(&bytes));
    }

    #[test]
    fn a_failed_read_is_no_checksum() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::PermissionDenied.into())
            }
        }
        assert_eq!(Checksum::of_reader(Broken).unwrap_err().kind(), ErrorKind::Denied);
    }
}
