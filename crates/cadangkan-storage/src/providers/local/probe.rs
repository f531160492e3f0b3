//! Tries a storage out.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;

use cadangkan_core::{Error, ErrorKind, Result};

use super::branch::Branch;
use super::failure::explain;
use super::folder::{Entry, Folder};
use super::partial;
use crate::PARTIAL;

const PROBE: &[u8] = b"cadangkan can write here";

/// A probe that is so many seconds older was left behind: a check takes no such time.
const LONGEST: i64 = 3600;

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
    removed
        .and_then(|()| remove_old(&folder, &file))
        .map_err(|error| explain("cannot remove files from the storage", root, error))?;
    if content == PROBE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, "the storage does not give back what was written to it")
        .context("path", root.display())
        .hint("look at the system's log (`dmesg`) and at the disk before you trust it with backups"))
}

/// Removes what checks that were killed left behind. How old that is, the new probe tells, by the clock of the same disk.
fn remove_old(folder: &Folder, probe: &File) -> std::io::Result<()> {
    let Some(now) = Entry::of(probe)?.modified else { return Ok(()) };
    for name in folder.names()?.iter().filter(|name| is_probe(name)) {
        let made = folder.entry(name)?.filter(|entry| entry.is_file).and_then(|entry| entry.modified);
        if made.is_some_and(|made| now.duration_since(made).as_secs() > LONGEST) {
            match folder.remove_file(name) {
                // It is another user's to remove.
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

fn is_probe(name: &str) -> bool {
    name.strip_prefix("to-").unwrap_or(name).starts_with("probe.") && name.ends_with(PARTIAL)
}

fn read_back(folder: &Folder, name: &str) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if let Some(mut file) = folder.open_file(name)? {
        file.rewind()?;
        file.read_to_end(&mut content)?;
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_killed_checks_left_goes_after_an_hour_and_nothing_else_does() {
        let place = tempfile::tempdir().unwrap();
        let make = |name: &str, minutes: u64| {
            let file = File::create(place.path().join(name)).unwrap();
            let now = file.metadata().unwrap().modified().unwrap();
            file.set_modified(now - Duration::from_secs(minutes * 60)).unwrap();
        };
        make("probe.17-1.partial", 61);
        make("to-probe.17-1.partial", 6100);
        make("probe.18-1.partial", 50);
        make("probe.txt", 6100);
        make("shop.17-1.partial", 6100);
        check(place.path()).unwrap();
        let mut left: Vec<_> =
            std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["probe.18-1.partial", "probe.txt", "shop.17-1.partial"]);
    }
}
