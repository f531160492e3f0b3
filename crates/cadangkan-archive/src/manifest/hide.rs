//! What the manifest of an encrypted backup keeps to itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cadangkan_core::{Error, ErrorKind, ObjectReport, Result, Selection};
use serde::{Deserialize, Serialize};

use super::Manifest;
use super::check::not_read;
use crate::{DataKey, DatabasePart, FileRole, SealedFile, seal_bytes};

/// The members that are hidden, as they are where the backup is not encrypted.
#[derive(Serialize, Deserialize)]
struct Hidden {
    objects: Vec<ObjectReport>,
    selection: Selection,
    databases: Vec<DatabasePart>,
    warnings: Vec<String>,
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
        };
        let plain = serde_json::to_vec(&hidden)
            .map_err(|error| Error::new(ErrorKind::Internal, "cannot write the manifest").source(error))?;
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

    /// Puts what is hidden in its place, for use in memory.
    ///
    /// Fails with `DamagedBackup` when it is not what was hidden.
    pub fn reveal(&mut self, data_key: &DataKey) -> Result<()> {
        let Some(hidden) = &self.encryption.hidden else { return Ok(()) };
        let damaged = || super::check::damaged("the manifest's hidden part is not what was written");
        let sealed = STANDARD.decode(hidden).map_err(|error| damaged().source(error))?;
        let file = SealedFile::open(sealed.as_slice(), sealed.len() as u64, FileRole::Manifest, |_| {
            Ok(data_key.clone())
        })?;
        let hidden: Hidden = serde_json::from_slice(&file.open_bytes(&sealed)?).map_err(not_read)?;
        (self.objects, self.selection, self.warnings) = (hidden.objects, hidden.selection, hidden.warnings);
        self.databases = hidden.databases;
        Ok(())
    }
}
