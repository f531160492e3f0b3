//! Files of a backup that lie beside its archive, whatever they are to its engine.

use cadangkan_archive::{Checksum, FileRole, MAX_SIDE_FILE, Manifest, SideFileInfo};
use cadangkan_core::{Error, ErrorKind, Result, ResultExt};
use cadangkan_engine::{Descriptor, DumpOptions, LoadOptions, SideFile, SideKind, Users};
use cadangkan_storage::Key;
use serde_json::Map;

use crate::Place;
use crate::encrypt::Sealing;
use crate::naming::side_key;
use crate::source::read_limited;

/// A side file, and where it goes.
pub(crate) struct BesideArchive {
    pub(crate) key: Key,
    pub(crate) file: SideFile,
}

impl BesideArchive {
    /// Names what the engine gave, and encrypts it where the backup is; `extension` is the archive's.
    pub(crate) fn name(
        archive: &Key,
        extension: &str,
        files: Vec<SideFile>,
        sealing: Option<&Sealing<'_>>,
    ) -> Result<Vec<Self>> {
        files
            .into_iter()
            .map(|mut file| {
                if file.bytes.len() > MAX_SIDE_FILE {
                    return Err(Error::new(ErrorKind::Unsupported, "a side file is longer than 64 MiB")
                        .context("file", file.kind.word));
                }
                if let Some(sealing) = sealing {
                    file.bytes = sealing.envelope.seal(FileRole::Side(file.kind.word), &file.bytes)?;
                }
                Ok(BesideArchive { key: side_key(archive, extension, file.kind.ending)?, file })
            })
            .collect()
    }

    /// What the manifest says of it.
    pub(crate) fn info(&self) -> SideFileInfo {
        SideFileInfo {
            kind: self.file.kind.word.to_owned(),
            file: self.key.file_name().to_owned(),
            size_bytes: self.file.bytes.len() as u64,
            checksum: Checksum::of(&self.file.bytes),
            other: Map::new(),
        }
    }
}

/// Refuses a wish for what an engine has not.
pub(crate) fn refuse_unknown(engine: &Descriptor, options: &DumpOptions) -> Result<()> {
    if options.users == Users::Required {
        check_kind(engine, SideKind::USERS.word, without_users(engine))?;
    }
    if options.capture_position {
        check_kind(engine, SideKind::POSITION, "leave --capture-gtid out")?;
    }
    Ok(())
}

/// The same for a restore.
pub(crate) fn refuse_unknown_load(engine: &Descriptor, options: &LoadOptions) -> Result<()> {
    options.side_files().iter().try_for_each(|word| check_kind(engine, word, without_users(engine)))?;
    if options.adopt_position {
        check_kind(engine, SideKind::POSITION, "leave --gtid-purged out")?;
    }
    Ok(())
}

fn without_users(engine: &Descriptor) -> &'static str {
    match engine.capabilities.many_databases {
        true => "leave --users out; what a server has besides databases comes with --globals",
        false => "leave --users out",
    }
}

fn check_kind(engine: &Descriptor, word: &str, hint: &str) -> Result<()> {
    if engine.side_files.iter().any(|kind| kind.word == word) {
        return Ok(());
    }
    let message = format!("{} keeps no {word} beside a backup", engine.display_name);
    Err(Error::new(ErrorKind::Unsupported, message).hint(hint))
}

/// The keys of a backup's side files.
pub(crate) fn keys(archive: &Key, manifest: &Manifest) -> Result<Vec<Key>> {
    manifest.side_files.iter().map(|side| archive.sibling(&side.file)).collect()
}

/// Reads a side file whole.
pub(crate) fn read(place: Place<'_>, key: &Key) -> Result<Vec<u8>> {
    let read = || read_limited(place.storage.read(key, None)?, MAX_SIDE_FILE);
    read().context("key", key).context("storage", place.name)
}

/// Holds what was read against the manifest.
pub(crate) fn compare(info: &SideFileInfo, bytes: &[u8]) -> Result<()> {
    if (bytes.len() as u64, Checksum::of(bytes)) == (info.size_bytes, info.checksum) {
        return Ok(());
    }
    Err(damaged(info, "a file beside the archive is not what the manifest says"))
}

/// The error for one that is gone or changed; the archive may be whole all the same.
pub(crate) fn damaged(info: &SideFileInfo, message: &str) -> Error {
    Error::new(ErrorKind::DamagedBackup, message)
        .context("file", &info.file)
        .hint("the archive restores without it; take this file from another backup, or make a new one")
}
