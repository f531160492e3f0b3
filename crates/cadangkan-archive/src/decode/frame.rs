use cadangkan_core::{Error, ErrorKind, Result};
use zstd::zstd_safe::get_frame_content_size;

use super::make_room;
use super::stream::StreamDecoder;
use crate::{CodecKind, FrameHash, IndexEntry, MAX_FRAME};

/// Decodes single frames that the index points to, in any order. One per thread.
pub struct FrameDecoder {
    kind: CodecKind,
    stream: StreamDecoder,
}

impl FrameDecoder {
    pub(crate) fn new(kind: CodecKind) -> Result<Self> {
        Ok(FrameDecoder { kind, stream: StreamDecoder::of_frame(kind)? })
    }

    /// Decodes one frame into `out`, whose content is replaced, and checks its length and hash.
    ///
    /// `out` grows to at most one byte more than the entry's raw length. Fails with `DamagedBackup` when
    /// anything is not as the entry says, and then leaves `out` empty.
    pub fn decode(&mut self, entry: &IndexEntry, stored: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let result = self.decode_and_check(entry, stored, out);
        if result.is_err() {
            out.clear();
        }
        result.map_err(|error| error.context("object", &entry.object).context("frame", entry.sequence))
    }

    fn decode_and_check(&mut self, entry: &IndexEntry, stored: &[u8], out: &mut Vec<u8>) -> Result<()> {
        let raw_len = usize::try_from(entry.raw_len).ok().filter(|length| *length <= MAX_FRAME);
        let (Some(raw_len), true) = (raw_len, stored.len() as u64 == entry.stored_len) else {
            return Err(damaged("a frame has another length than the index says"));
        };
        // Refused before anything is made room for; and so zstd decodes straight into `out`, without a window.
        if self.kind == CodecKind::Zstd
            && get_frame_content_size(stored).ok().flatten() != Some(entry.raw_len)
        {
            return Err(damaged("a frame does not begin as the index says"));
        }
        // One byte more than expected, to see content that is too long.
        make_room(out, raw_len + 1);
        let produced = self.fill(stored, out)?;
        if produced != raw_len {
            return Err(damaged("a frame decodes to another length than the index says"));
        }
        out.truncate(raw_len);
        if FrameHash::of(out) != entry.hash {
            return Err(damaged("a frame does not have the hash that the index says"));
        }
        Ok(())
    }

    /// Decodes all of `stored`, and returns how many bytes it gave.
    fn fill(&mut self, mut stored: &[u8], out: &mut [u8]) -> Result<usize> {
        self.stream.begin()?;
        let endless = matches!(self.kind, CodecKind::Zlib | CodecKind::None);
        let mut produced = 0;
        loop {
            let room = out.get_mut(produced..).unwrap_or_default();
            let step = self.stream.step(stored, room)?;
            stored = stored.get(step.consumed..).unwrap_or_default();
            produced += step.produced;
            let whole = if endless { !step.ended && stored.is_empty() } else { step.ended };
            if whole && stored.is_empty() {
                return Ok(produced);
            }
            if step.ended || (step.consumed == 0 && step.produced == 0) {
                return Err(damaged("a frame ends too early or too late"));
            }
        }
    }
}

impl std::fmt::Debug for FrameDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameDecoder").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message).hint("restore from another copy, or from another backup")
}
