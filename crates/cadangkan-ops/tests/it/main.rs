//! Verbs on a real engine and a real storage, with faults and kills.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops where it fails"
)]

mod adopt;
mod backups;
mod cleanup;
mod clock;
mod copies;
mod damage;
mod encryption;
mod faults;
mod files;
mod full_disk;
mod in_place;
mod killed;
mod locks;
mod nearby;
mod on_server;
mod records;
mod rekey;
mod restore;
mod retention;
mod servers;
mod several;
mod shrink;
mod side_files;
mod support;
mod sync;
mod trial;
mod whole_server;
