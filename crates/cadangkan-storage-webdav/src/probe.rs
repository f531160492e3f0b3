//! Tries a storage out.

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_storage::new_partial_name;

use crate::client::{Client, Request};
use crate::failure::Failure;
use crate::folders;

const PROBE: &[u8] = b"cadangkan can write here";

/// Makes the root, then writes, moves, reads back and removes a small file in it. Its name is always that of an
/// unfinished file, so that a probe that is killed leaves nothing that looks like an object.
pub(crate) fn check(client: &Client) -> Result<()> {
    folders::make(client, "")?;
    folders::expect_root(client)?;
    let [first, second] = ["probe", "to-probe"].map(new_partial_name);
    let content = try_out(client, &first, &second).map_err(|failure| {
        // Whichever of the two it is; the reason is what matters.
        let _ = folders::remove(client, &first).and_then(|()| folders::remove(client, &second));
        Error::from(failure)
    })?;
    folders::remove(client, &second)?;
    if content == PROBE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Io, "the storage does not give back what was written to it")
        .context("url", client.settings.url(&client.settings.path))
        .hint("check the server, and any proxy in between, before you trust it with backups"))
}

fn try_out(client: &Client, first: &str, second: &str) -> Result<Vec<u8>, Failure> {
    let settings = &client.settings;
    let [first, second] = [first, second].map(|place| settings.below(place));
    client.send(&Request::new("PUT", first.as_str()).body(PROBE))?;
    let to = settings.url(&second);
    client.send(&Request::new("MOVE", first).header("destination", to).header("overwrite", "F"))?;
    client.send(&Request::new("GET", second))
}
