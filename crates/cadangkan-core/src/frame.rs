use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ObjectName;

/// A piece of the dump of one object, cut at a row border, not yet compressed.
///
/// A frame stands alone: it is compressed, hashed, stored, read and loaded on its own. Where it ends depends on
/// content, never on timing or on the number of threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The section it belongs to.
    pub section: Section,
    /// The object it is a piece of.
    pub object: ObjectName,
    /// Which piece of the object, counted from 0.
    pub part: u64,
    /// Rows in it; pages for a file image; 0 for statements.
    pub rows: u64,
    /// The bytes, never empty.
    pub data: Vec<u8>,
}

/// The sections of an archive, in the order in which they are stored and loaded.
///
/// Inside one section the order of frames is free, unless the engine says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// What must come first: settings of the session.
    Header,
    /// Definitions that rows need.
    PreData,
    /// The rows, or the whole image.
    Data,
    /// Definitions that need rows: indexes, constraints, triggers.
    PostData,
    /// What must come last.
    Trailer,
}

impl Section {
    /// All sections, in order.
    pub const ALL: [Section; 5] =
        [Section::Header, Section::PreData, Section::Data, Section::PostData, Section::Trailer];

    /// All sections in the order of a load, which may want those behind the rows first.
    pub fn in_order(definitions_first: bool) -> [Section; 5] {
        let mut sections = Section::ALL;
        if definitions_first {
            sections.sort_by_key(|section| (*section <= Section::Data, *section));
        }
        sections
    }

    /// The name as it stands in index and manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Section::Header => "header",
            Section::PreData => "pre-data",
            Section::Data => "data",
            Section::PostData => "post-data",
            Section::Trailer => "trailer",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
