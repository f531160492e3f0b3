use std::io::Read;

use cadangkan_core::{Error, ErrorKind, Result};
use zstd::zstd_safe::get_frame_content_size;

use super::make_room;
use super::source::Source;
use super::stream::StreamDecoder;
use crate::{CodecKind, PIECE};

/// Reads a whole archive from its first byte to its last, with neither index nor manifest.
///
/// It takes what stock tools make, too: one frame or many, joined in any way that the format allows. Memory:
/// 128 KiB, and what the codec needs, at most 128 MiB for foreign files and a few MiB for ours.
///
/// A frame's checksum is compared before its last piece is given; pieces before the last are not checked yet. A
/// file cut exactly between two frames cannot be told from a whole one (except for zlib), and uncompressed
/// files have no checksum: for these the index or the manifest is needed.
pub struct SequentialReader<R: Read> {
    kind: CodecKind,
    source: Source<R>,
    stream: StreamDecoder,
    /// The first byte of the next piece, decoded already to learn whether the frame goes on.
    ahead: Option<u8>,
    inside: bool,
    frame: u64,
    frame_start: u64,
    says_length: bool,
    raw_offset: u64,
    state: State,
}

/// What a piece is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceInfo {
    /// Where it begins in the uncompressed archive.
    pub raw_offset: u64,
    /// The frame, member or stream it comes from, counted from 0. All of a zlib archive, and all of an
    /// uncompressed one, is one frame here.
    pub frame: u64,
    /// Whether the frame ends with it.
    pub ends_frame: bool,
}

/// The longest header of a zstd frame (RFC 8878, 3.1.1, with the magic number).
const ZSTD_HEADER: usize = 18;

/// A short frame pays for no more room than this; a long one doubles it up to a piece.
const FIRST_ROOM: usize = 64 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl<R: Read> SequentialReader<R> {
    /// Begins to read. [`CodecKind::detect`] tells the kind from the file's first bytes.
    pub fn new(kind: CodecKind, reader: R) -> Result<Self> {
        Ok(SequentialReader {
            kind,
            source: Source::new(reader),
            stream: StreamDecoder::of_file(kind)?,
            ahead: None,
            inside: false,
            frame: 0,
            frame_start: 0,
            says_length: true,
            raw_offset: 0,
            state: State::Reading,
        })
    }

    /// Replaces the content of `out` with the next piece: 1 to [`PIECE`] bytes, all of one frame. Returns
    /// `None`, and leaves `out` empty, when all has been read.
    ///
    /// Fails with `DamagedBackup` when a frame is cut off or damaged, or when something else follows the last
    /// one; with `Unsupported` when a foreign file needs more memory than the limit. After an error it only
    /// fails again.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<PieceInfo>> {
        match self.state {
            State::Reading => {}
            State::Ended => {
                out.clear();
                return Ok(None);
            }
            State::Failed => return Err(damaged("the archive is damaged")),
        }
        let result = self.read_piece(out);
        match &result {
            Ok(Some(_)) => {}
            Ok(None) => self.state = State::Ended,
            Err(_) => self.state = State::Failed,
        }
        if !matches!(result, Ok(Some(_))) {
            out.clear();
        }
        result.map_err(|error| error.context("offset", self.source.offset()).context("frame", self.frame))
    }

    /// The stored bytes from the start of the present frame, or of the one that just ended, up to here.
    pub(super) fn stored_range(&self) -> std::ops::Range<u64> {
        self.frame_start..self.source.offset()
    }

    /// Whether the present frame, or the one that just ended, can be decoded by a `FrameDecoder`: zstd frames
    /// must tell their length first, as all of ours do.
    pub(super) fn says_length(&self) -> bool {
        self.says_length
    }

    /// How many bytes of the file have been used up.
    pub(super) fn stored_bytes(&self) -> u64 {
        self.source.offset()
    }

    fn read_piece(&mut self, out: &mut Vec<u8>) -> Result<Option<PieceInfo>> {
        make_room(out, FIRST_ROOM);
        let mut filled = 0;
        if let (Some(byte), Some(first)) = (self.ahead.take(), out.first_mut()) {
            (*first, filled) = (byte, 1);
            if !self.inside {
                return Ok(Some(self.take_piece(out, filled, true)));
            }
        }
        loop {
            if !self.inside && !self.begin_frame()? {
                return Ok(None);
            }
            if filled == out.len() {
                make_room(out, (2 * filled).min(PIECE + 1));
            }
            let input = self.source.fill()?;
            let at_end = input.is_empty();
            let step = self.stream.step(input, out.get_mut(filled..).unwrap_or_default())?;
            self.source.consume(step.consumed);
            filled += step.produced;
            let ended = step.ended || (at_end && self.kind == CodecKind::None);
            if ended {
                self.inside = false;
                self.frame += 1;
            } else if step.consumed == 0 && step.produced == 0 {
                let message = if at_end { "the archive is cut off" } else { "the archive is damaged" };
                return Err(damaged(message));
            }
            if filled > PIECE || (ended && filled > 0) {
                return Ok(Some(self.take_piece(out, filled, ended)));
            }
        }
    }

    /// Cuts `out` to one piece, and keeps the byte beyond it.
    fn take_piece(&mut self, out: &mut Vec<u8>, filled: usize, ended: bool) -> PieceInfo {
        out.truncate(filled);
        if filled > PIECE {
            self.ahead = out.pop();
        }
        let ends_frame = ended && self.ahead.is_none();
        let frame = if ended { self.frame - 1 } else { self.frame };
        let piece = PieceInfo { raw_offset: self.raw_offset, frame, ends_frame };
        self.raw_offset += out.len() as u64;
        piece
    }

    /// Gets ready for what follows; returns whether anything does.
    fn begin_frame(&mut self) -> Result<bool> {
        if self.kind == CodecKind::Xz && self.frame > 0 {
            self.skip_xz_padding()?;
        }
        self.frame_start = self.source.offset();
        let more = !self.source.fill()?.is_empty();
        if !more && self.frame == 0 && self.kind != CodecKind::None {
            return Err(damaged("the archive is empty"));
        }
        if more && self.frame > 0 && self.kind == CodecKind::Zlib {
            return Err(damaged("something follows the end of the archive"));
        }
        if more {
            if self.kind == CodecKind::Zstd {
                let header = self.source.fill_at_least(ZSTD_HEADER)?;
                self.says_length = matches!(get_frame_content_size(header), Ok(Some(_)));
            }
            self.stream.begin()?;
            self.inside = true;
        }
        Ok(more)
    }

    /// Between xz streams there may be zeros, a multiple of four (xz file format 1.2.1, section 2.2).
    fn skip_xz_padding(&mut self) -> Result<()> {
        while self.source.fill_at_least(4)?.starts_with(&[0; 4]) {
            self.source.consume(4);
        }
        Ok(())
    }
}

impl<R: Read> std::fmt::Debug for SequentialReader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SequentialReader").field("kind", &self.kind).finish_non_exhaustive()
    }
}

fn damaged(message: &'static str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message).hint("restore from another copy, or from another backup")
}
