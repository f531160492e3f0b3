use std::fs::OpenOptions;
use std::io::Write;

use cadangkan_core::{Error, ErrorKind, Result};
use serde_json::json;

use crate::app::App;
use crate::config;
use cadangkan_ops::lock::create_private_folder;

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan init\n  cadangkan init --dry-run        # print it instead\n  cadangkan --config ./config.yaml init"
)]
pub(crate) struct InitArgs {}

/// Writes the commented sample, never over a file that is there.
pub(crate) fn run(app: &App, _args: &InitArgs) -> Result<()> {
    let place = config::locate(&app.sources(&[]))?;
    if app.global.dry_run {
        return app.print(&json!({ "path": place.file, "content": config::sample() }), || {
            config::sample().to_owned()
        });
    }
    if place.exists {
        return Err(Error::new(ErrorKind::Conflict, "there is a configuration already")
            .context("path", place.file.display())
            .hint("change it with `cadangkan config edit`, or print a fresh sample with `cadangkan init --dry-run`"));
    }
    create_private_folder(place.folder())?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(&place.file)
        .and_then(|mut file| file.write_all(config::sample().as_bytes()).and_then(|()| file.sync_all()))
        .map_err(|error| {
            Error::io("cannot write the configuration", error).context("path", place.file.display())
        })?;
    app.say(&format!(
        "{} Wrote {}\n\nNext steps:\n  cadangkan config edit        # say what to back up, and where to\n  cadangkan config validate    # names every mistake at once\n  cadangkan test --all         # can everything be reached?",
        app.message_style.good_mark(),
        place.file.display()
    ));
    app.print(&json!({ "path": place.file }), String::new)
}
