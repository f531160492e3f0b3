use cadangkan_core::{Error, ErrorKind, Result};
use flate2::{Decompress, FlushDecompress, Status};
use liblzma::stream::{Action, Error as XzError, Status as XzStatus, Stream, TELL_UNSUPPORTED_CHECK};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, get_error_name};

use crate::CodecKind;
use crate::limits::{XZ_MEMORY, ZSTD_WINDOW_LOG};

/// Decodes one compressed stream step by step; made once, used for many.
pub(super) enum StreamDecoder {
    Zstd(DCtx<'static>),
    /// A fresh one for each member: resetting would forget the wrapper.
    Gzip(Decompress),
    Zlib(Decompress),
    /// Deflate without wrapper or end: one frame of a zlib archive.
    ZlibPiece(Decompress),
    /// A fresh one for each stream.
    Xz(Stream),
    None,
}

/// What one step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) consumed: usize,
    pub(super) produced: usize,
    /// The stream is over, and its own checksum was right. Never set for a zlib piece and for no codec, which
    /// do not know their ends.
    pub(super) ended: bool,
}

impl StreamDecoder {
    const WINDOW_BITS: u8 = 15;

    /// Decodes what lies in a file: frames, members, streams, or the one stream of zlib.
    pub(super) fn of_file(kind: CodecKind) -> Result<Self> {
        Ok(match kind {
            CodecKind::Zstd => {
                let mut context = DCtx::try_create().ok_or_else(no_memory)?;
                context
                    .set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))
                    .map_err(|_code| no_memory())?;
                StreamDecoder::Zstd(context)
            }
            CodecKind::Gzip => StreamDecoder::Gzip(Decompress::new_gzip(StreamDecoder::WINDOW_BITS)),
            CodecKind::Zlib => StreamDecoder::Zlib(Decompress::new(true)),
            CodecKind::Xz => StreamDecoder::Xz(xz_stream()?),
            CodecKind::None => StreamDecoder::None,
        })
    }

    /// Decodes what one index entry points to.
    pub(super) fn of_frame(kind: CodecKind) -> Result<Self> {
        match kind {
            CodecKind::Zlib => Ok(StreamDecoder::ZlibPiece(Decompress::new(false))),
            _ => StreamDecoder::of_file(kind),
        }
    }

    /// Forgets what came before, also after an error.
    pub(super) fn begin(&mut self) -> Result<()> {
        match self {
            StreamDecoder::Zstd(context) => {
                context.reset(ResetDirective::SessionOnly).map_err(|_code| no_memory())?;
            }
            StreamDecoder::Gzip(inflate) => *inflate = Decompress::new_gzip(StreamDecoder::WINDOW_BITS),
            StreamDecoder::Zlib(inflate) => inflate.reset(true),
            StreamDecoder::ZlibPiece(inflate) => inflate.reset(false),
            StreamDecoder::Xz(stream) => *stream = xz_stream()?,
            StreamDecoder::None => {}
        }
        Ok(())
    }

    /// Takes some input and gives some output. No input means that there is no more.
    pub(super) fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step> {
        match self {
            StreamDecoder::Zstd(context) => step_zstd(context, input, output),
            StreamDecoder::Gzip(inflate)
            | StreamDecoder::Zlib(inflate)
            | StreamDecoder::ZlibPiece(inflate) => step_inflate(inflate, input, output),
            StreamDecoder::Xz(stream) => step_xz(stream, input, output),
            StreamDecoder::None => {
                let length = input.len().min(output.len());
                if let (Some(from), Some(to)) = (input.get(..length), output.get_mut(..length)) {
                    to.copy_from_slice(from);
                }
                Ok(Step { consumed: length, produced: length, ended: false })
            }
        }
    }
}

fn step_zstd(context: &mut DCtx<'_>, input: &[u8], output: &mut [u8]) -> Result<Step> {
    let (mut source, mut target) = (InBuffer::around(input), OutBuffer::around(output));
    let wanted = context
        .decompress_stream(&mut target, &mut source)
        .map_err(|code| damaged().source(get_error_name(code)))?;
    Ok(Step { consumed: source.pos(), produced: target.pos(), ended: wanted == 0 })
}

fn step_inflate(inflate: &mut Decompress, input: &[u8], output: &mut [u8]) -> Result<Step> {
    let (taken, given) = (inflate.total_in(), inflate.total_out());
    let status =
        inflate.decompress(input, output, FlushDecompress::None).map_err(|error| damaged().source(error))?;
    Ok(Step {
        consumed: difference(inflate.total_in(), taken),
        produced: difference(inflate.total_out(), given),
        ended: status == Status::StreamEnd,
    })
}

fn step_xz(stream: &mut Stream, input: &[u8], output: &mut [u8]) -> Result<Step> {
    let (taken, given) = (stream.total_in(), stream.total_out());
    let status = stream.process(input, output, Action::Run).map_err(|error| match error {
        XzError::MemLimit => {
            Error::new(ErrorKind::Unsupported, "the archive needs too much memory to be read")
                .context("limit_bytes", XZ_MEMORY)
                .hint("it was not made by this program; decompress it with `xz -d` first")
        }
        XzError::UnsupportedCheck | XzError::Options => {
            Error::new(ErrorKind::Unsupported, "the archive uses a feature of xz that is not supported")
                .source(error)
        }
        XzError::Mem => no_memory(),
        _ => damaged().source(error),
    })?;
    Ok(Step {
        consumed: difference(stream.total_in(), taken),
        produced: difference(stream.total_out(), given),
        ended: status == XzStatus::StreamEnd,
    })
}

fn xz_stream() -> Result<Stream> {
    Stream::new_stream_decoder(XZ_MEMORY, TELL_UNSUPPORTED_CHECK).map_err(|_error| no_memory())
}

fn difference(now: u64, before: u64) -> usize {
    usize::try_from(now.saturating_sub(before)).unwrap_or(usize::MAX)
}

fn damaged() -> Error {
    Error::new(ErrorKind::DamagedBackup, "the archive is damaged")
}

fn no_memory() -> Error {
    Error::new(ErrorKind::Internal, "cannot begin to decompress")
}
