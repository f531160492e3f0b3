mod frame;
mod scan;
mod sequential;
mod source;
mod stream;

pub use frame::FrameDecoder;
pub use scan::rebuild_index;
pub use sequential::{PieceInfo, SequentialReader};

/// Makes a buffer exactly that long, to be written over; what it holds stays.
fn make_room(buffer: &mut Vec<u8>, length: usize) {
    const ZEROS: [u8; 4096] = [0; 4096];
    if buffer.capacity() < length {
        // In one go, and not more than that: growing by doubling would take more than was promised.
        buffer.reserve_exact(length - buffer.len());
    }
    buffer.truncate(length);
    while buffer.len() < length {
        let missing = ZEROS.len().min(length - buffer.len());
        buffer.extend_from_slice(ZEROS.get(..missing).unwrap_or_default());
    }
}
