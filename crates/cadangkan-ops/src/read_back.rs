//! An archive read back right after it was written.

use std::io::Read;
use std::sync::Arc;

use cadangkan_archive::{ArchiveSummary, DataKey, FileRole, QuickHasher, SealedFile, Wrap};
use cadangkan_core::{Control, Error, Result};
use cadangkan_storage::Key;

use crate::Place;
use crate::copy::other_bytes;
use crate::measured::Measured;
use crate::pace::{Pace, Paced};

/// Reads an archive back, and compares it with what was written; how far that is goes into the first of the paces.
pub(crate) fn read_back(
    place: Place<'_>,
    archive: &Key,
    expected: Expected<'_>,
    (pace, all): (Arc<Pace<'_>>, &[Arc<Pace<'_>>]),
    control: &Control<'_>,
) -> Result<()> {
    let reader = pace.time(|| place.storage.read(archive, None))?;
    let stored = Paced { reader, pace, all, total_bytes: expected.summary.stored_bytes, control };
    if expected.is(stored, control)? { Ok(()) } else { Err(other_bytes(archive)) }
}

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// What an archive must be when it is read back.
#[derive(Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) summary: &'a ArchiveSummary,
    /// What opens it, where it is encrypted.
    pub(crate) data_key: Option<&'a DataKey>,
}

impl Expected<'_> {
    /// Reads it from its begin to its end, decrypts what is encrypted, and compares both with what was written.
    pub(crate) fn is(&self, stored: impl Read, control: &Control<'_>) -> Result<bool> {
        let Expected { summary, data_key } = *self;
        let mut stored = Measured::new(stored, QuickHasher::new());
        let mut is_plain = true;
        if let Some(data_key) = data_key {
            let unlock = |_: &[Wrap]| Ok(data_key.clone());
            let file = SealedFile::open(&mut stored, summary.stored_bytes, FileRole::Archive, unlock)?;
            let whole = 0..file.plain_bytes();
            let mut plain = Measured::new(file.reader(&mut stored, &whole), QuickHasher::new());
            drain(&mut plain, control)?;
            is_plain = (plain.bytes, plain.hasher.finish()) == (summary.plain_bytes, summary.plain_hash);
        }
        drain(&mut stored, control)?;
        let is_stored = (stored.bytes, stored.hasher.finish()) == (summary.stored_bytes, summary.quick_hash);
        Ok(is_plain && is_stored)
    }
}

fn drain(reader: &mut impl Read, control: &Control<'_>) -> Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    loop {
        control.check()?;
        let count = reader.read(&mut buffer);
        if count.map_err(|error| Error::io("cannot read the archive back", error))? == 0 {
            return Ok(());
        }
    }
}
