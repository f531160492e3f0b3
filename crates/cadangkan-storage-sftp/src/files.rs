//! What can be done with files and folders of the server, one request each.

use std::time::Duration;

use cadangkan_storage::Space;

use crate::failure::Failure;
use crate::packet::{Attributes, Fields, request};
use crate::session::Session;

const READ: u32 = 1;
const WRITE: u32 = 2;
const CREATE: u32 = 8;
const EXCLUSIVE: u32 = 0x20;

/// Modes of what is made.
const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;

/// How long the server's disk may take for the last bytes of a file. Meanwhile `ssh` makes sure that the server lives.
const SYNC: Duration = Duration::from_secs(600);

/// A name in a folder.
pub(crate) struct Entry {
    /// `None` when it is no text.
    pub(crate) name: Option<String>,
    pub(crate) attributes: Attributes,
}

impl Entry {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text()?.to_vec();
        // As `ls -l` shows it.
        fields.text()?;
        Some(Entry { name: String::from_utf8(name).ok(), attributes: fields.attributes()? })
    }
}

impl Session {
    /// Opens a file for reading.
    pub(crate) fn open(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        let (id, packet) = self.request(request::OPEN);
        self.call(id, packet.text(path).number(READ).number(0))?.handle(self)
    }

    /// Makes a new file, and opens it for writing. Fails when there is one.
    pub(crate) fn create(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        let (id, packet) = self.request(request::OPEN);
        self.call(id, packet.text(path).number(WRITE | CREATE | EXCLUSIVE).mode(FILE))?.handle(self)
    }

    pub(crate) fn close(&mut self, handle: &[u8]) -> Result<(), Failure> {
        self.done(request::CLOSE, &[handle])
    }

    /// Looks at what is open.
    pub(crate) fn look_at(&mut self, handle: &[u8]) -> Result<Attributes, Failure> {
        let (id, packet) = self.request(request::FSTAT);
        self.call(id, packet.text(handle))?.attributes(self)
    }

    /// Looks at a path, and follows no link at its end; `None` when nothing is there.
    pub(crate) fn look(&mut self, path: &str) -> Result<Option<Attributes>, Failure> {
        let (id, packet) = self.request(request::LSTAT);
        match self.call(id, packet.text(path))?.attributes(self) {
            Err(failure) if failure.is_missing() => Ok(None),
            looked => looked.map(Some),
        }
    }

    /// Returns all that is in a folder.
    pub(crate) fn entries(&mut self, path: &str) -> Result<Vec<Entry>, Failure> {
        let (id, packet) = self.request(request::OPENDIR);
        let handle = self.call(id, packet.text(path))?.handle(self)?;
        let mut entries = Vec::new();
        let listed = loop {
            let (id, packet) = self.request(request::READDIR);
            match self.call(id, packet.text(&handle))?.names(self) {
                Ok(more) if more.is_empty() => break Ok(()),
                Ok(more) => entries.extend(more),
                Err(failure) => break Err(failure),
            }
        };
        self.close(&handle).and(listed).map(|()| entries)
    }

    pub(crate) fn remove(&mut self, path: &str) -> Result<(), Failure> {
        self.done(request::REMOVE, &[path.as_bytes()])
    }

    pub(crate) fn make_folder(&mut self, path: &str) -> Result<(), Failure> {
        let (id, packet) = self.request(request::MKDIR);
        self.call(id, packet.text(path).mode(FOLDER))?.status(self)
    }

    pub(crate) fn remove_folder(&mut self, path: &str) -> Result<(), Failure> {
        self.done(request::RMDIR, &[path.as_bytes()])
    }

    /// Gives a file another name, which must be free.
    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Failure> {
        self.done(request::RENAME, &[from.as_bytes(), to.as_bytes()])
    }

    /// Gives a file another name, and replaces what has it.
    pub(crate) fn rename_over(&mut self, from: &str, to: &str) -> Result<(), Failure> {
        self.done(request::EXTENDED, &[b"posix-rename@openssh.com", from.as_bytes(), to.as_bytes()])
    }

    /// Brings what was written to the server's disk, where the server can do that.
    pub(crate) fn sync(&mut self, handle: &[u8]) -> Result<(), Failure> {
        const NAME: &str = "fsync@openssh.com";
        if !self.offers(NAME) {
            return Ok(());
        }
        self.patiently(SYNC, |session| session.done(request::EXTENDED, &[NAME.as_bytes(), handle]))
    }

    /// Asks for the room of the file system that holds a path; `None` where the server does not tell.
    pub(crate) fn space(&mut self, path: &str) -> Result<Option<Space>, Failure> {
        const NAME: &str = "statvfs@openssh.com";
        if !self.offers(NAME) {
            return Ok(None);
        }
        let (id, packet) = self.request(request::EXTENDED);
        let reply = match self.call(id, packet.text(NAME).text(path))?.reply(self) {
            // Some servers offer it whether or not what lies behind them can tell.
            Err(failure) if failure.is_unsupported() => return Ok(None),
            reply => reply?,
        };
        let mut fields = Fields(&reply);
        let [_, unit, total, _, available] = std::array::from_fn(|_| fields.long());
        let (Some(unit), Some(total), Some(available)) = (unit, total, available) else {
            return Err(self.nonsense());
        };
        Ok(Some(Space { available: available.saturating_mul(unit), total: total.saturating_mul(unit) }))
    }

    /// Sends a request of some texts, and expects that it was done.
    fn done(&mut self, kind: u8, texts: &[&[u8]]) -> Result<(), Failure> {
        let (id, packet) = self.request(kind);
        let packet = texts.iter().fold(packet, |packet, text| packet.text(text));
        self.call(id, packet)?.status(self)
    }
}
