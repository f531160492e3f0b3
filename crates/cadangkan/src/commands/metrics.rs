use std::io::Write;
use std::path::{Path, PathBuf};

use cadangkan_core::{Error, Result};
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::cli::OutputFormat;
use crate::metrics::current;

/// Arguments of `metrics`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "docs/metrics.md has every name.\n\nExamples:\n  cadangkan metrics\n  cadangkan metrics --file /var/lib/node_exporter/textfile/cadangkan.prom"
)]
pub(crate) struct MetricsArgs {
    /// Write them to this file, at once, for the textfile collector of node_exporter
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

/// Prints metrics as Prometheus reads them.
pub(crate) fn run(app: &App, args: &MetricsArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let text = current(app, &session)?;
    let Some(file) = args.file.as_ref().filter(|_| !app.global.dry_run) else {
        return match app.global.output {
            OutputFormat::Table => app.print_text(&text),
            OutputFormat::Json => app.print(&json!({ "text": text }), String::new),
        };
    };
    write(file, &text).map_err(|error| {
        Error::io("cannot write the metrics", error)
            .context("file", file.display())
            .hint("its folder has to be there, and this user has to be allowed to write to it")
    })?;
    app.print(&json!({ "file": file }), String::new)
}

/// Whoever reads it sees the old file or the new one, never a part.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut partial = tempfile::Builder::new().prefix(".cadangkan-").tempfile_in(folder)?;
    partial.write_all(text.as_bytes())?;
    // It holds no secret, and is read by another user.
    #[cfg(unix)]
    partial.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    partial.as_file().sync_all()?;
    partial.persist(file).map(drop).map_err(|error| error.error)
}
