use std::fmt::Write;

use cadangkan_core::{Result, format_bytes};
use serde_json::json;

use super::list;
use crate::app::{App, CatalogNeed};
use crate::commands::fields;
use crate::config::{LowSpace, StorageLimits};
use crate::secrets;
use crate::ui::count::count;
use crate::ui::escape;

/// Arguments of `storage info`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan storage info home\n  cadangkan storage info home --output json"
)]
pub(super) struct InfoArgs {
    /// The storage
    storage: String,
}

/// Shows a storage: where it is, its settings, and whose backups go there. Connects to nothing.
pub(super) fn run(app: &App, args: &InfoArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.storage(&args.storage)?;
    let usage = session.catalog()?.usage()?;
    let settings = fields::shown(entry.provider.fields, &entry.settings);
    let mut value = list::value(&session, entry, &usage);
    if let Some(map) = value.as_object_mut() {
        map.insert("settings".into(), settings.clone());
        map.insert("limits".into(), json!(entry.limits));
    }
    app.print(&value, || {
        let databases = session.inventory.databases_of(&entry.name);
        let databases =
            databases.iter().map(|database| database.name.as_str()).collect::<Vec<_>>().join(", ");
        let (backups, bytes) = list::total(entry, &usage);
        let mut lines = vec![
            ("Storage".to_owned(), entry.name.to_string()),
            ("Kind".to_owned(), entry.provider.display_name.to_owned()),
            ("Location".to_owned(), entry.location().unwrap_or_default()),
            ("Defined in".to_owned(), entry.origin.to_string()),
            ("State".to_owned(), list::state(entry).0.to_owned()),
            ("Databases".to_owned(), if databases.is_empty() { "none".to_owned() } else { databases }),
            ("Backups".to_owned(), format!("{}, {}", count(backups, "backup"), format_bytes(bytes))),
        ];
        let StorageLimits { bandwidth, capacity, low_space } = entry.limits;
        for (label, limit) in [
            ("Bandwidth", bandwidth.map(|limit| format!("{} a second", format_bytes(limit)))),
            ("Capacity", capacity.map(format_bytes)),
            ("Low space", low_space.map(LowSpace::text)),
        ] {
            lines.extend(limit.map(|limit| (label.to_owned(), limit)));
        }
        for (key, value) in settings.as_object().into_iter().flatten() {
            lines.push((key.clone(), value.as_str().map_or_else(|| json!(value).to_string(), str::to_owned)));
        }
        for field in secrets::secret_fields(entry.provider.fields) {
            if entry.settings.get(field.name).is_some() {
                lines.push((field.name.to_owned(), "set".to_owned()));
            }
        }
        let mut text = String::new();
        for (label, value) in lines {
            let _ = writeln!(text, "{label:<12} {}", escape(&value));
        }
        text
    })
}
