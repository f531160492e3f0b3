use std::io::IoSlice;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use cadangkan_core::{Control, Result};
use cadangkan_wire::{Address, Attempt, Tls};
use postgres_protocol::message::frontend;

use crate::Target;
use crate::connect::reach;
use crate::explain::WORDS;
use crate::session::Session;

/// The longest time that stopping a statement may take, for the request and again for the server's answer to it.
pub(crate) const STOPPING: Duration = Duration::from_secs(5);

/// Asks the server to stop the statement that a session runs (manual, "Canceling Requests in Progress").
///
/// Returns when the server has closed the request's connection: it has passed the request on by then, so that it
/// cannot hit the session's next statement.
pub(crate) fn request(
    target: &Target,
    address: &Address,
    encrypted: bool,
    session: &Session,
    control: &Control<'_>,
) -> Result<()> {
    let attempt = Attempt { deadline: Instant::now() + STOPPING, control, words: &WORDS };
    let tls = if encrypted { Tls::Needed } else { Tls::Without };
    let mut transport = reach(target, address, tls, &attempt)?;
    let mut message = BytesMut::new();
    frontend::cancel_request(session.process, session.key, &mut message);
    attempt.until(|| transport.write(&[IoSlice::new(&message)]))?;
    attempt.until(|| transport.flush())?;
    let mut answer = [0; 64];
    // Its end or its failure: both say that the server is done with it.
    let _ = attempt.until(|| transport.read(&mut answer, true));
    Ok(())
}
