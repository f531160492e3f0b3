use cadangkan_core::{Error, ErrorKind, Name, Result, Ticket};

use crate::app::{App, Session};
use crate::commands::first_run;
use crate::config::Setting;
use crate::inventory::Wishes;

/// The flag of whatever leaves a record.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct TicketArgs {
    /// The ticket that asks for this, such as OPS-4711
    #[arg(long, value_name = "WORD")]
    ticket: Option<String>,
}

impl TicketArgs {
    /// The ticket that was given; where the configuration requires one for any of `databases`, it is asked for on a
    /// terminal, and fails with `Usage` elsewhere. A dry run needs none.
    pub(crate) fn of(&self, app: &App, session: &Session, databases: &[&Name]) -> Result<Option<Ticket>> {
        if let Some(text) = &self.ticket {
            return Ticket::new(text).map(Some);
        }
        // Whoever made the schedule asked for its runs.
        if app.job.is_some() {
            return Ok(None);
        }
        let Some(required) = required(session, databases) else { return Ok(None) };
        if app.global.dry_run {
            app.warn("a ticket is required: add it with --ticket when this is to be done");
            return Ok(None);
        }
        if app.process.can_ask && !app.global.yes {
            let ask = || Ticket::new(app.with_prompter(|prompter| prompter.ask("Ticket", None))?);
            return first_run::again(app, ask).map(Some);
        }
        Err(Error::new(ErrorKind::Usage, "a ticket is required")
            .context("require_ticket", required.origin)
            .hint("add --ticket with its word, for example --ticket OPS-4711"))
    }
}

/// What requires a ticket, if anything does. For what is not configured the defaults count.
fn required(session: &Session, databases: &[&Name]) -> Option<Setting<bool>> {
    let inventory = &session.inventory;
    let known = databases.iter().filter_map(|name| inventory.database(name.as_str()).ok());
    let mut settings: Vec<_> =
        known.map(|entry| inventory.effective(entry, &Wishes::default()).require_ticket).collect();
    if settings.is_empty() {
        settings.push(inventory.defaults().require_ticket.clone());
    }
    settings.into_iter().find(|setting| setting.value)
}
