mod modes;

use cadangkan_core::{ErrorKind, ObjectReport, Result, format_bytes, format_some};
use cadangkan_engine::{DatabaseInfo, DumpOptions, DumpPlan, DumpRequest, Scan};
use serde_json::{Value, json};

use self::modes::Modes;
use crate::app::{App, CatalogNeed};
use crate::inventory::Wishes;
use crate::ui::count::count;
use crate::ui::escape;
use crate::ui::selection::describe;
use crate::ui::table::{Align, Table};
use crate::ui::words;

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
    let scan = engine.scan(&app.control())?;
    let mut value = json!(scan);
    if let Some(server) = engine.server() {
        let meant = server.databases(&app.control()).or_else(|error| match error.kind() {
            // What is there is listed all the same.
            ErrorKind::NotFound => {
                app.warn(&error.to_string());
                Ok(Vec::new())
            }
            _ => Err(error),
        })?;
        let configured = session.inventory.effective(entry, &Wishes::default()).backup.value;
        let modes = Modes::look(server, &configured, &app.control())?;
        insert(&mut value, "meant", json!(meant));
        insert(&mut value, "modes", json!(modes));
        return app.print(&value, || {
            let names: String = meant.iter().map(|name| format!("  {}\n", escape(name))).collect();
            let takes = format!("A backup of {} takes {} of them:", entry.name, meant.len());
            let scanned = scan_text(app, entry.engine.display_name, &scan);
            format!("{scanned}\n{takes}\n{names}\n{}", modes.text(app))
        });
    }
    let wishes = session.inventory.effective(entry, &Wishes::default()).backup.value;
    let selection = wishes.selection();
    let options = DumpOptions { globals: wishes.globals, ..DumpOptions::default() };
    let request = DumpRequest { selection: selection.clone(), options, ..DumpRequest::default() };
    let plan = engine.plan_dump(&request, &app.control())?;
    insert(&mut value, "selection", json!(selection));
    insert(&mut value, "matches", json!(plan));
    app.print(&value, || {
        let selected = describe(&selection).unwrap_or_else(|| "everything".to_owned());
        format!(
            "{}\nA backup of {} takes {}:\n\n{}",
            scan_text(app, entry.engine.display_name, &scan),
            entry.name,
            escape(&selected),
            matched(app, &plan)
        )
    })
}

fn insert(value: &mut Value, key: &str, more: Value) {
    if let Some(map) = value.as_object_mut() {
        map.insert(key.to_owned(), more);
    }
}

/// What the server is, and its databases; columns that nobody can fill are left out.
fn scan_text(app: &App, engine: &str, scan: &Scan) -> String {
    let Scan { server, replication, databases } = scan;
    let facts: Vec<_> = server.facts.iter().map(|(label, value)| format!("{label} {value}")).collect();
    let server = format!("{engine} {}; {}", server.version, facts.join(", "));
    let mut text = format!("Server:       {}\n", escape(server.trim_end_matches("; ")));
    if let Some(replication) = words(replication) {
        text.push_str(&format!("Replication:  {}\n", escape(&replication)));
    }
    let (tables, engines) = (
        databases.iter().any(|database| database.tables.is_some()),
        databases.iter().any(|database| !database.engines.is_empty()),
    );
    let mut columns = vec![("database", Align::Left), ("size", Align::Right)];
    columns.extend(tables.then_some(("tables", Align::Right)));
    columns.extend(engines.then_some(("engines", Align::Left)));
    let mut table = Table::new(columns);
    for database in databases {
        let mut cells = vec![
            database.name.clone().into(),
            database.size_bytes.map(format_bytes).unwrap_or_default().into(),
        ];
        cells.extend(
            tables.then(|| database.tables.map(|tables| tables.to_string()).unwrap_or_default().into()),
        );
        let lies_in = database.engines.iter().map(|(engine, tables)| format!("{engine} {tables}"));
        cells.extend(engines.then(|| lies_in.collect::<Vec<_>>().join(", ").into()));
        table.row(cells);
    }
    let size: u64 = databases.iter().filter_map(|database| database.size_bytes).sum();
    let total = count(databases.len() as u64, "database");
    text.push_str(&format!("\n{}\nTotal: {total}, {}\n", table.render(app.style), format_bytes(size)));
    text.extend(databases.iter().filter_map(|database| locked(app, database)));
    text
}

/// Warns of the tables that a backup locks.
fn locked(app: &App, database: &DatabaseInfo) -> Option<String> {
    let all = &database.without_transactions;
    let what = format!("{}: no transactions, locked while it is read: {}", database.name, few(all));
    (!all.is_empty()).then(|| format!("{} {}\n", app.style.warning_mark(), escape(&what)))
}

/// The first names of many, and how many more there are.
fn few(names: &[String]) -> String {
    format_some(names, 5)
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
