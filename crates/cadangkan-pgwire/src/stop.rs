use std::io::IoSlice;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use cadangkan_core::{Control, Result};
use postgres_protocol::message::frontend;

use crate::Target;
use crate::connect::{reach_again, until};
use crate::session::Session;
use crate::socket::Address;

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
    let deadline = Instant::now() + STOPPING;
    let mut transport = reach_again(target, address, encrypted, deadline, control)?;
    let mut message = BytesMut::new();
    frontend::cancel_request(session.process, session.key, &mut message);
    until(deadline, control, || transport.write(&[IoSlice::new(&message)]))?;
    until(deadline, control, || transport.flush())?;
    let mut answer = [0; 64];
    // Its end or its failure: both say that the server is done with it.
    let _ = until(deadline, control, || transport.read(&mut answer, true));
    Ok(())
}
