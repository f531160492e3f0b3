//! Which backup is meant.

use cadangkan_archive::Manifest;
use cadangkan_catalog::BackupFilter;
use cadangkan_core::{BackupId, Error, ErrorKind, Name};

use crate::index_backup::COMBINED_TAG;

/// Which backup of a configured database is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The one with this id.
    Id(BackupId),
    /// The newest one.
    Newest,
    /// The newest one of this database, where the configured name stands for many; alone, or with others.
    NewestOf(&'a str),
    /// The newest one that holds several databases.
    NewestCombined,
}

impl Wanted<'_> {
    pub(crate) fn id(self) -> Option<BackupId> {
        if let Wanted::Id(id) = self { Some(id) } else { None }
    }

    /// How the catalog finds the newest one of a database.
    pub fn newest(self, database: &Name) -> BackupFilter {
        let original = if let Wanted::NewestOf(name) = self { Some(name.to_owned()) } else { None };
        let tag = (self == Wanted::NewestCombined).then(|| COMBINED_TAG.to_owned());
        let database = Some(database.clone());
        BackupFilter { database, original, tag, descending: true, limit: Some(1), ..BackupFilter::default() }
    }

    pub(crate) fn fits(self, manifest: &Manifest) -> bool {
        match self {
            Wanted::Id(id) => manifest.backup_id == id,
            Wanted::Newest => true,
            Wanted::NewestOf(name) => manifest.holds(name),
            Wanted::NewestCombined => !manifest.databases.is_empty(),
        }
    }
}

/// Says that there is none.
pub(crate) fn not_found(database: &Name, wanted: Wanted<'_>) -> Error {
    let message = match wanted {
        Wanted::Id(id) => format!("\"{database}\" has no backup {id}"),
        Wanted::Newest => format!("\"{database}\" has no backup yet"),
        Wanted::NewestOf(name) => {
            format!("\"{database}\" has no backup of its database {} yet", name.escape_debug())
        }
        Wanted::NewestCombined => format!("\"{database}\" has no backup yet that holds several databases"),
    };
    let hint = match wanted {
        Wanted::Newest => format!(
            "make one with `cadangkan backup {database}`, or bring back what a storage holds with `cadangkan adopt <storage>`"
        ),
        Wanted::NewestCombined => {
            format!(
                "make one with `cadangkan backup {database} --combined`, or name one database with --database"
            )
        }
        Wanted::Id(_) | Wanted::NewestOf(_) => {
            format!("`cadangkan backups list {database}` shows what there is")
        }
    };
    Error::new(ErrorKind::NotFound, message).hint(hint)
}
