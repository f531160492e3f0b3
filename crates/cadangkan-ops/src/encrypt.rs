//! The encryption of a backup, and who can open it again.

use cadangkan_archive::{
    CipherKind, DataKey, EncryptionInfo, Envelope, Identities, Manifest, Recipients, Wrap,
};
use cadangkan_core::{Name, Result};
use serde_json::Map;

use crate::index_backup::{SELECTION_TAG, is_whole};

/// How a backup is encrypted.
#[derive(Clone, Debug)]
pub struct Encryption {
    /// The cipher.
    pub cipher: CipherKind,
    /// Who may open it.
    pub recipients: Recipients,
    /// Whether the manifest hides the names of objects, too.
    pub hide_names: bool,
}

/// Has, or asks for, the secrets that open encrypted backups.
pub trait Keys: Sync {
    /// Opens one of the wraps of a backup, of this database where that is known.
    ///
    /// Fails with `WrongKey` when nothing that is at hand opens any.
    fn unlock(&self, database: Option<&Name>, wraps: &[Wrap]) -> Result<DataKey>;
}

impl Keys for Identities {
    fn unlock(&self, _database: Option<&Name>, wraps: &[Wrap]) -> Result<DataKey> {
        self.unwrap(wraps)
    }
}

/// A backup that is being encrypted.
pub(crate) struct Sealing<'a> {
    encryption: &'a Encryption,
    pub(crate) envelope: Envelope,
}

impl<'a> Sealing<'a> {
    /// Begins with a new data key.
    pub(crate) fn begin(encryption: &'a Encryption) -> Result<Self> {
        let envelope = Envelope::new(encryption.cipher, &encryption.recipients)?;
        Ok(Sealing { encryption, envelope })
    }

    /// Says in the manifest how the backup is encrypted, and hides there what tells of rows.
    pub(crate) fn finish(&self, manifest: &mut Manifest, plain_bytes: u64) -> Result<()> {
        manifest.encryption = EncryptionInfo {
            cipher: self.envelope.cipher().as_str().to_owned(),
            plain_bytes: Some(plain_bytes),
            keys: self.envelope.keys()?.to_vec(),
            iterations: self.envelope.iterations(),
            hidden: None,
            other: Map::new(),
        };
        if self.encryption.hide_names && !is_whole(manifest) {
            // That it is not the whole database has to be seen by whoever cannot see what is missing.
            manifest.tags.push(SELECTION_TAG.to_owned());
        }
        manifest.hide(self.envelope.data_key(), self.encryption.hide_names)
    }
}
