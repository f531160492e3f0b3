//! Looks at all files below a folder.

use std::path::Path;

use cadangkan_core::Result;

use super::branch::Branch;
use super::failure::explain;
use super::folder::Entry;
use crate::key::is_path;

/// Made by file systems at their own root, and closed to all but the administrator.
const LOST_AND_FOUND: &str = "lost+found";

/// Calls `visit` with the path, relative to the root, of every plain file whose folders could be those of a key.
///
/// Links are not followed. What vanishes meanwhile is left out; a folder that cannot be read is an error, since
/// a list that lacks backups is worse than none. At any time one branch of folders is open.
pub(super) fn files(root: &Path, prefix: &str, visit: &mut dyn FnMut(&str, &Entry)) -> Result<()> {
    let mut folders = vec![String::from(prefix)];
    while let Some(folder) = folders.pop() {
        let Some(branch) = Branch::open(root, &folder)? else { continue };
        let at = |name: &str| root.join(&folder).join(name);
        let names = branch
            .last()
            .names()
            .map_err(|error| explain("cannot list a folder", &root.join(&folder), error))?;
        for name in names {
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if !is_path(&path) || path == LOST_AND_FOUND {
                continue;
            }
            let entry = branch
                .last()
                .entry(&name)
                .map_err(|error| explain("cannot look at a file", &at(&name), error))?;
            match entry {
                Some(entry) if entry.is_file => visit(&path, &entry),
                Some(entry) if entry.is_folder => folders.push(path),
                _ => {}
            }
        }
    }
    Ok(())
}
