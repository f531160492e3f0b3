//! Moves the master key between its file and the keyring of the system.

use std::fs::File;

use cadangkan_core::{Error, ErrorKind, Result};

use super::key::{self, Key, Place};
use super::{KEY_VARIABLE, Keyring, rotate};

/// What a move did, or would do.
pub(crate) struct Move {
    /// The id of the key, which tells nothing of it.
    pub(crate) id: String,
    /// Whether the key was there already.
    pub(crate) is_there: bool,
    /// Whether there was no key, so that one is made.
    pub(crate) is_new: bool,
}

impl Keyring {
    /// Moves the master key, and proves that it is there before it is taken away from where it was. Where there is none, one
    /// is made. Whatever stops it, the key is in one of the two places, and the next move ends what this one began.
    ///
    /// Fails with `Usage` when the key is that of the variable, with `Locked` when secrets are sealed for 10 seconds, and with
    /// what the keyring fails with.
    pub(crate) fn relocate(&self, place: Place, dry_run: bool) -> Result<Move> {
        if self.variable.is_some() {
            let message = format!("the master key is that of {KEY_VARIABLE}");
            return Err(Error::new(ErrorKind::Usage, message)
                .hint("a key that a variable has is kept by whoever sets the variable"));
        }
        let _held = rotate::hold(&self.home, File::try_lock)?;
        let present = self.keys()?;
        let mut moved: Vec<Key> = Vec::new();
        for key in &present {
            if moved.iter().all(|moved| moved.bytes != key.bytes) {
                moved.push(key.in_place(place));
            }
        }
        let is_new = moved.is_empty();
        if is_new {
            moved.push(Key::random()?.in_place(place));
        }
        let is_there =
            !is_new && moved.len() == present.len() && present.iter().all(|key| key.place == place);
        let id = moved.first().map(Key::id).unwrap_or_default();
        if !dry_run {
            self.carry(&present, &moved, place)?;
        }
        Ok(Move { id, is_there, is_new })
    }

    /// Until the key is proved to be where it is wanted, the file has it in both places, and what it has itself first.
    fn carry(&self, present: &[Key], moved: &[Key], place: Place) -> Result<()> {
        if place == Place::Keyring {
            moved.iter().try_for_each(Key::look_into_keyring)?;
        }
        key::clear_unfinished(&self.key_file, present)?;
        let mut both: Vec<&Key> = present.iter().chain(moved).collect();
        both.sort_by_key(|key| key.place == Place::Keyring);
        if place == Place::File || !present.is_empty() {
            key::replace(&self.key_file, &both)?;
        }
        match place {
            Place::Keyring => moved.iter().try_for_each(Key::store)?,
            Place::File => {
                let read = self.keys()?;
                if read.iter().take(moved.len()).map(|key| &key.bytes).ne(moved.iter().map(|key| &key.bytes))
                {
                    let message = "the file does not give back the master key that was written";
                    return Err(Error::new(ErrorKind::Io, message).context("path", self.key_file.display()));
                }
                present.iter().filter(|key| key.place == Place::Keyring).try_for_each(Key::clear)?;
            }
        }
        key::replace(&self.key_file, &moved.iter().collect::<Vec<_>>())
    }
}
