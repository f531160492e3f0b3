use cadangkan_core::{Fingerprint, Frame, ObjectName, Result, Section};

use crate::{FrameSink, UnitReport};

/// Sizes of the frames of a [`FrameBuilder`], in bytes before compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameSizes {
    /// A frame does not end before it is this long, but for the last one.
    pub min: usize,
    /// No frame is longer, but for one that holds a single longer row.
    pub max: usize,
}

/// 2 to 8 MiB, some 3.5 on average.
impl Default for FrameSizes {
    fn default() -> Self {
        FrameSizes { min: 2 << 20, max: 8 << 20 }
    }
}

/// Cuts the rows of one object into frames, for engines that dump rows.
///
/// Where a frame ends depends on the rows alone: past the minimum, each row is the last one with a chance that its
/// hash decides and that grows with its length. So the same rows give the same frames, and a row put in or taken
/// out changes the frames around it only: the borders after it stay where they were.
pub struct FrameBuilder<'a> {
    section: Section,
    object: ObjectName,
    sizes: FrameSizes,
    sink: &'a dyn FrameSink,
    prefix: Vec<u8>,
    suffix: Vec<u8>,
    between: Vec<u8>,
    /// How long a statement may get, and where in the frame the present one begins.
    statement: usize,
    begun: usize,
    part: u64,
    data: Vec<u8>,
    rows: u64,
    fingerprint: Fingerprint,
}

impl<'a> FrameBuilder<'a> {
    /// Begins the frames of `object`.
    pub fn new(section: Section, object: ObjectName, sizes: FrameSizes, sink: &'a dyn FrameSink) -> Self {
        FrameBuilder {
            section,
            object,
            sizes,
            sink,
            prefix: Vec::new(),
            suffix: Vec::new(),
            between: Vec::new(),
            statement: usize::MAX,
            begun: 0,
            part: 0,
            data: Vec::new(),
            rows: 0,
            fingerprint: Fingerprint::default(),
        }
    }

    /// Puts bytes before the first and after the last row of each frame, so that it stands alone:
    /// `COPY … FROM stdin;` and `\.`.
    #[must_use]
    pub fn wrapped(mut self, prefix: impl Into<Vec<u8>>, suffix: impl Into<Vec<u8>>) -> Self {
        self.prefix = prefix.into();
        self.suffix = suffix.into();
        self
    }

    /// Puts bytes between rows, and ends a statement with the suffix before it would get longer than `limit` bytes, to
    /// begin the next one with the prefix in the same frame: `INSERT INTO … VALUES`, `,` and `;`. A row that is longer
    /// by itself has a statement of its own.
    #[must_use]
    pub fn statements(mut self, between: impl Into<Vec<u8>>, limit: usize) -> Self {
        self.between = between.into();
        self.statement = limit;
        self
    }

    /// Counts parts from here, when other units dump other ranges of the same object.
    #[must_use]
    pub fn first_part(mut self, part: u64) -> Self {
        self.part = part;
        self
    }

    /// Takes one row as it is to stand in the archive, its line ending included.
    ///
    /// The row's bytes are also its canonical form for the fingerprint; see [`row_with`](Self::row_with).
    pub fn row(&mut self, row: &[u8]) -> Result<()> {
        self.row_with(row, row)
    }

    /// Takes one row, with the canonical form that its fingerprint and the borders are made from.
    pub fn row_with(&mut self, row: &[u8], canonical: &[u8]) -> Result<()> {
        let around = self.between.len().saturating_add(self.suffix.len());
        let length = self.data.len().saturating_add(row.len()).saturating_add(around);
        if self.rows > 0 {
            let new_statement = length.saturating_sub(self.begun) > self.statement;
            let more = if new_statement { self.prefix.len() } else { 0 };
            if length.saturating_add(more) > self.sizes.max {
                self.end_frame()?;
            } else if new_statement {
                self.data.extend_from_slice(&self.suffix);
                self.begun = self.data.len();
                self.data.extend_from_slice(&self.prefix);
            } else {
                self.data.extend_from_slice(&self.between);
            }
        }
        if self.rows == 0 {
            self.data = self.sink.buffer(self.sizes.max)?;
            self.begun = 0;
            self.data.extend_from_slice(&self.prefix);
        }
        self.data.extend_from_slice(row);
        self.rows += 1;
        let hash = self.fingerprint.add_row(canonical);
        if self.data.len() >= self.sizes.min && self.ends_frame(hash, row.len()) {
            self.end_frame()?;
        }
        Ok(())
    }

    /// Sends what is left; returns the rows and the fingerprint of all frames.
    pub fn finish(mut self) -> Result<UnitReport> {
        if self.rows > 0 {
            self.end_frame()?;
        }
        Ok(UnitReport { rows: self.fingerprint.rows(), fingerprint: Some(self.fingerprint) })
    }

    /// Tells whether a row of this hash and length ends the frame: once in so many bytes that most frames end well
    /// before the maximum.
    fn ends_frame(&self, hash: u128, length: usize) -> bool {
        let spread = (self.sizes.max.saturating_sub(self.sizes.min) / 4).max(1) as u128;
        let chance = (length as u128).min(spread);
        // The upper half of the hash, as a number below 2^64, against `chance` in `spread` of 2^64.
        (hash >> 64).saturating_mul(spread) < chance << 64
    }

    fn end_frame(&mut self) -> Result<()> {
        self.data.extend_from_slice(&self.suffix);
        let frame = Frame {
            section: self.section,
            object: self.object.clone(),
            part: self.part,
            rows: std::mem::take(&mut self.rows),
            data: std::mem::take(&mut self.data),
        };
        self.part += 1;
        self.sink.send(frame)
    }
}

impl std::fmt::Debug for FrameBuilder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameBuilder")
            .field("object", &self.object)
            .field("part", &self.part)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
