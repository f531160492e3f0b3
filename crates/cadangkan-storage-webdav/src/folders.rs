//! Files and folders on the server: looked at, listed, made.

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::is_path;

use crate::answers::{Entry, QUESTION, read};
use crate::client::{Client, Request};

/// So often a folder is made that somebody else removes meanwhile.
const ATTEMPTS: u32 = 20;

/// Looks at a place; `None` when there is nothing.
pub(crate) fn look(client: &Client, place: &str) -> Result<Option<Entry>> {
    let path = client.settings.below(place);
    match client.send(&question(if path.is_empty() { "/" } else { &path }, "0")) {
        Ok(answer) => Ok(read(&answer)?.into_iter().next()),
        // What stands above is a file.
        Err(failure) if matches!(failure.status, 404 | 409 | 410) => Ok(None),
        Err(failure) if failure.to_folder => Ok(Some(Entry::folder(path))),
        Err(failure) => Err(failure.into()),
    }
}

/// Looks at a file; fails with `Unreachable` when not even the storage's own folder is there.
pub(crate) fn look_at_file(client: &Client, place: &str) -> Result<Option<Entry>> {
    let found = look(client, place)?;
    if found.is_none() {
        expect_root(client)?;
    }
    Ok(found.filter(|found| !found.folder))
}

/// Fails with `Unreachable` when the storage's own folder is not there.
pub(crate) fn expect_root(client: &Client) -> Result<Entry> {
    if let Some(root) = look(client, "")?.filter(|root| root.folder) {
        return Ok(root);
    }
    Err(Error::new(ErrorKind::Unreachable, "the folder of a storage does not exist on the server")
        .context("url", client.settings.url(&client.settings.path))
        .hint("correct `address`; the first backup makes the folder, or `cadangkan test`"))
}

/// Calls `visit` with the path, relative to the root, of every file in a folder whose folders could be those of a key.
///
/// What vanishes meanwhile is left out; a folder that cannot be read is an error, since a list that lacks backups is
/// worse than none.
pub(crate) fn files(client: &Client, prefix: &str, visit: &mut dyn FnMut(&str, &Entry)) -> Result<()> {
    expect_root(client)?;
    let mut folders = vec![prefix.to_owned()];
    while let Some(folder) = folders.pop() {
        let own = client.settings.below(&folder);
        let answer = match client.send(&question(&format!("{own}/"), "1")) {
            Err(failure) if matches!(failure.status, 404 | 409 | 410) && !folder.is_empty() => continue,
            answered => answered?,
        };
        for entry in read(&answer)? {
            if entry.path == own {
                continue;
            }
            let name = entry.path.strip_prefix(&own).and_then(|rest| rest.strip_prefix('/'));
            let Some(name) = name.filter(|name| !name.contains('/')) else {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "the server lists a folder under another path",
                )
                .context("asked", &own)
                .context("answered", entry.path.escape_debug())
                .hint("let `address` be the path that the server itself uses; a proxy may have changed it"));
            };
            let path = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            match (is_path(&path), entry.folder) {
                (true, true) => folders.push(path),
                (true, false) => visit(&path, &entry),
                (false, _) => {}
            }
        }
    }
    Ok(())
}

/// Makes a folder below the root and all above it that are missing, the root too.
pub(crate) fn make(client: &Client, folder: &str) -> Result<()> {
    let whole = client.settings.below(folder);
    let mut missing = vec![whole.as_str()];
    let mut attempts = 0;
    while let Some(path) = missing.last().copied().filter(|path| !path.is_empty()) {
        match client.send(&Request::new("MKCOL", format!("{path}/"))) {
            // It is there already, or somebody else was quicker.
            Err(failure) if failure.status == 405 => drop(missing.pop()),
            Err(failure) if matches!(failure.status, 404 | 409) && attempts < ATTEMPTS => {
                let Some((above, _)) = path.rsplit_once('/').filter(|(above, _)| !above.is_empty()) else {
                    return Err(failure.into());
                };
                // Made above once already, and gone again.
                attempts += u32::from(missing.contains(&above));
                missing.push(above);
            }
            made => {
                made?;
                missing.pop();
            }
        }
    }
    Ok(())
}

/// Removes a file. Done also when there is none.
///
/// Never for a folder: DELETE takes all that is in it, so that even one that was seen empty may not be by then. So
/// folders that are empty stay.
pub(crate) fn remove(client: &Client, place: &str) -> Result<()> {
    match client.send(&Request::new("DELETE", client.settings.below(place))) {
        Err(failure) if !matches!(failure.status, 404 | 410) => Err(failure.into()),
        _ => Ok(()),
    }
}

fn question(path: &str, depth: &'static str) -> Request<'static> {
    Request::new("PROPFIND", path)
        .header("depth", depth)
        .header("content-type", "application/xml; charset=utf-8")
        .body(QUESTION)
}
