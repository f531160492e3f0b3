//! Scripts as pg_dump writes them: split as `psql` does, read into entries, selected from, and put in order.
//!
//! Pure text: nothing here reads a file or talks to a server. A script may be hostile; what is read from its comments
//! is for people and a first sorting, what an entry defines and needs is read from its statements.

mod about;
mod drop;
mod entry;
mod header;
mod jobs;
mod kind;
mod lexer;
mod name;
mod portable;
mod rename;
mod select;
mod split;
mod statement;
mod subject;

pub(crate) use entry::{Entry, Script, parse, write};
pub(crate) use header::Header;
pub(crate) use jobs::{FOREIGN_KEY_STAGE, INDEX_STAGE, Job, REFRESH_STAGE, jobs};
pub(crate) use name::QualifiedName;
pub(crate) use portable::portable;
pub(crate) use select::Selector;
pub(crate) use split::{Part, Splitter};
