mod deflate;
mod xz;
mod zstd;

use cadangkan_core::{Error, ErrorKind, Frame, ObjectName, Result, Section};

use crate::{Codec, CodecKind, FrameHash, MAX_FRAME, adler};

/// A frame as it is stored, with what the index says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedFrame {
    /// The section it belongs to.
    pub section: Section,
    /// The object it is a piece of.
    pub object: ObjectName,
    /// Which piece of the object, counted from 0.
    pub part: u64,
    /// Rows in it.
    pub rows: u64,
    /// Bytes before compression.
    pub raw_len: u64,
    /// Hash of the bytes before compression.
    pub hash: FrameHash,
    /// The bytes to store.
    pub stored: Vec<u8>,
    /// Adler-32 of the bytes before compression; only zlib needs it, others leave it empty.
    pub(crate) adler: u32,
}

/// Compresses frames, each on its own. One per thread: its memory is used again for every frame.
///
/// The same frame gives the same bytes, whatever was encoded before.
pub struct FrameEncoder {
    kind: CodecKind,
    compressor: Compressor,
}

enum Compressor {
    Zstd(zstd::Encoder),
    Deflate(deflate::Encoder),
    Xz(xz::Encoder),
    None,
}

impl FrameEncoder {
    pub(crate) fn new(codec: Codec) -> Result<Self> {
        let compressor = match codec.kind() {
            CodecKind::Zstd => Compressor::Zstd(zstd::Encoder::new(codec.level())?),
            CodecKind::Gzip | CodecKind::Zlib => Compressor::Deflate(deflate::Encoder::new(codec.level())),
            CodecKind::Xz => Compressor::Xz(xz::Encoder::new(codec.level())),
            CodecKind::None => Compressor::None,
        };
        Ok(FrameEncoder { kind: codec.kind(), compressor })
    }

    /// Compresses and hashes one frame. `reuse` gives its memory to the stored bytes; its content is thrown away.
    ///
    /// Fails with `Internal` when the frame is empty or longer than [`MAX_FRAME`].
    pub fn encode(&mut self, frame: &Frame, mut reuse: Vec<u8>) -> Result<EncodedFrame> {
        if frame.data.is_empty() || frame.data.len() > MAX_FRAME {
            return Err(Error::new(ErrorKind::Internal, "a frame has no bytes, or too many")
                .context("object", &frame.object)
                .context("bytes", frame.data.len()));
        }
        reuse.clear();
        self.compress(&frame.data, &mut reuse).map_err(|error| error.context("object", &frame.object))?;
        let adler = if self.kind == CodecKind::Zlib { adler::of(&frame.data) } else { adler::EMPTY };
        Ok(EncodedFrame {
            section: frame.section,
            object: frame.object.clone(),
            part: frame.part,
            rows: frame.rows,
            raw_len: frame.data.len() as u64,
            hash: FrameHash::of(&frame.data),
            stored: reuse,
            adler,
        })
    }

    /// Appends the stored form of raw bytes, which may be empty.
    pub(crate) fn compress(&mut self, raw: &[u8], stored: &mut Vec<u8>) -> Result<()> {
        match (&mut self.compressor, self.kind) {
            (Compressor::Zstd(encoder), _) => encoder.compress(raw, stored),
            (Compressor::Deflate(encoder), CodecKind::Gzip) => encoder.member(raw, stored),
            (Compressor::Deflate(encoder), _) => encoder.piece(raw, stored),
            (Compressor::Xz(encoder), _) => encoder.compress(raw, stored),
            (Compressor::None, _) => {
                stored.extend_from_slice(raw);
                Ok(())
            }
        }
    }
}

impl std::fmt::Debug for FrameEncoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FrameEncoder").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A compressor refused to work: only a lack of memory or a defect makes it.
fn failed(message: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Internal, message).source(source)
}
