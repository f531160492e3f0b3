use std::time::{Duration, Instant};

use cadangkan_core::{Control, Result};
use cadangkan_wire::{Address, Tls};

use crate::Target;
use crate::answers::Step;
use crate::connect::open_with;
use crate::connection::QUERY;
use crate::explain::{explain, not_mysql};

/// The longest time that stopping a statement may take, for the request and again for the server's answer to it.
pub(crate) const STOPPING: Duration = Duration::from_secs(5);

/// Asks the server to stop the statement that a connection runs (manual, "KILL Statement").
///
/// Returns when the server has passed the request on, so that it cannot hit a later statement.
pub(crate) fn request(
    target: &Target,
    address: &Address,
    encrypted: bool,
    connection_id: u64,
    control: &Control<'_>,
) -> Result<()> {
    let deadline = Instant::now() + STOPPING;
    let tls = if encrypted { Tls::Needed } else { Tls::Without };
    let mut session = open_with(&target.with_database(None), address, tls, deadline, control)?;
    session.channel.deadline = Some(deadline);
    session.channel.command(QUERY, format!("KILL QUERY {connection_id}").as_bytes(), control)?;
    session.answers.expect();
    match session.answers.take(session.channel.receive(control)?) {
        Ok(Step::Failed(error)) => Err(explain(error)),
        Ok(_) => Ok(()),
        Err(what) => Err(not_mysql(what)),
    }
}
