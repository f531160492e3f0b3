//! Tries a storage out.

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::new_partial_name;

use crate::failure::Failure;
use crate::packet::request;
use crate::session::Session;
use crate::settings::Settings;
use crate::walk;
use crate::writer::explain;

const PROBE: &[u8] = b"cadangkan can write here";

/// Makes the root, then writes, renames, reads back and removes a small file in it. Its name is always that of an
/// unfinished file, so that a probe that is killed leaves nothing that looks like an object.
pub(crate) fn check(session: &mut Session, settings: &Settings) -> Result<()> {
    walk::make(session, settings, "")?;
    let [first, second] = ["probe", "to-probe"].map(|name| settings.below(&new_partial_name(name)));
    let tried = write(session, &first)
        .and_then(|()| session.rename(&first, &second))
        .and_then(|()| read_back(session, &second));
    let content = tried.map_err(|failure| {
        // Whichever of the two it is; the reason is what matters.
        let _ = session.remove(&first).or_else(|_| session.remove(&second));
        explain(session, failure, "cannot write to the storage", &first)
    })?;
    session
        .remove(&second)
        .map_err(|failure| failure.explain("cannot remove files from the storage", &second))?;
    if content == PROBE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, "the storage does not give back what was written to it")
        .context("path", &settings.path)
        .hint("look at the server's disk before you trust it with backups"))
}

fn write(session: &mut Session, path: &str) -> Result<(), Failure> {
    let handle = session.create(path)?;
    let (id, packet) = session.request(request::WRITE);
    session.call(id, packet.text(&handle).long(0).text(PROBE))?.status(session)?;
    session.sync(&handle)?;
    session.close(&handle)
}

fn read_back(session: &mut Session, path: &str) -> Result<Vec<u8>, Failure> {
    let handle = session.open(path)?;
    let (id, packet) = session.request(request::READ);
    let read = session.call(id, packet.text(&handle).long(0).number(1000))?.data(session)?;
    session.close(&handle)?;
    Ok(read.map(|(bytes, begin)| bytes.get(begin..).unwrap_or_default().to_vec()).unwrap_or_default())
}
