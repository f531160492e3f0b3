//! Manifests read from a storage: one, or all of them, several at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::scope;

use cadangkan_archive::{MAX_MANIFEST, Manifest};
use cadangkan_core::{Error, ErrorKind, Result, ResultExt, first_cause};
use cadangkan_storage::{Key, ObjectInfo};

use crate::Place;
use crate::naming::MANIFEST_SUFFIX;
use crate::pipeline::panicked;
use crate::source::read_limited;

/// Reads all manifests in a folder of a storage, with the keys of their archives; damaged ones as errors.
pub(crate) fn manifests(place: Place<'_>, folder: &str) -> Result<Vec<(Key, Result<Manifest>)>> {
    read_manifests(place, &place.storage.list(folder)?, &|_| Ok(()))
}

/// Manifests that are read at once: a storage far away takes its time for each.
const AT_ONCE: usize = 16;

/// Reads the manifests among listed objects, several at once, in the order of the list; damaged ones as errors. `seen`
/// is told how many are read, and may stop it.
pub(crate) fn read_manifests(
    place: Place<'_>,
    listed: &[ObjectInfo],
    seen: &(dyn Fn(u64) -> Result<()> + Sync),
) -> Result<Vec<(Key, Result<Manifest>)>> {
    let archives = listed.iter().filter_map(|info| info.key.as_str().strip_suffix(MANIFEST_SUFFIX));
    let keys = archives.map(Key::new).collect::<Result<Vec<_>>>()?;
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let read = || -> Result<Vec<(usize, Result<Manifest>)>> {
        let mut found = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(key) = keys.get(number) else { return Ok(found) };
            found.push((number, read_manifest(place, key)));
            seen(done.fetch_add(1, Ordering::Relaxed) + 1)?;
        }
    };
    let read = &read;
    let results = scope(|scope| {
        let threads: Vec<_> = (0..AT_ONCE.min(keys.len())).map(|_| scope.spawn(read)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(panicked()))).collect()
    });
    let mut found: Vec<_> = first_cause(results)?.into_iter().flatten().collect();
    found.sort_unstable_by_key(|(number, _)| *number);
    Ok(keys.into_iter().zip(found.into_iter().map(|(_, manifest)| manifest)).collect())
}

/// Reads the manifest that belongs to an archive's key.
pub(crate) fn read_manifest(place: Place<'_>, archive: &Key) -> Result<Manifest> {
    let key = archive.with_suffix(MANIFEST_SUFFIX)?;
    let read = || {
        let manifest = Manifest::from_bytes(&read_limited(place.storage.read(&key, None)?, MAX_MANIFEST)?)?;
        if manifest.archive.file == archive.file_name() {
            return Ok(manifest);
        }
        Err(Error::new(ErrorKind::DamagedBackup, "the manifest belongs to another archive")
            .context("archive", &manifest.archive.file)
            .hint("an archive and its manifest keep their names together"))
    };
    read().context("key", &key)
}
