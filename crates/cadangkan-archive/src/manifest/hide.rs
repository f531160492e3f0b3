//! What the manifest of an encrypted backup keeps to itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadangkan_core::{Error, ErrorKind, ObjectReport, Result, Selection};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::Manifest;
use super::check::not_read;
use crate::cipher::FileKey;
use crate::{Checksum, DataKey, DatabasePart, FileRole, SealedFile, seal_bytes};

/// The members that are hidden, as they are where the backup is not encrypted.
#[derive(Serialize, Deserialize)]
struct Hidden {
    objects: Vec<ObjectReport>,
    selection: Selection,
    databases: Vec<DatabasePart>,
    warnings: Vec<String>,
    /// Files in OpenSSL's form: what opens them, and what they are, since they do not tell themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    files: Vec<SealedChecksum>,
}

#[derive(Serialize, Deserialize)]
struct SealedChecksum {
    #[serde(flatten)]
    key: FileKey,
    checksum: Checksum,
}

impl Manifest {
    /// Hides what tells of rows: fingerprints, which whoever guesses a small table's rows could compare; with `names`
    /// also objects, selection and warnings, since they name what is in the database.
    pub fn hide(&mut self, data_key: &DataKey, names: bool) -> Result<()> {
        let hidden = Hidden {
            objects: self.objects.clone(),
            selection: self.selection.clone(),
            databases: self.databases.clone(),
            warnings: self.warnings.clone(),
            files: data_key.files().into_iter().map(|key| self.seal_checksum(key)).collect::<Result<_>>()?,
        };
        let plain = serde_json::to_vec(&hidden)
            .map_err(|error| Error::new(ErrorKind::Internal, "cannot write the manifest").source(error))?;
        let plain = Zeroizing::new(plain);
        let sealed = seal_bytes(data_key, FileRole::Manifest, &[], &plain)?;
        self.encryption.hidden = Some(STANDARD.encode(sealed));
        if names {
            (self.objects, self.selection, self.warnings) = (Vec::new(), Selection::default(), Vec::new());
        }
        self.objects.iter_mut().for_each(|object| object.fingerprint = None);
        for part in self.databases.iter_mut().filter(|_| names) {
            part.selection = Selection::default();
        }
        Ok(())
    }

    /// Puts what is hidden in its place, for use in memory; the data key learns what opens files that are in OpenSSL's form.
    ///
    /// Fails with `DamagedBackup` when it is not what was hidden, or the manifest names other checksums of such files.
    pub fn reveal(&mut self, data_key: &DataKey) -> Result<()> {
        let Some(hidden) = &self.encryption.hidden else { return Ok(()) };
        let damaged = || super::check::damaged("the manifest's hidden part is not what was written");
        let sealed = STANDARD.decode(hidden).map_err(|error| damaged().source(error))?;
        let file = SealedFile::open(sealed.as_slice(), sealed.len() as u64, FileRole::Manifest, |_| {
            Ok(data_key.clone())
        })?;
        let plain = Zeroizing::new(file.open_bytes(&sealed)?);
        let hidden: Hidden = serde_json::from_slice(&plain).map_err(not_read)?;
        for SealedChecksum { key, checksum } in hidden.files {
            if self.checksum_of(&key.role) != Some(checksum) {
                return Err(super::check::damaged(
                    "the manifest's checksums are not those that were written",
                ));
            }
            data_key.learn(key);
        }
        (self.objects, self.selection, self.warnings) = (hidden.objects, hidden.selection, hidden.warnings);
        self.databases = hidden.databases;
        Ok(())
    }

    fn seal_checksum(&self, key: FileKey) -> Result<SealedChecksum> {
        let missing = || Error::new(ErrorKind::Internal, "an encrypted file is not in its manifest");
        let checksum = self.checksum_of(&key.role).ok_or_else(missing)?;
        Ok(SealedChecksum { key, checksum })
    }

    fn checksum_of(&self, role: &str) -> Option<Checksum> {
        let side = self.side_files.iter().map(|side| (FileRole::Side(&side.kind), side.checksum));
        let all = [(FileRole::Archive, self.archive.checksum), (FileRole::Index, self.index.checksum)];
        all.into_iter().chain(side).find(|(file, _)| file.word() == role).map(|(_, checksum)| checksum)
    }
}
