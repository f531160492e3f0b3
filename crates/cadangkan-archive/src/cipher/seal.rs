use std::sync::OnceLock;

use cadangkan_core::Result;

use super::cbc::{FileSealing, Password};
use super::chunk::{CHUNK, ChunkKey};
use super::header::{Age, FileRole, Own};
use super::wrap::{Recipients, Wrap};
use super::{CipherKind, DataKey};

/// Encrypts one file from its begin to its end, in 64 KiB of memory and what it was last given.
pub struct Sealer {
    seals: Seals,
    number: u64,
    /// Plain bytes that are not sealed yet: a whole chunk waits until it is known not to be the last one.
    pending: Vec<u8>,
    /// Sealed bytes on their way out; the header first.
    sealed: Vec<u8>,
    /// Whether those were given out.
    given: bool,
}

enum Seals {
    Chunks(ChunkKey),
    OpenSsl(FileSealing),
}

impl Sealer {
    /// Begins a file that the data key opens, which `keys` have.
    pub fn new(data_key: &DataKey, role: FileRole<'_>, keys: &[Wrap]) -> Result<Self> {
        let (header, sealed) = Own::make(keys)?;
        Ok(Sealer::begin_with(Seals::Chunks(header.chunk_key(data_key, role)?), sealed))
    }

    /// The same in the form of age, with its stanzas.
    fn of_age(data_key: &DataKey, stanzas: &[Wrap]) -> Result<Self> {
        let (header, sealed) = Age::make(data_key, stanzas)?;
        Ok(Sealer::begin_with(Seals::Chunks(header.chunk_key(data_key)?), sealed))
    }

    /// The same in the form of OpenSSL; the data key learns what opens it.
    fn of_openssl(data_key: &DataKey, password: &Password, role: FileRole<'_>) -> Result<Self> {
        let (sealing, sealed) = FileSealing::begin(password, role, data_key)?;
        Ok(Sealer::begin_with(Seals::OpenSsl(sealing), sealed))
    }

    fn begin_with(seals: Seals, sealed: Vec<u8>) -> Self {
        Sealer { seals, number: 0, pending: Vec::with_capacity(CHUNK), sealed, given: false }
    }

    /// Takes plain bytes, and gives the sealed ones that come next; none at times.
    pub fn update(&mut self, mut plain: &[u8]) -> Result<&[u8]> {
        self.begin();
        while !plain.is_empty() {
            if self.pending.len() == CHUNK {
                self.flush(false)?;
            }
            let room = CHUNK.saturating_sub(self.pending.len()).min(plain.len());
            let (now, later) = plain.split_at_checked(room).unwrap_or((plain, &[]));
            self.pending.extend_from_slice(now);
            plain = later;
        }
        self.given = true;
        Ok(&self.sealed)
    }

    /// Gives the last sealed bytes.
    pub fn finish(mut self) -> Result<Vec<u8>> {
        self.begin();
        self.flush(true)?;
        Ok(self.sealed)
    }

    fn begin(&mut self) {
        if self.given {
            self.sealed.clear();
        }
    }

    fn flush(&mut self, is_last: bool) -> Result<()> {
        let from = self.sealed.len();
        self.sealed.extend_from_slice(&self.pending);
        match &mut self.seals {
            Seals::Chunks(key) => key.seal(self.number, is_last, &mut self.sealed, from)?,
            Seals::OpenSsl(sealing) => sealing.seal(is_last, &mut self.sealed, from),
        }
        self.pending.clear();
        self.number += 1;
        Ok(())
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer").field("chunk", &self.number).finish_non_exhaustive()
    }
}

/// What all files of one backup are sealed with: its data key, and that key wrapped for each who may open it.
pub struct Envelope {
    form: Form,
    data_key: DataKey,
    recipients: Recipients,
    keys: OnceLock<Vec<Wrap>>,
}

/// The form of its files, and what of it is not in the data key.
enum Form {
    Own,
    Age(Vec<Wrap>),
    OpenSsl(Password),
}

impl Envelope {
    /// Makes a new data key. It is wrapped when that is first needed, since a passphrase may cost a while.
    ///
    /// Fails with `Configuration` where the cipher cannot keep it for these recipients together.
    pub fn new(cipher: CipherKind, recipients: &Recipients) -> Result<Self> {
        let (data_key, form) = match cipher {
            CipherKind::Aes256Gcm => (DataKey::generate()?, Form::Own),
            CipherKind::Age => {
                let data_key = DataKey::generate_for_age()?;
                let stanzas = recipients.stanzas(&data_key)?;
                (data_key, Form::Age(stanzas))
            }
            CipherKind::OpenSsl => (DataKey::generate()?, Form::OpenSsl(recipients.password()?)),
        };
        Ok(Envelope { form, data_key, recipients: recipients.clone(), keys: OnceLock::new() })
    }

    /// The cipher.
    pub fn cipher(&self) -> CipherKind {
        match self.form {
            Form::Own => CipherKind::Aes256Gcm,
            Form::Age(_) => CipherKind::Age,
            Form::OpenSsl(_) => CipherKind::OpenSsl,
        }
    }

    /// Rounds of PBKDF2, which OpenSSL has to be told.
    pub fn iterations(&self) -> Option<u32> {
        if let Form::OpenSsl(password) = &self.form { Some(password.iterations) } else { None }
    }

    /// The data key.
    pub fn data_key(&self) -> &DataKey {
        &self.data_key
    }

    /// The wraps, for the manifest.
    pub fn keys(&self) -> Result<&[Wrap]> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let keys = self.recipients.wrap(&self.data_key)?;
        Ok(self.keys.get_or_init(|| keys))
    }

    /// Begins a file.
    pub fn sealer(&self, role: FileRole<'_>) -> Result<Sealer> {
        match &self.form {
            Form::Own => Sealer::new(&self.data_key, role, self.keys()?),
            Form::Age(stanzas) => Sealer::of_age(&self.data_key, stanzas),
            Form::OpenSsl(password) => Sealer::of_openssl(&self.data_key, password, role),
        }
    }

    /// Seals a small file at once.
    pub fn seal(&self, role: FileRole<'_>, plain: &[u8]) -> Result<Vec<u8>> {
        whole(self.sealer(role)?, plain)
    }
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope").field("cipher", &self.cipher()).finish_non_exhaustive()
    }
}

/// Encrypts a small file at once, in our own form.
pub fn seal_bytes(data_key: &DataKey, role: FileRole<'_>, keys: &[Wrap], plain: &[u8]) -> Result<Vec<u8>> {
    whole(Sealer::new(data_key, role, keys)?, plain)
}

fn whole(mut sealer: Sealer, plain: &[u8]) -> Result<Vec<u8>> {
    let mut sealed = sealer.update(plain)?.to_vec();
    sealed.append(&mut sealer.finish()?);
    Ok(sealed)
}
