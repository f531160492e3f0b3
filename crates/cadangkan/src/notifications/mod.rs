//! Telling people: who hears of what, what happened in a run, and delivery with everything that may go wrong.
//!
//! An event is kept in the catalog before it is sent, a row for each channel, and delivered at once where that is possible.
//! What could not be delivered is tried again by whoever runs next, for a day.

mod deliver;
mod open;
mod room;
mod tell;
mod watch;

pub(crate) use deliver::deliver_due;
pub(crate) use open::{OpenChannel, message};
pub(crate) use tell::{How, tell};
pub(crate) use watch::{Watch, end_of_many};
