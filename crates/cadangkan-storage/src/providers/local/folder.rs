//! An open folder, and what can be done with the names in it.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use cadangkan_core::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::{Key, ObjectInfo};

/// A folder held open. Names are looked up in it, never on a path, and links are not followed: what is done
/// happens in this folder even when somebody moves it or puts a link in its place.
pub(super) struct Folder(OwnedFd);

/// What a name in a folder stands for.
pub(super) struct Entry {
    pub(super) is_file: bool,
    pub(super) is_folder: bool,
    pub(super) is_link: bool,
    pub(super) size: u64,
    pub(super) modified: Option<Timestamp>,
}

impl Entry {
    /// The object, if it is one: links, folders and devices are not.
    pub(super) fn object(&self, key: &Key) -> Option<ObjectInfo> {
        self.is_file.then(|| self.info(key))
    }

    /// What is told of a plain file.
    pub(super) fn info(&self, key: &Key) -> ObjectInfo {
        ObjectInfo { key: key.clone(), size: self.size, modified: self.modified }
    }

    /// Looks at an open file.
    pub(super) fn of(file: &File) -> io::Result<Entry> {
        Ok(entry(&rustix::fs::fstat(file)?))
    }
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

impl Folder {
    /// Opens a folder by its path; the only place where links are followed, since the root may be one.
    pub(super) fn open(path: &Path) -> io::Result<Folder> {
        Ok(Folder(rustix::fs::open(path, FOLDER, Mode::empty())?))
    }

    /// Opens a folder in this one.
    pub(super) fn enter(&self, name: &str) -> io::Result<Folder> {
        Ok(Folder(rustix::fs::openat(&self.0, name, FOLDER | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// Makes a folder in this one, durably, unless it exists.
    pub(super) fn create_folder(&self, name: &str) -> io::Result<()> {
        match rustix::fs::mkdirat(&self.0, name, Mode::RWXU) {
            Ok(()) => self.sync(),
            Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a file that does not exist yet, for writing and reading.
    pub(super) fn create_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Opens a file for reading; `None` when there is none, or when the name stands for something else.
    pub(super) fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        self.open_as(name, OFlags::RDONLY)
    }

    /// Opens a file alike, to write over what it holds.
    pub(super) fn open_to_overwrite(&self, name: &str) -> io::Result<Option<File>> {
        self.open_as(name, OFlags::WRONLY)
    }

    fn open_as(&self, name: &str, access: OFlags) -> io::Result<Option<File>> {
        // Without NONBLOCK, opening a named pipe would wait for the other side.
        let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT | Errno::LOOP | Errno::ISDIR | Errno::NXIO) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let is_file = file.metadata()?.is_file();
        Ok(is_file.then_some(file))
    }

    /// Looks at a name; `None` when it stands for nothing.
    pub(super) fn entry(&self, name: &str) -> io::Result<Option<Entry>> {
        match rustix::fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(entry(&stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// All names that are text; others were not made by this program.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            names.extend(entry?.file_name().to_str().ok().map(String::from));
        }
        Ok(names)
    }

    /// Gives a file another name, and replaces what had it.
    pub(super) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Gives a file another name, unless something has it: decided by the file system, so that of two at once
    /// one fails. The old name may stay when the process is killed in between.
    pub(super) fn rename_to_free(&self, from: &str, to: &str) -> io::Result<()> {
        match rustix::fs::linkat(&self.0, from, &self.0, to, AtFlags::empty()) {
            Ok(()) => self.remove_file(from),
            // No hard links here, as on FAT and on some network file systems.
            Err(Errno::PERM | Errno::NOTSUP | Errno::MLINK | Errno::NOSYS) => self.rename_exclusive(from, to),
            Err(error) => Err(error.into()),
        }
    }

    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    fn rename_exclusive(&self, from: &str, to: &str) -> io::Result<()> {
        use rustix::fs::RenameFlags;
        Ok(rustix::fs::renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE)?)
    }

    #[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
    fn rename_exclusive(&self, _from: &str, _to: &str) -> io::Result<()> {
        Err(Errno::NOTSUP.into())
    }

    /// Removes a file or a link. Done also when it is gone already.
    pub(super) fn remove_file(&self, name: &str) -> io::Result<()> {
        self.remove(name, AtFlags::empty())
    }

    /// Removes an empty folder; fails when something is in it.
    pub(super) fn remove_folder(&self, name: &str) -> io::Result<()> {
        self.remove(name, AtFlags::REMOVEDIR)
    }

    fn remove(&self, name: &str, flags: AtFlags) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.0, name, flags) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Brings the names themselves to the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        match rustix::fs::fsync(&self.0) {
            // Some network file systems know no fsync of a folder; their names are durable once acknowledged.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn entry(stat: &Stat) -> Entry {
    let kind = FileType::from_raw_mode(stat.st_mode);
    let nanoseconds = i32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    Entry {
        is_file: kind == FileType::RegularFile,
        is_folder: kind == FileType::Directory,
        is_link: kind == FileType::Symlink,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified: Timestamp::new(stat.st_mtime, nanoseconds).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(any(target_os = "linux", target_vendor = "apple"))]
    fn without_hard_links_a_taken_name_is_not_replaced_either() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        for name in ["new", "taken"] {
            std::fs::write(place.path().join(name), name).unwrap();
        }
        let error = folder.rename_exclusive("new", "taken").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(place.path().join("taken")).unwrap(), b"taken");
        folder.rename_exclusive("new", "free").unwrap();
        assert!(folder.entry("new").unwrap().is_none() && folder.entry("free").unwrap().is_some());
    }
}
