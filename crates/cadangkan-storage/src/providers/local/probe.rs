//! Tries a storage out.

use std::io::{Read, Seek, Write};
use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};

use super::branch::Branch;
use super::failure::explain;
use super::folder::Folder;
use super::partial;

const PROBE: &[u8] = b"cadangkan can write here";

/// Makes the root, then writes, renames, reads back and removes a small file in it. Its name is always that of an
/// unfinished file, so that a probe that is killed leaves nothing that looks like an object.
pub(super) fn check(root: &Path) -> Result<()> {
    let folder = Branch::create(root, "")?.into_last();
    let (name, mut file) = partial::create(&folder, "probe")
        .map_err(|error| explain("cannot write to the storage", root, error))?;
    let other_name = format!("to-{name}");
    let tried = file
        .write_all(PROBE)
        .and_then(|()| file.sync_all())
        .and_then(|()| folder.rename_to_free(&name, &other_name))
        .and_then(|()| folder.sync())
        .and_then(|()| read_back(&folder, &other_name));
    let removed = folder.remove_file(&name).and(folder.remove_file(&other_name));
    let content = tried.map_err(|error| explain("cannot write to the storage", root, error))?;
    removed.map_err(|error| explain("cannot remove files from the storage", root, error))?;
    if content == PROBE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, "the storage does not give back what was written to it")
        .context("path", root.display())
        .hint("look at the system's log (`dmesg`) and at the disk before you trust it with backups"))
}

fn read_back(folder: &Folder, name: &str) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if let Some(mut file) = folder.open_file(name)? {
        file.rewind()?;
        file.read_to_end(&mut content)?;
    }
    Ok(content)
}
