//! Another master key in the place of the present one.
//!
//! The file has both keys before anything is sealed with the new one, and the old one until nothing is sealed with it any
//! more. Whenever it stops in between, everything opens, and the next rotation ends what this one began. The new key is
//! kept where the old one is.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cadangkan_core::{Error, ErrorKind, Result, ResultExt};
use serde_json::{Value, json};

use super::key::{self, Key, Place};
use super::{KEY_VARIABLE, Keyring, Owner, SEALED, seal, sealed};

/// How long those who seal and the one who rotates wait for each other.
const LIMIT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(20);

/// A rotation that has begun. Meanwhile nobody seals anything.
pub(crate) struct Rotation {
    file: PathBuf,
    old: Vec<Key>,
    new: Key,
    /// Whether the key is that of the file, and not of the variable.
    in_file: bool,
    sealed: u64,
    _held: File,
}

impl Keyring {
    /// Begins to replace the master key: by the one that is given, else by a new one.
    ///
    /// Fails with `NotFound` when there is none, with `Usage` when the key of the variable is to be replaced by one that
    /// nobody would know, and with `Locked` when secrets are sealed for 10 seconds.
    pub(crate) fn rotate(&self, given: Option<&str>) -> Result<Rotation> {
        let held = hold(&self.home, File::try_lock)?;
        let old = self.keys()?;
        let Some(present) = old.first() else {
            return Err(Error::new(ErrorKind::NotFound, "there is no master key")
                .hint("it is made when the first secret is sealed"));
        };
        let wrong = || {
            Error::new(ErrorKind::Usage, "what was given is not a key")
                .hint("`cadangkan key generate <FILE> --symmetric` makes one")
        };
        let new = match given {
            Some(text) => Key::parse(text).ok_or_else(wrong)?,
            None if self.variable.is_some() => {
                let message = format!("the master key is that of {KEY_VARIABLE}, and no other one was given");
                return Err(Error::new(ErrorKind::Usage, message).hint(
                    "make one with `cadangkan key generate <FILE> --symmetric`, and give it with --new-key-file <FILE>",
                ));
            }
            None => Key::random()?,
        };
        if new.id() == present.id() {
            return Err(Error::new(ErrorKind::Usage, "that is the present master key"));
        }
        let (in_file, new) = (self.variable.is_none(), new.in_place(present.place));
        Ok(Rotation { file: self.key_file.clone(), old, new, in_file, sealed: 0, _held: held })
    }
}

impl Rotation {
    /// Seals every secret in a definition with the new key; `None` when there is none.
    pub(crate) fn reseal(&mut self, owner: Owner<'_>, definition: &Value) -> Result<Option<Value>> {
        let before = self.sealed;
        let mut changed = definition.clone();
        self.walk(owner, &mut changed)?;
        Ok((self.sealed > before).then_some(changed))
    }

    fn walk(&mut self, owner: Owner<'_>, value: &mut Value) -> Result<()> {
        let Value::Object(map) = value else { return Ok(()) };
        for (field, value) in map {
            if let Some(text) = sealed(Some(value)) {
                let plain = seal::open(text, owner, field, &self.old).context(owner.kind, owner.name)?;
                *value = json!({ SEALED: seal::seal_and_open(&plain, owner, field, &self.new)? });
                self.sealed += 1;
            } else {
                self.walk(owner, value)?;
            }
        }
        Ok(())
    }

    /// Puts the new key beside the old one; only then may anything be saved that is sealed with it.
    pub(crate) fn keep_both(&self) -> Result<()> {
        if !self.in_file {
            return Ok(());
        }
        key::clear_unfinished(&self.file, &self.old)?;
        if self.new.place == Place::Keyring {
            let with_new: Vec<_> = self.old.iter().chain([&self.new]).collect();
            key::replace(&self.file, &with_new)?;
            self.new.store()?;
        }
        let both: Vec<_> = std::iter::once(&self.new).chain(&self.old).collect();
        key::replace(&self.file, &both)
    }

    /// Takes the old key away; everything that was sealed with it must be saved by now.
    pub(crate) fn end(self) -> Result<()> {
        if !self.in_file {
            return Ok(());
        }
        self.old.iter().filter(|key| key.place == Place::Keyring).try_for_each(Key::clear)?;
        key::replace(&self.file, &[&self.new])
    }

    /// Where the new key is.
    pub(crate) fn place(&self) -> Place {
        self.new.place
    }

    /// The variable that must be given the new key, where it is not in the file.
    pub(crate) fn variable(&self) -> Option<&'static str> {
        (!self.in_file).then_some(KEY_VARIABLE)
    }

    /// How many secrets were sealed.
    pub(crate) fn sealed(&self) -> u64 {
        self.sealed
    }

    /// The new key's id, which tells nothing of it.
    pub(crate) fn id(&self) -> String {
        self.new.id()
    }
}

/// Keeps the key from being rotated, or others from sealing, as long as the file lives.
///
/// It is a lock (`flock`) on the home folder itself: the system lets go of it when the process dies.
pub(super) fn hold(home: &Path, lock: fn(&File) -> std::result::Result<(), TryLockError>) -> Result<File> {
    let failed = |error| Error::io("cannot lock the home folder", error).context("folder", home.display());
    let (folder, began) = (File::open(home).map_err(failed)?, Instant::now());
    loop {
        match lock(&folder) {
            Ok(()) => return Ok(folder),
            Err(TryLockError::WouldBlock) if began.elapsed() < LIMIT => std::thread::sleep(POLL),
            Err(TryLockError::WouldBlock) => {
                return Err(Error::new(
                    ErrorKind::Locked,
                    "another process seals secrets, or rotates the master key",
                )
                .hint("try again when it has ended"));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}
