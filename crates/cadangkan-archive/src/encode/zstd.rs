use cadangkan_core::Result;
use zstd::zstd_safe::{CCtx, CParameter, compress_bound, get_error_name};

use super::failed;

/// Makes zstd frames with content size and checksum.
pub(super) struct Encoder(CCtx<'static>);

impl Encoder {
    pub(super) fn new(level: i32) -> Result<Self> {
        let mut context =
            CCtx::try_create().ok_or_else(|| failed("cannot begin to compress", "no memory"))?;
        let settings = [
            CParameter::CompressionLevel(level),
            CParameter::ContentSizeFlag(true),
            CParameter::ChecksumFlag(true),
        ];
        for setting in settings {
            context
                .set_parameter(setting)
                .map_err(|code| failed("cannot begin to compress", get_error_name(code)))?;
        }
        Ok(Encoder(context))
    }

    pub(super) fn compress(&mut self, raw: &[u8], stored: &mut Vec<u8>) -> Result<()> {
        stored.reserve(compress_bound(raw.len()));
        // Into the vector's free room, behind what it holds: it is always empty here.
        self.0
            .compress2(stored, raw)
            .map(|_length| ())
            .map_err(|code| failed("cannot compress a frame", get_error_name(code)))
    }
}
