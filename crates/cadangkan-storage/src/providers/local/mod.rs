//! A folder of this machine, or of whatever is mounted there.
//!
//! An object is a file. It is written beside its place under a name that ends in `.partial`, brought to the disk,
//! and then given its name. Links below the root are never followed, so that neither a key nor a listing can
//! leave the root, whoever else may write there.

mod branch;
mod failure;
mod flusher;
mod folder;
mod partial;
mod probe;
mod shred;
mod space;
mod walk;
mod writer;

use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use cadangkan_core::settings::{self, Field, FieldKind, SettingsError};
use cadangkan_core::{Error, ErrorKind, Leftover, Result};
use serde_json::{Value, json};

use crate::key::{PARTIAL, check_folder, partial_path};
use crate::{
    Key, ObjectInfo, Space, Storage, StorageCapabilities, StorageDescriptor, StorageWriter, WriteOptions,
};
use branch::Branch;
use failure::explain;
use writer::LocalWriter;

/// Backups in a local folder.
pub static LOCAL: StorageDescriptor = StorageDescriptor {
    id: "local",
    display_name: "Local folder",
    fields: &[Field {
        name: "path",
        kind: FieldKind::Path,
        required: true,
        default: None,
        help: "The folder that keeps the backups; made when it does not exist",
    }],
    open,
    parse_url,
};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    path: PathBuf,
}

fn open(settings: &Value) -> Result<Box<dyn Storage>, SettingsError> {
    let config: Config = settings::parse(settings)?;
    if config.path.as_os_str().is_empty() {
        return Err(SettingsError { path: vec!["path".into()], message: "the path is empty".into() });
    }
    Ok(Box::new(Local::new(config.path)))
}

/// Takes `file:///folder`, and paths: those with a `/` in them, and those that begin with `.` or `~`.
fn parse_url(text: &str) -> Option<Result<Value, SettingsError>> {
    let path = match text.strip_prefix("file:") {
        Some(rest) => match rest.strip_prefix("//").unwrap_or(rest) {
            path if path.starts_with('/') => path,
            _ => return Some(Err(settings::mistake("path", "a folder has no host: write `file:///folder`"))),
        },
        None if text.contains("://") => return None,
        // rclone's way to write a place, perhaps with a password: `./` before it makes a path of it.
        None if text.split('/').next().is_some_and(|first| first.contains(':')) => return None,
        None if text.contains('/') || text.starts_with(['.', '~']) => text,
        None => return None,
    };
    Some(Ok(json!({ "path": path })))
}

/// A folder that keeps objects as files of mode 0600, in folders of mode 0700.
///
/// The folder itself is made by [`check`](Storage::check) and by the first write. Every other call fails with
/// `Unreachable` while it does not exist: a disk that is not mounted must not look like one without backups.
#[derive(Clone, Debug)]
pub struct Local {
    root: PathBuf,
}

impl Local {
    /// Names the folder, without touching it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Local { root: path.into() }
    }

    fn path_of(&self, key: &str) -> PathBuf {
        self.root.join(Path::new(key))
    }
}

impl Storage for Local {
    fn location(&self) -> String {
        self.root.display().to_string()
    }

    fn capabilities(&self) -> StorageCapabilities {
        StorageCapabilities { atomic_create: true, local: true }
    }

    fn check(&self) -> Result<()> {
        probe::check(&self.root)
    }

    fn begin_write(&self, key: &Key, options: WriteOptions) -> Result<Box<dyn StorageWriter>> {
        Ok(Box::new(LocalWriter::begin(&self.root, key, options)?))
    }

    fn read(&self, key: &Key, range: Option<Range<u64>>) -> Result<Box<dyn Read + Send>> {
        let path = self.path_of(key.as_str());
        let missing = || Error::new(ErrorKind::NotFound, "no such object").context("path", path.display());
        let branch = Branch::open(&self.root, key.folder())?.ok_or_else(missing)?;
        let folder = branch.last();
        let file = match folder.open_file(key.file_name()) {
            Ok(Some(file)) => file,
            Ok(None) => return Err(missing()),
            Err(error) => return Err(explain("cannot open an object", &path, error)),
        };
        let Some(range) = range else { return Ok(Box::new(file)) };
        let mut reader = file;
        // A file system refuses places far beyond the end, so the range is cut before it is sought.
        let start = reader.metadata().map(|metadata| range.start.min(metadata.len()));
        start
            .and_then(|start| reader.seek(SeekFrom::Start(start)))
            .map_err(|error| explain("cannot read from a place in an object", &path, error))?;
        Ok(Box::new(reader.take(range.end.saturating_sub(range.start))))
    }

    fn stat(&self, key: &Key) -> Result<Option<ObjectInfo>> {
        let Some(branch) = Branch::open(&self.root, key.folder())? else { return Ok(None) };
        let entry = branch
            .last()
            .entry(key.file_name())
            .map_err(|error| explain("cannot look at an object", &self.path_of(key.as_str()), error))?;
        Ok(entry.and_then(|entry| entry.object(key)))
    }

    fn list(&self, prefix: &str) -> Result<Vec<ObjectInfo>> {
        check_folder(prefix)?;
        let mut objects = Vec::new();
        walk::files(&self.root, prefix, &mut |path, entry| {
            // What is not a key was not put there by this program.
            objects.extend(Key::new(path).ok().and_then(|key| entry.object(&key)));
        })?;
        objects.sort_unstable_by(|left, right| left.key.cmp(&right.key));
        Ok(objects)
    }

    fn delete(&self, key: &Key) -> Result<()> {
        self.remove(key.as_str())
    }

    fn shred(&self, key: &Key) -> Result<()> {
        if let Some(branch) = Branch::open(&self.root, key.folder())? {
            let overwritten = shred::overwrite(branch.last(), key.file_name());
            overwritten
                .map_err(|error| explain("cannot overwrite an object", &self.path_of(key.as_str()), error))?;
        }
        self.delete(key)
    }

    fn about_shredding(&self) -> String {
        shred::about(&self.root)
    }

    fn leftovers(&self, prefix: &str) -> Result<Vec<Leftover>> {
        check_folder(prefix)?;
        let mut leftovers = Vec::new();
        walk::files(&self.root, prefix, &mut |path, entry| {
            if path.ends_with(PARTIAL) {
                let description = "unfinished file".into();
                leftovers.push(Leftover { location: path.into(), description, size_bytes: entry.size });
            }
        })?;
        leftovers.sort_unstable_by(|left, right| left.location.cmp(&right.location));
        Ok(leftovers)
    }

    fn discard(&self, leftover: &Leftover) -> Result<()> {
        self.remove(partial_path(leftover)?)
    }

    fn space(&self) -> Result<Option<Space>> {
        space::of(&self.root).map(Some)
    }

    fn local_path(&self, key: &Key) -> Option<PathBuf> {
        Some(self.path_of(key.as_str()))
    }
}

impl Local {
    /// Removes a file and then the folders that it leaves empty. What is no plain file is no object, and stays.
    fn remove(&self, path: &str) -> Result<()> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(branch) = Branch::open(&self.root, above)? else { return Ok(()) };
        let folder = branch.last();
        let removed = match folder.entry(name) {
            Ok(Some(entry)) if entry.is_file => folder.remove_file(name).and_then(|()| folder.sync()),
            Ok(_) => return Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|error| explain("cannot remove a file", &self.path_of(path), error))?;
        branch.prune();
        Ok(())
    }
}
