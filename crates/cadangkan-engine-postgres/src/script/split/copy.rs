use cadangkan_core::Result;

use super::{Part, Take};

/// Finds the line `\.` that ends rows, wherever the chunks are cut.
#[derive(Debug)]
pub(super) struct CopyEnd {
    at_line_start: bool,
    /// How many bytes of [`HELD`] the line begins with that was held back.
    held: usize,
}

/// How far a line may have to be held back before it is known whether it is the marker.
const HELD: &[u8] = b"\\.\r";

/// Whether a line's first bytes are the marker, and how long it is.
enum Look {
    Marker(usize),
    Maybe,
    No,
}

impl Default for CopyEnd {
    fn default() -> Self {
        CopyEnd { at_line_start: true, held: 0 }
    }
}

impl CopyEnd {
    /// Passes rows on; returns how many bytes it took, whether the marker was the last of them, and how many lines
    /// ended.
    pub(super) fn search(&mut self, bytes: &[u8], take: Take<'_>) -> Result<(usize, bool, u64)> {
        let mut from = 0;
        if self.held > 0 {
            let mut line = HELD.get(..self.held).unwrap_or_default().to_vec();
            while let Look::Maybe = look(&line) {
                let Some(byte) = bytes.get(from) else {
                    self.held = line.len();
                    return Ok((from, false, 0));
                };
                line.push(*byte);
                from += 1;
            }
            self.held = 0;
            if let Look::Marker(_) = look(&line) {
                return Ok((from, true, 1));
            }
            // The byte that told is still among those to come.
            line.pop();
            from -= 1;
            self.at_line_start = false;
            take(Part::CopyData(&line))?;
        }
        self.search_lines(bytes, from, take)
    }

    fn search_lines(&mut self, bytes: &[u8], from: usize, take: Take<'_>) -> Result<(usize, bool, u64)> {
        let (mut at, mut lines) = (from, 0);
        let mut send = |to: usize| match bytes.get(from..to) {
            Some(piece) if !piece.is_empty() => take(Part::CopyData(piece)),
            _ => Ok(()),
        };
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            match look(rest) {
                Look::Marker(length) if self.at_line_start => {
                    send(at)?;
                    return Ok((at + length, true, lines + 1));
                }
                Look::Maybe if self.at_line_start => {
                    self.held = rest.len();
                    send(at)?;
                    return Ok((bytes.len(), false, lines));
                }
                _ => {}
            }
            let line = rest.iter().position(|byte| *byte == b'\n');
            self.at_line_start = line.is_some();
            let Some(line) = line else {
                send(bytes.len())?;
                return Ok((bytes.len(), false, lines));
            };
            at += line + 1;
            lines += 1;
        }
    }

    /// Tells whether the script stops right behind the marker, without a line end.
    pub(super) fn is_at_marker(&self) -> bool {
        self.held >= 2
    }
}

fn look(line: &[u8]) -> Look {
    match line {
        [b'\\', b'.', b'\n', ..] => Look::Marker(3),
        [b'\\', b'.', b'\r', b'\n', ..] => Look::Marker(4),
        [] | [b'\\'] | [b'\\', b'.'] | [b'\\', b'.', b'\r'] => Look::Maybe,
        _ => Look::No,
    }
}
