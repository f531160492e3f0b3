use cadangkan_core::Result;
use liblzma::stream::{Action, Check, Filters, LzmaOptions, Status, Stream};

use super::failed;

/// Makes xz streams of one block with CRC64.
pub(super) struct Encoder {
    preset: u32,
}

impl Encoder {
    /// The dictionaries of the presets 0 to 9, in KiB (`xz(1)`).
    const DICTIONARIES: [usize; 10] = [256, 1024, 2048, 4096, 4096, 8192, 8192, 16_384, 32_768, 65_536];
    /// The smallest that LZMA2 has.
    const SMALLEST: usize = 4096;

    pub(super) fn new(level: i32) -> Self {
        Encoder { preset: level.unsigned_abs() }
    }

    pub(super) fn compress(&mut self, raw: &[u8], stored: &mut Vec<u8>) -> Result<()> {
        let mut stream = self.stream(raw.len()).map_err(|error| failed("cannot begin to compress", error))?;
        stored.reserve(raw.len() / 2 + 4096);
        let mut raw = raw;
        loop {
            if stored.len() == stored.capacity() {
                stored.reserve(raw.len() + 4096);
            }
            let before = stream.total_in();
            let status = stream
                .process_vec(raw, stored, Action::Finish)
                .map_err(|error| failed("cannot compress a frame", error))?;
            if status == Status::StreamEnd {
                return Ok(());
            }
            let taken = usize::try_from(stream.total_in() - before).unwrap_or(usize::MAX);
            raw = raw.get(taken..).unwrap_or_default();
        }
    }

    /// A dictionary longer than the frame would only cost memory, here and for whoever reads it.
    fn stream(&self, raw_len: usize) -> Result<Stream, liblzma::stream::Error> {
        let index = usize::try_from(self.preset).unwrap_or(usize::MAX);
        let largest = Encoder::DICTIONARIES.get(index).map_or(usize::MAX, |kib| kib << 10);
        let dictionary = raw_len.next_power_of_two().clamp(Encoder::SMALLEST, largest);
        let mut options = LzmaOptions::new_preset(self.preset)?;
        options.dict_size(u32::try_from(dictionary).unwrap_or(u32::MAX));
        Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::Crc64)
    }
}
