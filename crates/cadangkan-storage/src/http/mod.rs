//! What storages behind HTTP share: how long each wait may be, uploads in parts, reads that go on.

mod ahead;
mod failure;
mod line;
mod names;
mod parts;
mod reader;
pub mod token;
mod upload;
mod workers;

use std::time::Duration;

pub use ahead::Ahead;
pub use cadangkan_http::{Silence, TlsTrouble, agent, header, is_loopback};
pub use failure::{Failure, is_unconnected, parse_date};
pub use line::{Answer, Line};
pub use names::{names_begin, whole_name};
pub use parts::{Limits, Plan};
pub use reader::{Fetch, Reader, replaced};
pub use upload::{Assembly, Upload};
pub use workers::Part;

/// The slowest a body may go before it counts as stuck, in bytes per second.
const SLOWEST: u64 = 32 << 10;
/// What the system may still have to send when all of a body is written, in bytes.
const BUFFERED: u64 = 4 << 20;

/// How long a whole request may take whose body has this size, when nothing of it may wait longer than `stall`.
pub fn limit(stall: Duration, bytes: u64) -> Duration {
    stall.saturating_add(Duration::from_secs(bytes / SLOWEST))
}

/// How long the answer to a body of this size may be waited for: the system may still be sending the end of it.
pub fn answer_limit(stall: Duration, bytes: u64) -> Duration {
    limit(stall, bytes.min(BUFFERED))
}
