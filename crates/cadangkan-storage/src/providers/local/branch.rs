//! The folders between the root and an object.

use std::io;
use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};

use super::failure::explain;
use super::folder::Folder;

/// The root and the folders below it down to one, all open.
pub(super) struct Branch {
    root: Folder,
    below: Vec<(String, Folder)>,
}

impl Branch {
    /// Opens the way to a folder; `None` when a part of it does not exist.
    ///
    /// Fails with `Unreachable` when the root does not exist, and with `Denied` at a link.
    pub(super) fn open(root: &Path, folder: &str) -> Result<Option<Branch>> {
        let mut branch = Branch::at(root)?;
        let mut path = root.to_path_buf();
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            path.push(name);
            match branch.last().enter(name) {
                Ok(next) => branch.below.push((name.into(), next)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => {
                    let entry = branch.last().entry(name).ok().flatten();
                    return match entry {
                        Some(entry) if entry.is_link => Err(link_in_the_way(&path)),
                        Some(entry) if !entry.is_folder => Ok(None),
                        _ => Err(explain("cannot open a folder", &path, error)),
                    };
                }
            }
        }
        Ok(Some(branch))
    }

    /// Opens the way to a folder, and makes what does not exist, the root too.
    pub(super) fn create(root: &Path, folder: &str) -> Result<Branch> {
        for _ in 0..ATTEMPTS {
            if let Some(branch) = Branch::try_create(root, folder)? {
                return Ok(branch);
            }
        }
        Err(Error::new(ErrorKind::Conflict, "a folder is removed again and again while it is being made")
            .context("path", root.join(folder).display())
            .retryable()
            .hint("let only cadangkan write to the storage"))
    }

    /// `None` when somebody removed a folder on the way meanwhile.
    fn try_create(root: &Path, folder: &str) -> Result<Option<Branch>> {
        create_root(root)?;
        let mut branch = Branch::at(root)?;
        let mut path = root.to_path_buf();
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            path.push(name);
            match enter_or_create(branch.last(), name) {
                Ok(next) => branch.below.push((name.into(), next)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => {
                    let entry = branch.last().entry(name).ok().flatten();
                    let is_link = entry.is_some_and(|entry| entry.is_link);
                    return Err(if is_link {
                        link_in_the_way(&path)
                    } else {
                        explain("cannot make a folder", &path, error)
                    });
                }
            }
        }
        Ok(Some(branch))
    }

    fn at(root: &Path) -> Result<Branch> {
        let folder = Folder::open(root).map_err(|error| {
            let missing = error.kind() == io::ErrorKind::NotFound;
            let error = explain("cannot open the folder of a storage", root, error);
            if missing { error.with_kind(ErrorKind::Unreachable).hint(missing_root(root)) } else { error }
        })?;
        Ok(Branch { root: folder, below: Vec::new() })
    }

    /// The folder that was asked for.
    pub(super) fn last(&self) -> &Folder {
        self.below.last().map_or(&self.root, |(_, folder)| folder)
    }

    /// The same, without the folders above it.
    pub(super) fn into_last(self) -> Folder {
        let Branch { root, mut below } = self;
        below.pop().map_or(root, |(_, folder)| folder)
    }

    /// Removes the folders that are empty, from the last one up; the root stays. An empty folder does no harm,
    /// so nothing is said when one cannot be removed.
    pub(super) fn prune(mut self) {
        while let Some((name, _)) = self.below.pop() {
            if self.last().remove_folder(&name).is_err() {
                return;
            }
        }
    }
}

/// How often a writer tries again: whoever removes the last object of a folder removes the folder too, and can do
/// so between any two calls of somebody who is about to use it.
pub(super) const ATTEMPTS: usize = 64;

fn enter_or_create(above: &Folder, name: &str) -> io::Result<Folder> {
    match above.enter(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            above.create_folder(name)?;
            above.enter(name)
        }
        entered => entered,
    }
}

/// Makes the root and what is missing above it, each durably.
fn create_root(root: &Path) -> Result<()> {
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut next = Some(root);
    while let Some(path) = next.filter(|path| !path.as_os_str().is_empty() && !exists(path)) {
        missing.push(path.to_path_buf());
        next = path.parent();
    }
    for path in missing.into_iter().rev() {
        let made = rustix::fs::mkdir(&path, rustix::fs::Mode::RWXU).map_err(io::Error::from);
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(explain("cannot make the folder of a storage", &path, error));
            }
            _ => {}
        }
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Folder::open(above)
            .and_then(|above| above.sync())
            .map_err(|error| explain("cannot bring a new folder to the disk", above, error))?;
    }
    Ok(())
}

/// Only what surely is not there counts as missing; other failures are told by whoever opens it.
fn exists(path: &Path) -> bool {
    !matches!(rustix::fs::stat(path), Err(rustix::io::Errno::NOENT))
}

fn missing_root(root: &Path) -> String {
    let at = root.display();
    format!("make sure that {at} is mounted and spelled right; `cadangkan test` makes a folder that is new")
}

fn link_in_the_way(path: &Path) -> Error {
    Error::new(ErrorKind::Denied, "a symbolic link stands where a folder of the storage should be")
        .context("path", path.display())
        .hint(
            "put a real folder there: links inside a storage are not followed, since they can lead out of it",
        )
}
