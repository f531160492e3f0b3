//! Names of files that a restore makes beside its target, and their removal.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cadangkan_core::{Error, Result, Timestamp};

use crate::wal::beside;

/// What the names of unfinished files beside a database begin with.
pub(crate) fn temporary_prefix(name: &str) -> String {
    format!(".{name}.restoring-")
}

/// What the names of kept files beside a database begin with.
pub(crate) fn kept_prefix(name: &str) -> String {
    format!("{name}.before-restore-")
}

/// The name under which a database's old file is kept, in UTC; with a number where that name is taken.
pub(super) fn kept_path(path: &Path, now: Timestamp) -> PathBuf {
    let stamp = now.strftime("%Y-%m-%d-%H%M%S").to_string();
    let first = path.with_file_name(kept_prefix(&name_of(path)) + &stamp);
    let mut kept = first.clone();
    for number in 2..10_000 {
        if kept.symlink_metadata().is_err() {
            break;
        }
        kept = beside(&first, &format!("-{number}"));
    }
    kept
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A file that is removed, with all that SQLite puts beside it, unless it was renamed before.
pub(super) struct Temporary {
    path: PathBuf,
}

impl Temporary {
    /// Names a new file in the folder of `target`.
    pub(super) fn beside(target: &Path) -> Temporary {
        let mut random = RandomState::new().build_hasher();
        random.write_u8(0);
        let name = format!("{}{:016x}", temporary_prefix(&name_of(target)), random.finish());
        Temporary { path: target.with_file_name(name) }
    }

    /// Names a second file that belongs to this one.
    pub(super) fn sibling(&self, suffix: &str) -> Temporary {
        Temporary { path: beside(&self.path, suffix) }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file, empty and for its owner only.
    pub(super) fn create(&self) -> Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&self.path).map_err(
            |error| {
                Error::io("cannot make a file beside the target", error)
                    .context("path", self.path.display())
                    .hint("check the permissions of the folder and the space on its disk")
            },
        )
    }

    /// Removes the file now, to learn whether it worked.
    pub(super) fn remove(self) -> Result<()> {
        remove_with_company(&self.path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // What stays is named by `leftovers`.
        let _ = remove_with_company(&self.path);
    }
}

/// Removes a database's file and what SQLite puts beside it; done also when nothing is there.
fn remove_with_company(path: &Path) -> Result<()> {
    remove_group(path, &["-wal", "-shm", "-journal", ""])
}

/// Removes the files whose names are that of `main` and one of `ends`; done also when nothing is there.
pub(crate) fn remove_group(main: &Path, ends: &[&str]) -> Result<()> {
    ends.iter().try_for_each(|end| remove_if_there(&beside(main, end)))
}

/// Removes a file; done also when it is not there.
pub(super) fn remove_if_there(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("cannot remove a file", error)
                .context("path", path.display())
                .hint("check the permissions of the folder, then run `cadangkan cleanup`"))
        }
        _ => Ok(()),
    }
}

/// Makes changes of names in the folder of `path` durable.
pub(super) fn sync_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(|error| {
        Error::io("cannot make the new file's name durable", error).context("path", folder.display())
    })
}

/// The folder that holds `path`.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_names_do_not_collide() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.db");
        let now: Timestamp = "2026-01-15T14:30:22Z".parse().unwrap();
        for expected in ["", "-2", "-3"] {
            let kept = kept_path(&path, now);
            assert_eq!(name_of(&kept), format!("shop.db.before-restore-2026-01-15-143022{expected}"));
            std::fs::write(kept, "").unwrap();
        }
    }

    #[test]
    fn a_temporary_file_goes_with_its_company() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = Temporary::beside(&folder.path().join("shop.db"));
        drop(temporary.create().unwrap());
        assert!(temporary.create().is_err());
        std::fs::write(beside(temporary.path(), "-wal"), "x").unwrap();
        drop(temporary);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
