use cadangkan_core::{ObjectReport, Result, format_bytes};
use cadangkan_engine::{DatabaseInfo, DumpOptions, DumpPlan, DumpRequest};
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::inventory::Wishes;
use crate::ui::count::count;
use crate::ui::escape;
use crate::ui::selection::describe;
use crate::ui::table::{Align, Table};

/// Arguments of `scan`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan scan prod\n  cadangkan scan prod --output json | jq -r '.databases[].name'"
)]
pub(crate) struct ScanArgs {
    /// A database on the server
    database: String,
}

/// Lists the databases on a server, and what a backup of the configured one would take.
pub(crate) fn run(app: &App, args: &ScanArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(&args.database)?;
    let engine = entry.open()?;
    let databases = engine.scan(&app.control())?;
    if let Some(server) = engine.server() {
        let meant = server.databases(&app.control())?;
        let value = json!({ "databases": databases, "meant": meant });
        return app.print(&value, || {
            let names: String = meant.iter().map(|name| format!("  {}\n", escape(name))).collect();
            let takes = format!("A backup of {} takes {} of them:", entry.name, meant.len());
            format!("{}\n{takes}\n{names}", listed(app, &databases))
        });
    }
    let wishes = session.inventory.effective(entry, &Wishes::default()).backup.value;
    let selection = wishes.selection();
    let options = DumpOptions { globals: wishes.globals, row_security: false };
    let request = DumpRequest { selection: selection.clone(), options, ..DumpRequest::default() };
    let plan = engine.plan_dump(&request, &app.control())?;
    let value = json!({ "databases": databases, "selection": selection, "matches": plan });
    app.print(&value, || {
        let selected = describe(&selection).unwrap_or_else(|| "everything".to_owned());
        format!(
            "{}\nA backup of {} takes {}:\n\n{}",
            listed(app, &databases),
            entry.name,
            escape(&selected),
            matched(app, &plan)
        )
    })
}

fn listed(app: &App, databases: &[DatabaseInfo]) -> String {
    let mut table = Table::new([("database", Align::Left), ("size", Align::Right), ("tables", Align::Right)]);
    for database in databases {
        table.row([
            database.name.clone().into(),
            database.size_bytes.map(format_bytes).unwrap_or_default().into(),
            database.tables.map(|tables| tables.to_string()).unwrap_or_default().into(),
        ]);
    }
    format!("{}\nTotal: {}\n", table.render(app.style), count(databases.len() as u64, "database"))
}

fn matched(app: &App, plan: &DumpPlan) -> String {
    let mut table = Table::new([("object", Align::Left), ("kind", Align::Left), ("size", Align::Right)]);
    let row = |object: &ObjectReport| {
        let size = object.raw_bytes.map(format_bytes).unwrap_or_default();
        [object.name.to_string().into(), object.kind.to_string().into(), size.into()]
    };
    plan.objects.iter().for_each(|object| table.row(row(object)));
    let size =
        plan.estimated_bytes.map(|bytes| format!(", about {}", format_bytes(bytes))).unwrap_or_default();
    let warning = |text: &String| format!("{} {}\n", app.style.warning_mark(), escape(text));
    let warnings: String = plan.warnings.iter().map(warning).collect();
    let objects = count(plan.objects.len() as u64, "object");
    format!("{}\nTotal: {objects}{size}\n{warnings}", table.render(app.style))
}
