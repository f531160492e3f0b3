use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use cadangkan_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::{FrameDecoder, FrameEncoder};

/// The ways in which frames are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodecKind {
    /// Zstandard, RFC 8878: one zstd frame per frame.
    #[default]
    Zstd,
    /// gzip, RFC 1952: one member per frame. Also spelled `pgzip`, since frames are compressed in parallel anyway.
    #[serde(alias = "pgzip")]
    Gzip,
    /// xz, file format 1.2: one stream per frame.
    Xz,
    /// zlib, RFC 1950: one stream over the whole archive, flushed after each frame.
    Zlib,
    /// Stored as it is.
    None,
}

impl CodecKind {
    /// All kinds, the default first.
    pub const ALL: [CodecKind; 5] =
        [CodecKind::Zstd, CodecKind::Gzip, CodecKind::Xz, CodecKind::Zlib, CodecKind::None];

    /// The word in configuration, index and manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            CodecKind::Zstd => "zstd",
            CodecKind::Gzip => "gzip",
            CodecKind::Xz => "xz",
            CodecKind::Zlib => "zlib",
            CodecKind::None => "none",
        }
    }

    /// Ends the file's name, without a dot; empty when nothing is compressed.
    pub fn extension(self) -> &'static str {
        match self {
            CodecKind::Zstd => "zst",
            CodecKind::Gzip => "gz",
            CodecKind::Xz => "xz",
            CodecKind::Zlib => "zlib",
            CodecKind::None => "",
        }
    }

    /// The levels, from the fastest to the smallest.
    pub fn levels(self) -> RangeInclusive<i32> {
        match self {
            CodecKind::Zstd => 1..=19,
            CodecKind::Gzip | CodecKind::Zlib => 1..=9,
            CodecKind::Xz => 0..=9,
            CodecKind::None => 0..=0,
        }
    }

    /// The level used when none is asked for.
    pub fn default_level(self) -> i32 {
        match self {
            CodecKind::Zstd => 3,
            CodecKind::Gzip | CodecKind::Xz | CodecKind::Zlib => 6,
            CodecKind::None => 0,
        }
    }

    /// Tells the codec from a file's first bytes, six or more; [`CodecKind::None`] when it is none of the others.
    ///
    /// zlib has no magic number, so only the four headers that writers with the usual window of 32 KiB make are
    /// taken for one.
    pub fn detect(first_bytes: &[u8]) -> CodecKind {
        match first_bytes {
            // A frame, or a skippable one, such as parallel writers put first (RFC 8878, 3.1).
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => CodecKind::Zstd,
            [0x1f, 0x8b, 0x08, ..] => CodecKind::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => CodecKind::Xz,
            [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => CodecKind::Zlib,
            _ => CodecKind::None,
        }
    }

    /// Makes a decoder of single frames; each thread has its own.
    pub fn decoder(self) -> Result<FrameDecoder> {
        FrameDecoder::new(self)
    }
}

impl fmt::Display for CodecKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for CodecKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "pgzip" {
            return Ok(CodecKind::Gzip);
        }
        CodecKind::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            Error::new(ErrorKind::Usage, format!("\"{}\" is not a compression", text.escape_debug()))
                .hint("use zstd, gzip (also spelled pgzip), xz, zlib or none")
        })
    }
}

/// A codec and its level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codec {
    kind: CodecKind,
    level: i32,
}

impl Codec {
    /// Checks a level; without one the codec's default is taken. Fails with `Usage` when it is out of range.
    pub fn new(kind: CodecKind, level: Option<i32>) -> Result<Self> {
        let level = level.unwrap_or(kind.default_level());
        let levels = kind.levels();
        if levels.contains(&level) {
            return Ok(Codec { kind, level });
        }
        let hint = match kind {
            CodecKind::None => "without compression there is no level; leave it out".to_owned(),
            _ => format!("use {} to {}", levels.start(), levels.end()),
        };
        Err(Error::new(ErrorKind::Usage, format!("{kind} has no level {level}")).hint(hint))
    }

    /// The kind.
    pub fn kind(&self) -> CodecKind {
        self.kind
    }

    /// The level, within the kind's range.
    pub fn level(&self) -> i32 {
        self.level
    }

    /// Makes an encoder; each thread has its own.
    pub fn encoder(&self) -> Result<FrameEncoder> {
        FrameEncoder::new(*self)
    }
}

impl Default for Codec {
    fn default() -> Self {
        Codec { kind: CodecKind::default(), level: CodecKind::default().default_level() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_both_ways() {
        for kind in CodecKind::ALL {
            assert_eq!(kind.as_str().parse::<CodecKind>().unwrap(), kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert!(kind.levels().contains(&kind.default_level()));
        }
        assert_eq!("pgzip".parse::<CodecKind>().unwrap(), CodecKind::Gzip);
        assert_eq!(serde_json::from_str::<CodecKind>("\"pgzip\"").unwrap(), CodecKind::Gzip);
        let error = "lz4".parse::<CodecKind>().unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string().as_str()),
            (ErrorKind::Usage, "\"lz4\" is not a compression")
        );
    }

    #[test]
    fn levels_out_of_range_are_refused_with_the_range() {
        for (kind, level) in
            [(CodecKind::Zstd, 20), (CodecKind::Zstd, -1), (CodecKind::Gzip, 0), (CodecKind::Xz, 10)]
        {
            let error = Codec::new(kind, Some(level)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            let (first, last) = kind.levels().into_inner();
            assert_eq!(error.advice(), Some(format!("use {first} to {last}").as_str()));
        }
        assert!(Codec::new(CodecKind::None, Some(3)).is_err());
        assert_eq!(Codec::new(CodecKind::Zstd, None).unwrap(), Codec::default());
    }

    #[test]
    fn plain_files_are_not_taken_for_compressed_ones() {
        for plain in [&b""[..], b"x", b"SQLite format 3\0", b"-- dump", b"x = 1", b"\x1f\x8b", b"(\xb5/"] {
            assert_eq!(CodecKind::detect(plain), CodecKind::None, "{plain:?}");
        }
    }
}
