use cadangkan_core::{Clock, Result};
use serde_json::json;

use crate::app::{App, CatalogNeed};
use crate::secrets::{Keyring, Place};

/// Arguments of `key move-master`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The key is read back from where it goes, and compared, before it is taken away from where it was; the file master.key then says that the keyring has it. Where there is no key yet, one is made. Whatever stops it, nothing is lost: run it again.\n\nA keyring opens for who is logged in on a desktop. For a service, or where nobody is logged in at night, leave the key in its file.\n\nExamples:\n  cadangkan key move-master keyring\n  cadangkan key move-master keyring && cadangkan key rotate-master  # a new one, never on the disk\n  cadangkan key move-master file"
)]
pub(super) struct MoveMasterArgs {
    /// Where it is to be kept
    place: Place,
}

/// Moves the key that seals the secrets in the catalog into the keyring of the system, or back into its file.
pub(super) fn run(app: &App, args: &MoveMasterArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let moved = Keyring::of(session.home()).relocate(args.place, app.global.dry_run)?;
    let place = match args.place {
        Place::Keyring => "in the keyring",
        Place::File => "in its file",
    };
    let value = json!({ "key_id": moved.id, "place": args.place, "changed": !moved.is_there, "made": moved.is_new, "dry_run": app.global.dry_run });
    if !app.global.dry_run && !moved.is_there {
        let (context, now) = (session.context(app), app.clock.now());
        let catalog = session.catalog()?;
        catalog.audit(now, context.initiator, "move master key", &moved.id, None, Some(&value))?;
    }
    app.print(&value, || {
        let (mark, id) = (app.style.good_mark(), &moved.id);
        match (moved.is_there, moved.is_new, app.global.dry_run) {
            (true, ..) => format!("{mark} The master key {id} is {place} already\n"),
            (_, true, true) => format!("Would make a master key {place}\n"),
            (_, _, true) => format!("Would move the master key {id}: it would be {place}\n"),
            _ => {
                format!("{mark} The master key {id} is {place}\nKeep a copy of it apart from this machine.\n")
            }
        }
    })
}
