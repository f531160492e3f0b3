//! The words of Cadangkan, and nothing else.
//!
//! Every other crate speaks in these types. This crate knows nothing of files, threads, the environment or the
//! wall clock: what it needs of them comes in through [`Clock`], [`Reporter`] and [`Cancel`].

mod cancel;
mod clock;
mod control;
mod error;
mod event;
mod fingerprint;
mod frame;
mod id;
mod leftover;
mod name;
mod object;
pub mod settings;
mod size;
mod ticket;

pub use cancel::Cancel;
pub use clock::Clock;
pub use control::{Control, quietly};
pub use error::{Error, ErrorKind, Result, ResultExt, first_cause};
pub use event::{Event, Level, NoReporter, Progress, Reporter, StorageProgress};
pub use fingerprint::Fingerprint;
pub use frame::{Frame, Section};
pub use id::{BackupId, RunId};
pub use jiff::Timestamp;
pub use leftover::Leftover;
pub use name::Name;
pub use object::{ObjectKind, ObjectName, ObjectReport, Pattern, Selection};
pub use size::{bytes_per_second, format_bytes, format_duration, format_some};
pub use ticket::Ticket;
