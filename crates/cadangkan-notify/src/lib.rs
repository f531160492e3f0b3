//! Telling people how it went: what an event is, the messages that events become, and the channels these go through.
//!
//! All calls block, and every wait in them has a limit. What others wrote, such as names and errors, is made harmless for each
//! channel, and cut at its limits; URLs, tokens and passwords are in no message and no error.

mod channel;
mod channels;
mod event;
mod line;
mod message;
mod smtp;
mod template;
mod text;
mod words;

pub(crate) use template::Template;

pub use channel::{Channel, ChannelDescriptor, Opened, TemplateKind, Undelivered, is_stale, pause};
pub use channels::CHANNELS;
pub use event::{Event, EventKind, Problem};
pub use message::{Message, Purpose};
