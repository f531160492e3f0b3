use cadangkan_core::format_bytes;
use serde::{Serialize, Serializer};

use super::shrink_guard::Percent;
use super::size::parse_bytes;

/// What is said of a storage besides where it is: how fast, how large, and when it counts as nearly full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct StorageLimits {
    /// The most bytes a second that pass, both ways together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bandwidth: Option<u64>,
    /// What backups may take there; none: whatever there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) capacity: Option<u64>,
    /// With less room than this it is nearly full; none: the usual part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) low_space: Option<LowSpace>,
}

/// How little room is little: a part of the whole, or so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LowSpace {
    /// A part of a hundred.
    Part(u8),
    /// So many bytes.
    Bytes(u64),
}

impl LowSpace {
    /// Reads `10%`, `20GB`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let part = Percent::parse(text).map(|percent| LowSpace::Part(percent.0));
        part.filter(|part| *part != LowSpace::Part(100)).or_else(|| parse_bytes(text).map(LowSpace::Bytes))
    }

    /// The bytes that this is of a whole.
    pub(crate) fn of(self, total: u64) -> u64 {
        match self {
            // Divided first, so that nothing overflows.
            LowSpace::Part(percent) => total / 100 * u64::from(percent),
            LowSpace::Bytes(bytes) => bytes,
        }
    }

    /// In words.
    pub(crate) fn text(self) -> String {
        match self {
            LowSpace::Part(percent) => format!("{percent} %"),
            LowSpace::Bytes(bytes) => format_bytes(bytes),
        }
    }
}

impl Default for LowSpace {
    fn default() -> Self {
        LowSpace::Part(5)
    }
}

/// As it is written in the file.
impl Serialize for LowSpace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            LowSpace::Part(percent) => serializer.collect_str(&Percent(*percent)),
            LowSpace::Bytes(bytes) => serializer.serialize_u64(*bytes),
        }
    }
}
