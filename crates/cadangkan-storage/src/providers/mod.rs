//! One module for each kind of storage.

pub(crate) mod local;
pub(crate) mod memory;
