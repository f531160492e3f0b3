use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_storage::LifecycleRule;
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::ui::escape;

/// Arguments of `storage lifecycle`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan storage lifecycle cloud\n  cadangkan storage lifecycle cloud --set --dry-run\n  cadangkan storage lifecycle cloud --clear"
)]
pub(super) struct LifecycleArgs {
    /// The storage
    storage: Name,
    /// Set the rules that the storage's settings ask for; those of others stay as they are
    #[arg(long, conflicts_with = "clear")]
    set: bool,
    /// Remove the rules that were set; those of others stay as they are
    #[arg(long)]
    clear: bool,
}

/// Shows the rules by which a storage moves and removes objects by itself, or sets ours.
pub(super) fn run(app: &App, args: &LifecycleArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let storage = session.inventory.storage(args.storage.as_str())?.open()?;
    let lifecycle = storage.lifecycle().ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "this storage has no rules that can be seen or set from here")
            .hint("set them with the provider's own tools; archives may be moved, the files beside them may not")
    })?;
    let change = args.set || args.clear;
    if change {
        let wanted = if args.set { lifecycle.wanted() } else { Vec::new() };
        let about = match wanted.is_empty() {
            true => "To be removed: the rules of this storage\n".to_owned(),
            false => format!("To be set:\n{}", lines(app, &wanted)),
        };
        if app.global.dry_run {
            return app.print(&json!({ "wanted": wanted }), || about);
        }
        app.confirm(about.trim_end(), "Change the rules of the bucket?")?;
        if args.set { lifecycle.set()? } else { lifecycle.clear()? }
    }
    let found = lifecycle.found()?;
    app.print(&json!({ "rules": found, "wanted": lifecycle.wanted() }), || {
        let missing = !change && lifecycle.wanted().iter().any(|wanted| !found.contains(wanted));
        let hint = match missing {
            true => format!("Not set yet: cadangkan storage lifecycle {} --set\n", args.storage),
            false => String::new(),
        };
        match found.is_empty() {
            true => format!("No rule concerns this storage.\n{hint}"),
            false => format!("{}{hint}", lines(app, &found)),
        }
    })
}

fn lines(app: &App, rules: &[LifecycleRule]) -> String {
    let line = |rule: &LifecycleRule| {
        let mark = if rule.removes { app.style.warning_mark() } else { app.style.good_mark() };
        let whose = if rule.ours { "" } else { ", not ours" };
        format!("  {mark} {} ({}{whose})\n", escape(&rule.does), escape(&rule.id))
    };
    rules.iter().map(line).collect()
}
