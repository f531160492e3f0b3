//! One backup copied from one storage to another, compared with its manifest on the way.

use cadangkan_archive::{Checksum, ChecksumHasher, MAX_MANIFEST, Manifest, QuickHasher};
use cadangkan_core::{Control, Error, ErrorKind, Event, Level, Progress, Result, ResultExt};
use cadangkan_storage::{Key, WriteOptions};

use crate::copy::{self, CopyDraft, other_bytes};
use crate::measured::Hasher;
use crate::naming::{INDEX_SUFFIX, MANIFEST_SUFFIX};
use crate::source::read_limited;
use crate::{Place, side};

/// Bytes that are read and written at once.
const PIECE_BYTES: usize = 1 << 20;

/// Why a copy was not made: which of the two storages is at fault.
pub(crate) enum Fault {
    /// Another storage may give the same backup.
    Source(Error),
    /// No other source would help.
    Target(Error),
}

/// Copies archive, index, side files and, last of all, the manifest. What is there already, whole, of a copy that was
/// interrupted, is taken as it is.
///
/// Every byte is compared with what the manifest says, and read back; until the manifest is written nothing counts, and
/// after an error what was written is removed.
pub(crate) fn transfer(
    (from, key): (Place<'_>, &Key),
    (to, to_key): (Place<'_>, &Key),
    control: &Control<'_>,
) -> Result<Manifest, Fault> {
    let (manifest, bytes) = read_manifest(from, key).map_err(Fault::Source)?;
    let mut draft = CopyDraft::new(to);
    let copied = copy_all((from, key), to_key, &manifest, &bytes, &mut draft, control);
    copied.map(|()| manifest).map_err(|fault| match fault {
        Fault::Source(error) => Fault::Source(draft.remove(error).context("storage", from.name)),
        Fault::Target(error) => Fault::Target(draft.remove(error).context("storage", to.name)),
    })
}

/// Reads a manifest, and its bytes as they are.
fn read_manifest(from: Place<'_>, key: &Key) -> Result<(Manifest, Vec<u8>)> {
    let read = || {
        let reader = from.storage.read(&key.with_suffix(MANIFEST_SUFFIX)?, None)?;
        let bytes = read_limited(reader, MAX_MANIFEST)?;
        Ok((Manifest::from_bytes(&bytes)?, bytes))
    };
    read().context("key", key).context("storage", from.name)
}

fn copy_all(
    (from, key): (Place<'_>, &Key),
    to_key: &Key,
    manifest: &Manifest,
    bytes: &[u8],
    draft: &mut CopyDraft<'_>,
    control: &Control<'_>,
) -> Result<(), Fault> {
    copy_archive((from, key), to_key, manifest, draft, control)?;
    let index_limit = usize::try_from(manifest.index.size_bytes).unwrap_or(usize::MAX);
    let index = || {
        let key = key.with_suffix(INDEX_SUFFIX)?;
        let index = read_limited(from.storage.read(&key, None)?, index_limit)?;
        if Checksum::of(&index) == manifest.index.checksum { Ok(index) } else { Err(damaged(&key)) }
    };
    let index_key = to_key.with_suffix(INDEX_SUFFIX).map_err(Fault::Target)?;
    put(draft, &index_key, &index().map_err(Fault::Source)?)?;
    for side in &manifest.side_files {
        let read = || {
            let bytes = side::read(from, &key.sibling(&side.file)?)?;
            side::compare(side, &bytes).map(|()| bytes)
        };
        let side_key = to_key.sibling(&side.file).map_err(Fault::Target)?;
        put(draft, &side_key, &read().map_err(Fault::Source)?)?;
    }
    control.check().map_err(Fault::Target)?;
    let manifest_key = to_key.with_suffix(MANIFEST_SUFFIX).map_err(Fault::Target)?;
    put(draft, &manifest_key, bytes)?;
    draft.committed();
    Ok(())
}

/// Writes a small object, in the place of one that is there: without a manifest it belonged to no backup.
fn put(draft: &mut CopyDraft<'_>, key: &Key, bytes: &[u8]) -> Result<(), Fault> {
    draft.put(key, bytes, WriteOptions { overwrite: true, ..WriteOptions::default() }).map_err(Fault::Target)
}

fn copy_archive(
    (from, key): (Place<'_>, &Key),
    to_key: &Key,
    manifest: &Manifest,
    draft: &mut CopyDraft<'_>,
    control: &Control<'_>,
) -> Result<(), Fault> {
    match find(draft.place(), to_key, manifest, control).map_err(Fault::Target)? {
        Found::Whole => return Ok(()),
        Found::Nothing => {}
        Found::Another => {
            // Two damaged copies may still be one whole backup: neither goes for the other.
            if checksum_of(from, key, control).map_err(Fault::Source)? != manifest.archive.checksum {
                return Err(Fault::Source(damaged(key)));
            }
            remove(draft.place(), to_key).map_err(Fault::Target)?;
        }
    }
    let tags = copy::tags(&manifest.database_name, manifest.trigger.as_str(), manifest.created_at);
    let expected_size = Some(manifest.archive.size_bytes);
    let options = WriteOptions { expected_size, tags, resume: true, ..WriteOptions::default() };
    if copy_on_server((from, key), to_key, manifest, &options, draft, control).map_err(Fault::Target)? {
        return Ok(());
    }
    let mut reader = from.storage.read(key, None).map_err(Fault::Source)?;
    draft.begin(to_key, &options).map_err(Fault::Target)?;
    let (mut checksum, mut quick, mut length) = (ChecksumHasher::new(), QuickHasher::new(), 0);
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        control.check().map_err(Fault::Target)?;
        let count = reader.read(&mut buffer).map_err(|error| {
            Fault::Source(Error::io("cannot read the archive", error).context("key", key))
        })?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        checksum.update(bytes);
        quick.update(bytes);
        length += count as u64;
        draft.write(bytes).map_err(Fault::Target)?;
        report(control, length, manifest);
    }
    // What is damaged is found before it is anywhere else.
    if (length, checksum.finish()) != (manifest.archive.size_bytes, manifest.archive.checksum) {
        return Err(Fault::Source(damaged(key)));
    }
    draft.close().map_err(Fault::Target)?;
    // As a backup is read back: what passed here had the manifest's checksum, and the same bytes must come again.
    let mut back = QuickHasher::new();
    hash(draft.place(), to_key, &mut back, control).map_err(Fault::Target)?;
    if back.finish() == quick.finish() { Ok(()) } else { Err(Fault::Target(other_bytes(to_key))) }
}

/// Has the server copy the archive, where both storages are on one, and reads it back. Tells whether that made a whole
/// copy; where it did not nothing is there, and the bytes go through here, which says what is wrong with them.
fn copy_on_server(
    (from, key): (Place<'_>, &Key),
    to_key: &Key,
    manifest: &Manifest,
    options: &WriteOptions,
    draft: &mut CopyDraft<'_>,
    control: &Control<'_>,
) -> Result<bool> {
    let Ok(Some(origin)) = from.storage.origin(key) else { return Ok(false) };
    let mut progress = |bytes| {
        report(control, bytes, manifest);
        control.check()
    };
    let why = match draft.copy(&origin, to_key, options, &mut progress) {
        Ok(false) => return Ok(false),
        Ok(true) if checksum_of(draft.place(), to_key, control)? == manifest.archive.checksum => {
            return Ok(true);
        }
        Ok(true) => {
            draft.place().storage.delete(to_key)?;
            "it made something else".to_owned()
        }
        Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
        Err(error) => error.chain().join(": "),
    };
    let text = format!(
        "the server of {} does not copy by itself, so that the bytes go through here: {why}",
        from.name
    );
    control.message(Level::Info, &text);
    Ok(false)
}

fn report(control: &Control<'_>, bytes: u64, manifest: &Manifest) {
    let total_bytes = Some(manifest.archive.size_bytes);
    control.reporter.report(&Event::Progress(Progress { bytes, total_bytes, ..Progress::default() }));
}

/// What has the archive's name already.
enum Found {
    Nothing,
    /// The archive, whole: of a copy that was interrupted.
    Whole,
    /// No backup, or a damaged one.
    Another,
}

fn find(place: Place<'_>, key: &Key, manifest: &Manifest, control: &Control<'_>) -> Result<Found> {
    let Some(found) = place.storage.stat(key)? else { return Ok(Found::Nothing) };
    let is_whole = found.size == manifest.archive.size_bytes
        && checksum_of(place, key, control)? == manifest.archive.checksum;
    Ok(if is_whole { Found::Whole } else { Found::Another })
}

/// Removes what is to be replaced, the manifest first.
fn remove(place: Place<'_>, key: &Key) -> Result<()> {
    place.storage.delete(&key.with_suffix(MANIFEST_SUFFIX)?)?;
    place.storage.delete(key)
}

/// Fails with `Conflict` where something else than an archive with this checksum has its name.
pub(crate) fn refuse_another(
    place: Place<'_>,
    key: &Key,
    checksum: Checksum,
    control: &Control<'_>,
) -> Result<()> {
    if place.storage.stat(key)?.is_none() || checksum_of(place, key, control)? == checksum {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, "there is another file of this name already")
        .context("file", key)
        .context("folder", place.storage.location())
        .hint("take it away, or name another folder"))
}

fn checksum_of(place: Place<'_>, key: &Key, control: &Control<'_>) -> Result<Checksum> {
    let mut hasher = ChecksumHasher::new();
    hash(place, key, &mut hasher, control)?;
    Ok(hasher.finish())
}

/// Reads an object from its begin to its end.
fn hash(place: Place<'_>, key: &Key, hasher: &mut impl Hasher, control: &Control<'_>) -> Result<()> {
    let mut reader = place.storage.read(key, None)?;
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        control.check()?;
        let count = reader.read(&mut buffer);
        let count = count.map_err(|error| Error::io("cannot read the archive back", error))?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        hasher.update(bytes);
    }
}

fn damaged(key: &Key) -> Error {
    Error::new(ErrorKind::DamagedBackup, "this copy is not what its manifest says")
        .context("key", key)
        .hint("`cadangkan verify` says what is damaged; another storage may hold a whole copy")
}
