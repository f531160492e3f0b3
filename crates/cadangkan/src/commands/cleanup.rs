use cadangkan_core::{Name, Result, format_bytes};
use cadangkan_ops::{Context, Database, cleanup};

use crate::app::{App, CatalogNeed};
use crate::commands::ticket::TicketArgs;
use crate::ui::count::count;
use crate::ui::table::{Align, Table};

/// Arguments of `cleanup`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan cleanup shop --dry-run    # what is there\n  cadangkan cleanup shop              # shows it, asks, removes it"
)]
pub(crate) struct CleanupArgs {
    /// The database
    database: Name,
    /// Only in this storage; may be given more than once
    #[arg(long, value_name = "NAME")]
    storage: Vec<Name>,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Shows what runs that died and past restores left behind, asks, and removes it.
pub(crate) fn run(app: &App, args: &CleanupArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(args.database.as_str())?;
    let ticket = args.ticket.of(app, &session, &[&entry.name])?;
    let engine = entry.open()?;
    let places = session.places_for(&entry.name, &args.storage)?;
    let list = places.list();
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let database = Database { name: &entry.name, engine: engine.as_ref(), one_of: None };
    let plan = cleanup::plan(&context, database, &list)?;
    let text = |plan: &cleanup::CleanupPlan| {
        if plan.items.is_empty() {
            return "There is nothing to remove.\n".to_owned();
        }
        let mut table = Table::new([
            ("what", Align::Left),
            ("size", Align::Right),
            ("in", Align::Left),
            ("where", Align::Left),
        ]);
        for item in &plan.items {
            let storage = item.storage.clone().unwrap_or_else(|| "beside the database".to_owned());
            let leftover = &item.leftover;
            table.row([
                leftover.description.clone().into(),
                format_bytes(leftover.size_bytes).into(),
                storage.into(),
                leftover.location.clone().into(),
            ]);
        }
        table.render(app.style)
    };
    if app.global.dry_run || plan.items.is_empty() {
        return app.print(&plan, || text(&plan));
    }
    app.confirm(text(&plan).trim_end(), "Remove all of these?")?;
    let done = cleanup::cleanup(&context, database, &list)?;
    let bytes = done.items.iter().map(|item| item.leftover.size_bytes).sum();
    app.print(&done, || {
        let removed = count(done.items.len() as u64, "leftover");
        format!("{} Removed {removed}, {}\n", app.style.good_mark(), format_bytes(bytes))
    })
}
