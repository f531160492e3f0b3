//! The commands, one file each.

pub(crate) mod bench;
pub(crate) mod ci;
pub(crate) mod coverage;
pub(crate) mod deny;
pub(crate) mod docs;
pub(crate) mod golden;
pub(crate) mod servers;
pub(crate) mod test;
pub(crate) mod tidy;
