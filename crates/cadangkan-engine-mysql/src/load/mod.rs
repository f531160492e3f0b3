//! Loads a backup into a server: into a database that is made for it, into one beside the target whose tables then
//! take the place of the target's, or into the target itself.
//!
//! Tables come first, without the indexes that are quicker to build once their rows are there. Rows then go over
//! several connections, in the very statements of the archive; then indexes and foreign keys, and what needs tables.
//! Nothing that changes a definition can be rolled back on these servers, so what a load made is known by a mark.
//! Archives without an index and scripts of `mysqldump` and `mariadb-dump` are read as a stream.

mod checks;
mod definitions;
mod entries;
mod finish;
mod grants;
mod history;
mod keep;
mod leftovers;
mod look;
mod marks;
mod objects;
mod place;
mod plan;
mod pool;
mod portable;
mod preflight;
mod rows;
mod running;
mod session;
mod statement;
mod stream;
mod swap;
mod tables;
mod users;
mod waiting;

pub(crate) use grants::Grants;
pub(crate) use leftovers::{discard, leftovers};
pub(crate) use marks::{MARKER, is_ours};
pub(crate) use plan::plan;
pub(crate) use running::begin;
