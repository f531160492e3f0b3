use serde::Serialize;

/// Something that a run which died left behind, or that a restore kept; `cleanup` shows and removes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Where it is, in the words of the storage or engine that found it; enough to remove it.
    pub location: String,
    /// What it is, as a person would say it: `unfinished archive`.
    pub description: String,
    /// Its size.
    pub size_bytes: u64,
}
