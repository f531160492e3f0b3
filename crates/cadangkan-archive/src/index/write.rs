use std::collections::HashMap;
use std::io::Write;

use cadangkan_core::{Error, ErrorKind, ObjectName, Result, Section};
use serde::{Deserialize, Serialize};
use zstd::zstd_safe::CParameter;

use super::Index;
use crate::{CodecKind, FrameHash};

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) version: u32,
    pub(super) codec: CodecKind,
    pub(super) objects: u32,
}

impl Header {
    pub(super) const FORMAT: &str = "cadangkan-index";
    pub(super) const VERSION: u32 = 1;
}

/// One line for each object, with the number by which frames name it.
#[derive(Serialize, Deserialize)]
pub(super) struct ObjectLine {
    pub(super) object: u32,
    #[serde(flatten)]
    pub(super) name: ObjectName,
}

/// One line for each frame: sequence, section, object, part, offset, stored length, raw offset, raw length,
/// rows, hash.
pub(super) type FrameLine = (u64, Section, u32, u64, u64, u64, u64, u64, u64, FrameHash);

/// The last line.
#[derive(Serialize, Deserialize)]
pub(super) struct Footer {
    pub(super) frames: u64,
    pub(super) stored_bytes: u64,
    pub(super) raw_bytes: u64,
}

impl Index {
    /// Writes the index as a file: JSON, line by line, compressed with zstd. Equal indexes give equal bytes.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut numbers: HashMap<&ObjectName, u32> = HashMap::new();
        let mut names: Vec<&ObjectName> = Vec::new();
        for entry in &self.entries {
            numbers.entry(&entry.object).or_insert_with(|| {
                names.push(&entry.object);
                // Frames, and so objects, are bounded far below.
                u32::try_from(names.len() - 1).unwrap_or(u32::MAX)
            });
        }
        let mut lines = Lines::new().map_err(failed)?;
        let objects = u32::try_from(names.len()).unwrap_or(u32::MAX);
        let header =
            Header { format: Header::FORMAT.into(), version: Header::VERSION, codec: self.codec, objects };
        lines.add(&header)?;
        for (object, name) in (0..).zip(names) {
            lines.add(&ObjectLine { object, name: name.clone() })?;
        }
        for entry in &self.entries {
            let object = numbers.get(&*entry.object).copied().unwrap_or(u32::MAX);
            let line: FrameLine = (
                entry.sequence,
                entry.section,
                object,
                entry.part,
                entry.offset,
                entry.stored_len,
                entry.raw_offset,
                entry.raw_len,
                entry.rows,
                entry.hash,
            );
            lines.add(&line)?;
        }
        let footer =
            Footer { frames: self.frames(), stored_bytes: self.stored_bytes, raw_bytes: self.raw_bytes };
        lines.add(&footer)?;
        lines.0.finish().map_err(failed)
    }
}

/// A compressed file of lines.
struct Lines(zstd::Encoder<'static, Vec<u8>>);

impl Lines {
    const LEVEL: i32 = 3;

    fn new() -> std::io::Result<Self> {
        let mut encoder = zstd::Encoder::new(Vec::new(), Lines::LEVEL)?;
        encoder.set_parameter(CParameter::ChecksumFlag(true))?;
        Ok(Lines(encoder))
    }

    fn add(&mut self, line: &impl Serialize) -> Result<()> {
        let mut text = serde_json::to_vec(line).map_err(failed)?;
        text.push(b'\n');
        self.0.write_all(&text).map_err(failed)
    }
}

fn failed(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Internal, "cannot make the index").source(source)
}
