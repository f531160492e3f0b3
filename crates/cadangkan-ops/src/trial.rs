//! A storage tried out: whether all that backups need of it works.

use std::io::Read;
use std::time::Instant;

use cadangkan_core::{Error, ErrorKind, Result, ResultExt, format_bytes};
use cadangkan_storage::{Key, Storage, WriteOptions};
use serde::Serialize;

use crate::{Context, Place};

/// The folder of the object that is written for a test.
const FOLDER: &str = "cadangkan-test";

/// Length of that object.
const LENGTH: usize = 1 << 20;

/// Where a range of it is read.
const MIDDLE: std::ops::Range<usize> = 1000..3000;

/// One thing that was tried.
#[derive(Debug, Serialize)]
pub struct TrialCheck {
    /// Its name: `write`.
    pub check: &'static str,
    /// What was found; or what is missing.
    #[serde(skip)]
    pub outcome: Result<String>,
    /// Seconds that it took.
    pub duration_seconds: f64,
}

/// Writes, looks at, reads, lists and deletes an object in a storage. All is tried, also when something fails, so that
/// everything that is missing is known at once; only a storage that is not there, or does not let us in, is left alone.
pub fn try_out(context: &Context<'_>, place: Place<'_>) -> Result<Vec<TrialCheck>> {
    let now = context.control.clock.now().as_microsecond();
    let process: String = context.holder.chars().filter(char::is_ascii_digit).take(12).collect();
    let key = Key::new(format!("{FOLDER}/{now}-{process}"))?;
    let content: Vec<u8> = (0..LENGTH).map(|place| (place % 251) as u8).collect();
    let mut trial = Trial { storage: place.storage, key, content, is_written: false };
    let steps: [(&'static str, Step<'_>); 8] = [
        ("reach", Trial::reach),
        ("write", Trial::write),
        ("look", Trial::look),
        ("read", Trial::read),
        ("list", Trial::list),
        ("delete", Trial::delete),
        ("leftovers", Trial::leftovers),
        ("space", Trial::space),
    ];
    let mut checks = Vec::new();
    for (check, step) in steps {
        context.control.check()?;
        if ["look", "read"].contains(&check) && !trial.is_written {
            continue;
        }
        let began = Instant::now();
        let outcome = step(&trial);
        trial.is_written |= check == "write" && outcome.is_ok();
        let is_over = check == "reach" && outcome.as_ref().err().is_some_and(is_closed);
        checks.push(TrialCheck { check, outcome, duration_seconds: began.elapsed().as_secs_f64() });
        if is_over {
            break;
        }
    }
    Ok(checks)
}

/// Whether what the other steps would say is noise: the place is not there, or who asks is not let in. There each of
/// them would be one more refused login, for which servers block an address.
fn is_closed(error: &Error) -> bool {
    error.is_at_login()
        || matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout | ErrorKind::Configuration)
}

type Step<'a> = fn(&Trial<'a>) -> Result<String>;

struct Trial<'a> {
    storage: &'a dyn Storage,
    key: Key,
    content: Vec<u8>,
    /// Without it nothing can be read or found.
    is_written: bool,
}

impl Trial<'_> {
    fn reach(&self) -> Result<String> {
        self.storage.check()?;
        let notes = self.storage.notes().into_iter();
        Ok(std::iter::once(self.storage.location()).chain(notes).collect::<Vec<_>>().join("; "))
    }

    fn write(&self) -> Result<String> {
        let mut writer = self.storage.begin_write(&self.key, WriteOptions::default())?;
        self.content.chunks(LENGTH / 4).try_for_each(|piece| writer.write(piece))?;
        writer.close()?;
        Ok(format_bytes(LENGTH as u64))
    }

    fn look(&self) -> Result<String> {
        match self.storage.stat(&self.key)? {
            Some(info) if info.size == LENGTH as u64 => Ok("it is there, with its size".to_owned()),
            Some(info) => Err(wrong("the object has another size").context("bytes", info.size)),
            None => Err(wrong("the object that was written is not there")),
        }
    }

    fn read(&self) -> Result<String> {
        let whole = self.bytes(None)?;
        let middle = self.bytes(Some(MIDDLE.start as u64..MIDDLE.end as u64))?;
        if whole != self.content || self.content.get(MIDDLE) != Some(middle.as_slice()) {
            return Err(wrong("the storage gives back other bytes than were written"));
        }
        Ok("the same bytes, whole and a range".to_owned())
    }

    fn bytes(&self, range: Option<std::ops::Range<u64>>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let reader = self.storage.read(&self.key, range)?;
        let read = reader.take(2 * LENGTH as u64).read_to_end(&mut bytes);
        read.map_err(|error| Error::io("cannot read the object", error))?;
        Ok(bytes)
    }

    fn list(&self) -> Result<String> {
        let found = self.storage.list(FOLDER)?;
        match found.iter().any(|info| info.key == self.key) {
            true => Ok("it is in the list".to_owned()),
            false if !self.is_written => Ok("it can be listed".to_owned()),
            false => Err(wrong("the object that was written is not in the list")),
        }
    }

    fn delete(&self) -> Result<String> {
        self.storage.delete(&self.key).context("left there", &self.key)?;
        match self.storage.stat(&self.key)? {
            None => Ok("it is gone".to_owned()),
            Some(_) => Err(wrong("a deleted object is still there").context("left there", &self.key)),
        }
    }

    fn leftovers(&self) -> Result<String> {
        let found = self.storage.leftovers("")?.len();
        Ok(match found {
            0 => "none".to_owned(),
            found => format!("{found} unfinished; `cadangkan cleanup` names those of a database"),
        })
    }

    fn space(&self) -> Result<String> {
        let space = self.storage.space()?;
        let free = |space: cadangkan_storage::Space| {
            format!("{} of {} free", format_bytes(space.available), format_bytes(space.total))
        };
        Ok(space.map_or_else(|| "not limited, or not told".to_owned(), free))
    }
}

fn wrong(message: &str) -> Error {
    Error::new(ErrorKind::Io, message)
        .hint("do not trust this storage with backups before the cause is found; its own log may tell")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_login_closes_a_storage_and_a_missing_permission_does_not() {
        let denied = || Error::new(ErrorKind::Denied, "x");
        assert!(is_closed(&denied().at_login()) && !is_closed(&denied()));
        assert!(is_closed(&Error::new(ErrorKind::Configuration, "there are no credentials")));
    }
}
