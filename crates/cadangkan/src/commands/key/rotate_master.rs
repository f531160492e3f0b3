use std::path::PathBuf;

use cadangkan_catalog::{Catalog, Definition, DefinitionKind};
use cadangkan_core::settings::{Field, FieldKind};
use cadangkan_core::{Clock, Result};
use serde_json::json;
use zeroize::Zeroizing;

use crate::app::{App, CatalogNeed};
use crate::commands::secret;
use crate::secrets::{Keyring, Owner, Place, Rotation, read_file};
use crate::ui::count::count;

/// Arguments of `key rotate-master`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Every secret in the catalog is opened with the present master key and sealed with the new one, all of them or none; then master.key is replaced; a key in the keyring is replaced there. Where the key is that of CADANGKAN_MASTER_KEY, the new one must be given, and the variable changed afterwards. Whatever stops it, nothing is lost: run it again.\n\nExamples:\n  cadangkan key rotate-master\n  cadangkan key generate new-master.key --symmetric && cadangkan key rotate-master --new-key-file new-master.key"
)]
pub(super) struct RotateMasterArgs {
    /// A file with the new key, 32 bytes as base64 [default: a new one is made]
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    /// Read the new key from the standard input
    #[arg(long, conflicts_with = "new_key_file")]
    new_key_stdin: bool,
}

/// What is asked for.
const NEW_KEY: Field = Field {
    name: "new_key",
    kind: FieldKind::Secret,
    required: true,
    default: None,
    help: "the new master key",
};

/// Replaces the key that seals the secrets in the catalog.
pub(super) fn run(app: &App, args: &RotateMasterArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let catalog = session.catalog()?;
    let given = given(app, args)?;
    let mut rotation = Keyring::of(session.home()).rotate(given.as_ref().map(|text| text.as_str()))?;
    let changed = reseal(catalog, &mut rotation)?;
    let value =
        json!({ "key_id": rotation.id(), "sealed": rotation.sealed(), "dry_run": app.global.dry_run });
    let (sealed, id) = (count(rotation.sealed(), "secret"), rotation.id());
    if app.global.dry_run {
        return app.print(&value, || format!("Would seal {sealed} with a new master key\n"));
    }
    let (variable, place) = (rotation.variable(), rotation.place());
    rotation.keep_both()?;
    let now = app.clock.now();
    catalog.redefine(&changed, now)?;
    // What the old key opens is not to be found in pages that are free.
    catalog.vacuum()?;
    rotation.end()?;
    let context = session.context(app);
    catalog.audit(now, context.initiator, "rotate master key", &id, None, Some(&value))?;
    app.print(&value, || {
        let next = match (variable, place) {
            (Some(variable), _) => {
                format!("Put the new key into {variable} now: the old one opens nothing here any more.")
            }
            (None, Place::File) => "Keep a copy of master.key apart from the catalog.".to_owned(),
            (None, Place::Keyring) => {
                "It is in the keyring; keep a copy of it apart from this machine.".to_owned()
            }
        };
        format!("{} Sealed {sealed} with the new master key {id}\n{next}\n", app.style.good_mark())
    })
}

fn given(app: &App, args: &RotateMasterArgs) -> Result<Option<Zeroizing<String>>> {
    let text = match &args.new_key_file {
        Some(path) => Some(read_file(path)?),
        None if args.new_key_stdin => Some(secret::read(app, &NEW_KEY)?),
        None => None,
    };
    Ok(text.map(Zeroizing::new))
}

/// Everything that has sealed secrets, sealed anew.
fn reseal(catalog: &Catalog, rotation: &mut Rotation) -> Result<Vec<Definition>> {
    let mut changed = Vec::new();
    let mut one = |owner: Owner<'_>, definition: &Definition| -> Result<()> {
        let resealed = rotation.reseal(owner, &definition.settings)?;
        changed.extend(resealed.map(|settings| Definition { settings, ..definition.clone() }));
        Ok(())
    };
    for definition in &catalog.definitions(DefinitionKind::Database)? {
        one(Owner::database(&definition.name), definition)?;
    }
    for definition in &catalog.definitions(DefinitionKind::Storage)? {
        one(Owner::storage(&definition.name), definition)?;
    }
    Ok(changed)
}
