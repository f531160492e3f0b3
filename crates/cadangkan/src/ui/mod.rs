//! The terminal: tables, colours, progress, questions and errors.
//!
//! Nothing here touches the process's own streams: what is written to comes in from `main`.

mod escape;
mod json;
mod line;

pub mod error;
pub mod progress;
pub mod prompt;
pub mod style;
pub mod suggest;
pub mod table;
pub mod time;

pub use escape::escape;
pub use json::write_json;
pub use line::fit;
pub use style::{Paint, Style};
