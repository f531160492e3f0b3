use std::path::Path;

use cadangkan_core::Result;
use cadangkan_core::settings::{Field, SettingsError};
use serde::Serialize;
use serde_json::Value;

use crate::{Engine, SideKind};

/// What a kind of engine is and can do; one `static` in each engine's crate, listed in the registry.
pub struct Descriptor {
    /// The word in configuration and manifest: `sqlite`.
    pub id: &'static str,
    /// The name for people: `SQLite`.
    pub display_name: &'static str,
    /// Ends the name of a plain archive, without dot: `sqlite`, `sql`.
    pub extension: &'static str,
    /// How its archive is laid out.
    pub layout: Layout,
    /// What it may give beside an archive.
    pub side_files: &'static [SideKind],
    /// What can be set.
    pub fields: &'static [Field],
    /// What it can do.
    pub capabilities: Capabilities,
    /// Makes an engine from settings, without connecting.
    pub open: fn(&Value) -> std::result::Result<Box<dyn Engine>, SettingsError>,
    /// Reads a URL (or a path, for an engine that works on files) into settings; `None` when it is another's.
    pub parse_url: fn(&str) -> Option<std::result::Result<Value, SettingsError>>,
    /// Reads a file that its own client programs connect with, and the group of that name in it; `None` when they
    /// have none.
    pub read_client_file: fn(&Path, Option<&str>) -> Option<Result<ClientFile>>,
    /// Tells from the first bytes of an uncompressed archive (up to 4 KiB) whether it may be this engine's.
    pub recognizes: fn(&[u8]) -> bool,
}

impl std::fmt::Debug for Descriptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Descriptor").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a file of client programs says.
#[derive(Clone)]
pub struct ClientFile {
    /// The settings in it, with its password.
    pub settings: Value,
    /// What in it was not understood, and so is not among the settings.
    pub left_out: Vec<String>,
    /// What a person should know of it.
    pub warnings: Vec<String>,
}

/// Without its settings, which may hold secrets.
impl std::fmt::Debug for ClientFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientFile").field("left_out", &self.left_out).finish_non_exhaustive()
    }
}

/// How the uncompressed bytes of an archive are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// The database's file itself, in order.
    Image,
    /// Statements, frame by frame, that the vendor's client runs as they stand.
    Statements,
}

/// What an engine can do; what it cannot is refused with `Unsupported`.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Capabilities {
    /// Backs up a selection of tables.
    pub dump_selection: bool,
    /// Restores a selection of tables out of a whole backup.
    pub load_selection: bool,
    /// Reads only the frames of selected objects when restoring them.
    pub selective_read: bool,
    /// Dumps several units at once.
    pub parallel_dump: bool,
    /// One configured database may stand for many.
    pub many_databases: bool,
    /// One archive may hold many databases.
    pub combined: bool,
    /// Puts a restored database in the old one's place in one step.
    pub replace: bool,
    /// Tells how busy its server is.
    pub sessions: bool,
}
