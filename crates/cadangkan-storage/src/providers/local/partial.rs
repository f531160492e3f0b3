//! Names of files that are not finished.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use super::folder::Folder;
use crate::key::partial_name;

/// Tells the writers of this process apart. Those of other processes differ in the process id, and those of
/// other machines that share the folder are found by the file system.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// Makes a new file called `<final name>.<process>-<number>.partial`; the final name is cut when that is too long.
pub(super) fn create(folder: &Folder, final_name: &str) -> io::Result<(String, File)> {
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = name(final_name, std::process::id(), number);
        match folder.create_file(&name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return Ok((name, file)),
        }
    }
}

fn name(final_name: &str, process: u32, number: u64) -> String {
    partial_name(final_name, &format!("{process}-{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_file_of_the_same_name_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        let next = NEXT.load(Ordering::Relaxed);
        for number in next..next + 50 {
            std::fs::write(place.path().join(name("a", std::process::id(), number)), "old").unwrap();
        }
        let (name, _file) = create(&folder, "a").unwrap();
        assert_eq!(std::fs::metadata(place.path().join(name)).unwrap().len(), 0);
    }
}
