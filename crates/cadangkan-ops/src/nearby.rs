//! Archives of storages elsewhere, brought to this machine before they are read, or kept here for the next time.
//!
//! A file is named by the SHA-256 of the archive, and holds its stored bytes: what is encrypted there is encrypted here.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cadangkan_archive::{Checksum, ChecksumHasher};
use cadangkan_core::{Control, Error, ErrorKind, Event, Leftover, Level, Progress, Result, format_bytes};
use cadangkan_storage::{Key, Local, Storage as _};

use crate::Context;
use crate::lock::create_private_folder;
use crate::source::{FarArchive, Source};

/// How a file ends that is not whole yet.
const PARTIAL: &str = "partial";

/// Bytes that are read and written at once.
const PIECE_BYTES: usize = 1 << 20;

/// A folder of archives on this machine.
#[derive(Clone, Debug)]
pub struct Nearby {
    folder: PathBuf,
    /// The most bytes that stay; none where each archive goes when it was used.
    most: Option<u64>,
}

impl Nearby {
    /// Keeps archives for the next time, at most so many bytes of them: what was used least lately goes first.
    ///
    /// When it cannot be used, a restore goes on without it.
    pub fn cache(folder: PathBuf, most: u64) -> Self {
        Nearby { folder, most: Some(most) }
    }

    /// Keeps an archive until [`end`](Nearby::end), whatever its size.
    pub fn stage(folder: PathBuf) -> Self {
        Nearby { folder, most: None }
    }

    /// Lets a source read its archive from here: the file that is here already, when it is what it was, else one that is
    /// fetched. A cache fetches only what will be read `whole`.
    ///
    /// What was fetched when it was stopped stays, and is the begin of the next try. Fails with `DamagedBackup` when
    /// the storage's copy is not what its manifest says.
    pub fn bring(&self, context: &Context<'_>, source: &mut Source<'_>, whole: bool) -> Result<()> {
        let brought = source.far_archive().map_or(Ok(None), |archive| self.file(context, &archive, whole));
        match brought {
            Ok(file) => source.read_nearby(file),
            Err(error) if self.most.is_some() && is_of_the_cache(&error) => {
                let text = format!("the cache is not used: {error}");
                context.control.message(Level::Warning, &text);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Removes what was only brought for once.
    pub fn end(&self, source: &Source<'_>) -> Result<()> {
        match source.far_archive() {
            Some(archive) if self.most.is_none() => remove(&self.path(&archive)),
            _ => Ok(()),
        }
    }

    /// What restores that were stopped left here of the archives that are meant; not what is just being fetched.
    pub fn leftovers(&self, is_meant: impl Fn(Checksum) -> Result<bool>) -> Result<Vec<Leftover>> {
        if !self.folder.exists() {
            return Ok(Vec::new());
        }
        let mut leftovers = Vec::new();
        for (_, size_bytes, path) in self.entries(Path::new(""))? {
            if checksum_in(&path).map(&is_meant).transpose()?.unwrap_or_default() {
                let description =
                    "archive that a restore with --stage was fetching or reading when it was stopped".into();
                leftovers.push(Leftover { location: path.display().to_string(), description, size_bytes });
            }
        }
        leftovers.sort_unstable_by(|left, right| left.location.cmp(&right.location));
        Ok(leftovers)
    }

    /// Removes one of these. Done also when it is gone already.
    pub fn discard(&self, leftover: &Leftover) -> Result<()> {
        let path = Path::new(&leftover.location);
        match path.parent() == Some(self.folder.as_path()) && checksum_in(path).is_some() {
            true => remove(path),
            false => Err(Error::new(ErrorKind::Usage, "not a leftover of this folder")
                .context("location", leftover.location.escape_debug())),
        }
    }

    /// Overwrites and removes what is kept of an archive, whole or not.
    pub fn shred(&self, checksum: Checksum) -> Result<()> {
        let name = checksum.to_string().replace(':', "-");
        let (path, key) = (self.folder.join(&name), Key::new(name)?);
        if !self.folder.exists() {
            return Ok(());
        }
        let storage = Local::new(&self.folder);
        storage.shred(&key)?;
        let partial = path.with_extension(PARTIAL);
        match std::fs::rename(&partial, &path) {
            Ok(()) => storage.shred(&key),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("cannot rename a file", &partial, error)),
        }
    }

    /// Where the archive of a source is kept, for people; none where it is read in its place.
    pub fn kept(&self, source: &Source<'_>) -> Option<PathBuf> {
        source.far_archive().map(|archive| self.path(&archive)).filter(|path| path.exists())
    }

    fn path(&self, archive: &FarArchive<'_>) -> PathBuf {
        self.folder.join(archive.checksum.to_string().replace(':', "-"))
    }

    fn file(&self, context: &Context<'_>, archive: &FarArchive<'_>, whole: bool) -> Result<Option<File>> {
        let (control, path) = (&context.control, self.path(archive));
        if let Some(file) = self.find(control, archive, &path)? {
            return Ok(Some(file));
        }
        if self.most.is_some_and(|most| !whole || archive.size > most) {
            return Ok(None);
        }
        create_private_folder(&self.folder)?;
        let partial = path.with_extension(PARTIAL);
        let mut file =
            open(OpenOptions::new().read(true).write(true).create(true).truncate(false), &partial)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(being_fetched(&partial)),
            Err(TryLockError::Error(error)) => return Err(failed("cannot lock a file", &partial, error)),
        }
        // Whoever had the lock may have brought it.
        if let Some(file) = self.find(control, archive, &path)? {
            return Ok(Some(file));
        }
        control.step("fetch the archive");
        self.make_room(archive, &file, &path)?;
        fetch(control, archive, &mut file, &partial)?;
        std::fs::rename(&partial, &path).map_err(|error| failed("cannot rename a file", &partial, error))?;
        Ok(Some(file))
    }

    /// The file that is here, read and compared. One that is something else is removed.
    fn find(&self, control: &Control<'_>, archive: &FarArchive<'_>, path: &Path) -> Result<Option<File>> {
        let mut file = match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("cannot open a file", path, error)),
        };
        control.step("check the archive on this machine");
        let mut hasher = ChecksumHasher::new();
        let length = read_on(&mut file, &mut hasher, archive.size, control, path)?;
        let more = file.read(&mut [0; 1]).map_err(|error| failed("cannot read a file", path, error))?;
        if (length, more) == (archive.size, 0) && hasher.finish() == archive.checksum {
            // Says when it was used last; what cannot be noted only goes earlier.
            let _ = file.set_modified(SystemTime::from(control.clock.now()));
            return Ok(Some(file));
        }
        let text = "an archive that was kept on this machine is damaged; it is fetched again";
        control.message(Level::Warning, text);
        remove(path)?;
        Ok(None)
    }

    /// Removes what was used least lately until the archive fits, and makes sure that the disk has room.
    fn make_room(&self, archive: &FarArchive<'_>, partial: &File, path: &Path) -> Result<()> {
        if let Some(most) = self.most {
            let mut all = self.entries(path)?;
            all.sort_by_key(|(used, _, _)| *used);
            let mut size: u64 = all.iter().map(|(_, size, _)| size).sum();
            for (_, bytes, path) in all {
                if size.saturating_add(archive.size) <= most {
                    break;
                }
                remove(&path)?;
                size = size.saturating_sub(bytes);
            }
        }
        let have = partial.metadata().map_or(0, |metadata| metadata.len());
        let needed = archive.size.saturating_sub(have);
        let space = Local::new(&self.folder).space()?;
        let Some(space) = space.filter(|space| space.available < needed) else { return Ok(()) };
        let free = format_bytes(space.available);
        Err(Error::new(
            ErrorKind::NoSpace,
            format!("too little space for the archive: {} are needed, {free} are free", format_bytes(needed)),
        )
        .context("folder", self.folder.display())
        .hint("name another folder, or let the archive be read from its storage"))
    }

    /// What is here besides one archive: when it was used, its size, its path. What is just being fetched is left out.
    fn entries(&self, but: &Path) -> Result<Vec<(SystemTime, u64, PathBuf)>> {
        let unreadable = |error| failed("cannot look into a folder", &self.folder, error);
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if checksum_in(&path).is_none() || path.with_extension("") == but {
                continue;
            }
            let Ok(metadata) = path.metadata() else { continue };
            let busy = path.extension().is_some()
                && File::open(&path)
                    .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
            if !busy {
                let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                all.push((used, metadata.len(), path));
            }
        }
        Ok(all)
    }
}

/// Brings what is missing of an archive. Where the begin that was there turns out to be something else, all of it.
fn fetch(control: &Control<'_>, archive: &FarArchive<'_>, file: &mut File, path: &Path) -> Result<()> {
    loop {
        let length = file.metadata().map_err(|error| failed("cannot look at a file", path, error))?.len();
        let resumed = (1..=archive.size).contains(&length);
        if !resumed {
            empty(file, path)?;
        }
        let mut hasher = ChecksumHasher::new();
        let have = read_on(file, &mut hasher, archive.size, control, path)?;
        let length = have + append(control, archive, have, file, &mut hasher, path)?;
        if length == archive.size && hasher.finish() == archive.checksum {
            return Ok(());
        }
        if !resumed {
            remove(path)?;
            let message = "the archive is not what its manifest says";
            return Err(Error::new(ErrorKind::DamagedBackup, message)
                .context("archive", &archive.location)
                .hint("restore from another backup or from another storage; this one cannot be trusted"));
        }
        control.message(Level::Warning, "what was fetched earlier does not fit; the archive is fetched anew");
        empty(file, path)?;
    }
}

/// Appends what the storage has from a place on; returns how much that was.
fn append(
    control: &Control<'_>,
    archive: &FarArchive<'_>,
    from: u64,
    file: &mut File,
    hasher: &mut ChecksumHasher,
    path: &Path,
) -> Result<u64> {
    if from >= archive.size {
        return Ok(0);
    }
    let mut reader = archive.place.storage.read(archive.key, Some(from..archive.size))?;
    let (mut buffer, mut bytes) = (vec![0; PIECE_BYTES], 0);
    loop {
        control.check()?;
        let count = reader.read(&mut buffer).map_err(|error| {
            Error::io("cannot read the archive", error)
                .context("archive", &archive.location)
                .hint("the same command goes on where this one stopped")
        })?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { return Ok(bytes) };
        hasher.update(piece);
        file.write_all(piece).map_err(|error| failed("cannot write a file", path, error))?;
        bytes += count as u64;
        let total_bytes = Some(archive.size);
        let progress = Progress { bytes: from + bytes, total_bytes, ..Progress::default() };
        control.reporter.report(&Event::Progress(progress));
    }
}

/// Reads a file from its begin, at most so many bytes, and stays behind them.
fn read_on(
    file: &mut File,
    hasher: &mut ChecksumHasher,
    most: u64,
    control: &Control<'_>,
    path: &Path,
) -> Result<u64> {
    let unreadable = |error| failed("cannot read a file", path, error);
    file.seek(SeekFrom::Start(0)).map_err(unreadable)?;
    let (mut reader, mut buffer, mut bytes) = (file.take(most), vec![0; PIECE_BYTES], 0);
    loop {
        control.check()?;
        let count = reader.read(&mut buffer).map_err(unreadable)?;
        let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { return Ok(bytes) };
        hasher.update(piece);
        bytes += count as u64;
    }
}

/// The archive that a file is of, by its name; none when it is not ours.
fn checksum_in(path: &Path) -> Option<Checksum> {
    let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    name.replacen('-', ":", 1).parse().ok()
}

fn empty(file: &mut File, path: &Path) -> Result<()> {
    file.set_len(0).map_err(|error| failed("cannot empty a file", path, error))
}

fn open(options: &mut OpenOptions, path: &Path) -> Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path).map_err(|error| failed("cannot make a file", path, error))
}

fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(failed("cannot remove a file", path, error))
        }
        _ => Ok(()),
    }
}

fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
    Error::io(what, error).context("path", path.display())
}

fn being_fetched(path: &Path) -> Error {
    Error::new(ErrorKind::Locked, "another run is fetching this archive")
        .context("path", path.display())
        .hint("wait until it ends, or name another folder")
}

/// Whether a restore may do without the cache: what is wrong is neither the backup nor that somebody asked to stop.
fn is_of_the_cache(error: &Error) -> bool {
    !matches!(error.kind(), ErrorKind::Cancelled | ErrorKind::DamagedBackup)
}

/// A range of a file that others may remove meanwhile.
pub(crate) struct FileRange {
    pub(crate) file: Arc<File>,
    pub(crate) range: std::ops::Range<u64>,
}

impl Read for FileRange {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = self.range.end.saturating_sub(self.range.start);
        let wanted = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        let count = std::os::unix::fs::FileExt::read_at(self.file.as_ref(), buffer, self.range.start)?;
        self.range.start += count as u64;
        Ok(count)
    }
}
