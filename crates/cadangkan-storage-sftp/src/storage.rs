//! The contract of a storage, kept by an SFTP server.

use std::io::Read;
use std::ops::Range;
use std::sync::Arc;

use cadangkan_core::{Error, ErrorKind, Leftover, Result};
use cadangkan_storage::{
    Key, ObjectInfo, PARTIAL, Space, Storage, StorageCapabilities, StorageWriter, WriteOptions, check_folder,
    partial_path,
};

use crate::pool::Pool;
use crate::probe;
use crate::reader::Reader;
use crate::session::Session;
use crate::settings::Settings;
use crate::walk;
use crate::writer::{Writer, info};

/// A folder of an SFTP server that keeps objects as files of mode 0600, in folders of mode 0700.
///
/// The folder itself is made by [`check`](Storage::check) and by the first write. Every other call fails with
/// `Unreachable` while it does not exist.
pub struct Sftp(Arc<Pool>);

impl Sftp {
    pub(crate) fn new(settings: Settings) -> Self {
        Sftp(Arc::new(Pool::new(settings)))
    }

    fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// Removes a file and then the folders that it leaves empty. What is no plain file is no object, and stays.
    fn remove(&self, place: &str) -> Result<()> {
        let path = self.settings().below(place);
        self.0.with(|session| {
            let cannot = |failure: crate::failure::Failure| failure.explain("cannot remove a file", &path);
            match session.look(&path).map_err(cannot)? {
                Some(found) if found.is_file() => {}
                Some(_) => return Ok(()),
                None => return walk::expect_root(session, self.settings()),
            }
            match session.remove(&path) {
                Err(failure) if !failure.is_missing() => return Err(cannot(failure)),
                _ => walk::prune(
                    session,
                    self.settings(),
                    place.rsplit_once('/').map_or("", |(above, _)| above),
                ),
            }
            Ok(())
        })
    }

    /// Opens a file; returns its handle and its size.
    fn open(&self, session: &mut Session, path: &str) -> Result<(Vec<u8>, u64)> {
        let cannot = |failure: crate::failure::Failure| failure.explain("cannot open an object", path);
        let missing = || Error::new(ErrorKind::NotFound, "no such object").context("path", path);
        let handle = match session.open(path) {
            Ok(handle) => handle,
            Err(failure) => {
                let error = cannot(failure);
                // Of a folder, or of something below a file, servers give various reasons.
                let there = session.look(path).map_err(cannot)?;
                if there.is_none() {
                    walk::expect_root(session, self.settings())?;
                }
                return Err(if there.is_some_and(|there| there.is_file()) { error } else { missing() });
            }
        };
        let found = session.look_at(&handle).map_err(cannot)?;
        match found.size {
            Some(size) if found.is_file() => Ok((handle, size)),
            _ => {
                session.close(&handle).map_err(cannot)?;
                Err(missing())
            }
        }
    }
}

impl Storage for Sftp {
    fn location(&self) -> String {
        self.settings().location()
    }

    fn capabilities(&self) -> StorageCapabilities {
        StorageCapabilities { atomic_create: true, local: false }
    }

    fn check(&self) -> Result<()> {
        self.0.with(|session| probe::check(session, self.settings()))
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        Ok(Box::new(Writer::begin(Arc::clone(&self.0), key, options)?))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let path = self.settings().below(key.as_str());
        let mut session = self.0.take()?;
        let (handle, size) = match self.open(&mut session, &path) {
            Ok(opened) => opened,
            Err(error) => {
                self.0.give(session);
                return Err(error);
            }
        };
        let range = range.unwrap_or(0..size);
        let end = range.end.min(size);
        let range = range.start.min(end)..end;
        Ok(Box::new(Reader::new(Arc::clone(&self.0), session, handle, path, range)))
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        let path = self.settings().below(key.as_str());
        self.0.with(|session| {
            let found =
                session.look(&path).map_err(|failure| failure.explain("cannot look at an object", &path))?;
            if found.is_none() {
                walk::expect_root(session, self.settings())?;
            }
            let found = found.filter(|found| found.is_file());
            Ok(found.and_then(|found| Some(info(key, found.size?, &found))))
        })
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        check_folder(prefix)?;
        let mut objects = Vec::new();
        self.0.with(|session| {
            walk::files(session, self.settings(), prefix, &mut |path, found| {
                // What is not a key was not put there by this program.
                if let (Ok(key), Some(size)) = (Key::new(path), found.size) {
                    objects.push(info(&key, size, found));
                }
            })
        })?;
        objects.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(objects)
    }

    fn delete(&self, key: &Key) -> Result<()> {
        self.remove(key.as_str())
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        check_folder(prefix)?;
        let mut leftovers = Vec::new();
        self.0.with(|session| {
            walk::files(session, self.settings(), prefix, &mut |path, found| {
                if path.ends_with(PARTIAL) {
                    let description = "unfinished file".into();
                    let size_bytes = found.size.unwrap_or_default();
                    leftovers.push(Leftover { location: path.into(), description, size_bytes });
                }
            })
        })?;
        leftovers.sort_unstable_by(|left, right| left.location.cmp(&right.location));
        Ok(leftovers)
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.remove(partial_path(leftover)?)
    }

    fn space(&self) -> Result<Option<Space>> {
        let path = &self.settings().path;
        self.0.with(|session| {
            walk::expect_root(session, self.settings())?;
            session.space(path).map_err(|failure| failure.explain("cannot ask for free space", path))
        })
    }
}
