use cadangkan_core::Result;
use serde_json::json;

use crate::app::App;
use crate::registry;

/// Arguments of `version`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan version\n  cadangkan version --output json")]
pub(crate) struct VersionArgs {}

/// Prints the version, and which engines and storages this program has.
pub(crate) fn run(app: &App, _args: &VersionArgs) -> Result<()> {
    let engines: Vec<_> = registry::ENGINES.iter().map(|engine| engine.id).collect();
    let storages: Vec<_> = registry::STORAGES.iter().map(|storage| storage.id).collect();
    let version = env!("CARGO_PKG_VERSION");
    app.print(&json!({ "version": version, "engines": engines, "storages": storages }), || {
        format!("cadangkan {version} (engines: {}; storages: {})\n", engines.join(", "), storages.join(", "))
    })
}
