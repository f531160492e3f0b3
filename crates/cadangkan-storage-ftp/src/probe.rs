//! Tries a storage out.

use std::io::{Read as _, Write as _};

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::new_partial_name;

use crate::failure::Failure;
use crate::pool::Pool;
use crate::session::Session;
use crate::walk;

const PROBE: &[u8] = b"cadangkan can write here";

/// Makes the root, then writes, renames, reads back and removes a small file in it. Its name is always that of an
/// unfinished file, so that a probe that is killed leaves nothing that looks like an object.
pub(crate) fn check(pool: &Pool) -> Result<()> {
    let path = &pool.settings.path;
    pool.with("cannot make the folder of a storage", path, |session| walk::make(session, ""))?;
    let [first, second] = ["probe", "to-probe"].map(new_partial_name);
    let content = pool.with("cannot write to the storage", path, |session| {
        try_out(session, &first, &second).inspect_err(|_| {
            // Whichever of the two it is; the reason is what matters.
            let _ = walk::remove(session, &first).and_then(|()| walk::remove(session, &second));
        })
    })?;
    pool.with("cannot remove files from the storage", path, |session| walk::remove(session, &second))?;
    if content == PROBE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, "the storage does not give back what was written to it")
        .context("path", path)
        .hint("look at the server's disk before you trust it with backups"))
}

fn try_out(session: &mut Session, first: &str, second: &str) -> Result<Vec<u8>, Failure> {
    let [first, second] = [first, second].map(|place| session.below(place));
    let mut data = session.transfer("STOR", &first, 0)?;
    data.write_all(PROBE)?;
    data.finish()?;
    session.transferred()?;
    session.call("RNFR", &first)?;
    session.call("RNTO", &second)?;
    let data = session.transfer("RETR", &second, 0)?;
    let mut content = Vec::new();
    // Many servers end TLS without a word; what came is compared.
    let _ = data.take(1000).read_to_end(&mut content);
    session.transferred()?;
    Ok(content)
}
