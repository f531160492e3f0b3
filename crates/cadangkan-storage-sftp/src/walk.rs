//! Folders on the server: looked through, made, and removed when they are empty.

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::is_path;

use crate::failure::Failure;
use crate::packet::Attributes;
use crate::session::Session;
use crate::settings::Settings;

/// Made by file systems at their own root, and closed to all but the administrator.
const LOST_AND_FOUND: &str = "lost+found";

/// Calls `visit` with the path, relative to the root, of every plain file whose folders could be those of a key.
///
/// Links are not followed. What vanishes meanwhile is left out; a folder that cannot be read is an error, since a list
/// that lacks backups is worse than none.
pub(crate) fn files(
    session: &mut Session,
    settings: &Settings,
    prefix: &str,
    visit: &mut dyn FnMut(&str, &Attributes),
) -> Result<()> {
    expect_root(session, settings)?;
    let mut folders = Vec::new();
    if prefix.is_empty() || is_folder(session, settings, prefix)? {
        folders.push(prefix.to_owned());
    }
    while let Some(folder) = folders.pop() {
        let place = settings.below(&folder);
        let entries = match session.entries(&place) {
            Err(failure) if failure.is_missing() && !folder.is_empty() => continue,
            listed => listed.map_err(|failure| failure.explain("cannot list a folder", &place))?,
        };
        for entry in entries {
            let Some(name) = entry.name else { continue };
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if !is_path(&path) || path == LOST_AND_FOUND {
                continue;
            }
            if entry.attributes.is_file() {
                visit(&path, &entry.attributes);
            } else if entry.attributes.is_folder() {
                folders.push(path);
            }
        }
    }
    Ok(())
}

/// Tells whether a path is a folder, and none on the way to it a link.
fn is_folder(session: &mut Session, settings: &Settings, path: &str) -> Result<bool> {
    let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
    for end in ends {
        let place = settings.below(path.get(..end).unwrap_or(path));
        let found =
            session.look(&place).map_err(|failure| failure.explain("cannot look at a folder", &place))?;
        if !found.is_some_and(|found| found.is_folder()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Fails with `Unreachable` when the storage's own folder is not there.
pub(crate) fn expect_root(session: &mut Session, settings: &Settings) -> Result<()> {
    let path = &settings.path;
    // Behind the slash a link that is the folder itself is followed.
    let found = session
        .look(&format!("{path}/"))
        .map_err(|failure| failure.explain("cannot look at a folder", path))?;
    if found.is_some() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Unreachable, "the folder of a storage does not exist on the server")
        .context("path", path)
        .hint("see whether what belongs there is mounted; the first backup makes the folder, or `cadangkan test`"))
}

/// How often a folder is made that others remove as soon as it is empty; not often, since a full disk is told by no other
/// word.
const ATTEMPTS: u32 = 20;

/// Makes a folder below the root and all above it, the root too. Done also when they are there.
pub(crate) fn make(session: &mut Session, settings: &Settings, folder: &str) -> Result<()> {
    let whole = settings.below(folder);
    let ends = whole.match_indices('/').map(|(end, _)| end).filter(|end| *end > 0).chain([whole.len()]);
    for end in ends {
        make_one(session, whole.get(..end).unwrap_or(&whole))?;
    }
    Ok(())
}

fn make_one(session: &mut Session, path: &str) -> Result<()> {
    let mut made = 1;
    while let Err(failure) = session.make_folder(path) {
        // Version 3 of the protocol does not say why: it may be there already, which somebody else may have seen to.
        let there = match failure {
            Failure::Broken(_) => None,
            Failure::Status { .. } => session
                .look(&format!("{path}/"))
                .map_err(|failure| failure.explain("cannot look at a folder", path))?,
        };
        match there {
            Some(there) if there.is_folder() => break,
            // It was there, and somebody removed it before we looked.
            None if failure.says_nothing() && made < ATTEMPTS => made += 1,
            _ => return Err(failure.explain("cannot make a folder", path)),
        }
    }
    Ok(())
}

/// Removes the folders that are empty, from this one up; the root stays. An empty folder does no harm, so failures
/// do not count.
pub(crate) fn prune(session: &mut Session, settings: &Settings, folder: &str) {
    let mut folder = folder;
    while !folder.is_empty() && session.remove_folder(&settings.below(folder)).is_ok() {
        folder = folder.rsplit_once('/').map_or("", |(above, _)| above);
    }
}
