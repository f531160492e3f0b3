//! The terminal: tables, colours, progress, questions and errors.
//!
//! Nothing here touches the process's own streams: what is written to comes in from `main`.

mod escape;
mod json;
mod words;

pub(crate) mod count;
pub(crate) mod error;
pub(crate) mod pdf;
pub(crate) mod progress;
pub(crate) mod prompt;
pub(crate) mod selection;
pub(crate) mod style;
pub(crate) mod suggest;
pub(crate) mod table;
pub(crate) mod time;

pub(crate) use escape::escape;
pub(crate) use json::{CANNOT_PRINT, write_json};
pub(crate) use style::{Paint, Style, level_of};
pub(crate) use words::{labels, words};
