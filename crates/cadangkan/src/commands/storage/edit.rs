use cadangkan_catalog::DefinitionKind;
use cadangkan_core::{Error, ErrorKind, Result};
use serde_json::{Value, json};

use super::add::save_entry;
use crate::app::{App, CatalogNeed, Session};
use crate::commands::edit::{disabled_in_file, edit_as_text, open_editor, set_enabled};
use crate::commands::{config, secret};
use crate::inventory::{Origin, StorageEntry, storage_definition};
use crate::secrets;

/// Arguments of `storage edit`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan storage edit usb             # in $VISUAL or $EDITOR, tried out before it is saved\n  cadangkan storage edit usb --disable"
)]
pub(super) struct EditArgs {
    /// The storage
    storage: String,
    /// Let it take part again
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Leave it alone until it is enabled again; for a declared storage this is a pause
    #[arg(long)]
    disable: bool,
    /// Give it another secret of this name, read from the standard input; asked for on a terminal
    #[arg(long, value_name = "FIELD", conflicts_with_all = ["enable", "disable"])]
    secret: Option<String>,
}

/// Enables or disables a storage, gives it another secret, or opens what defines it in an editor.
pub(super) fn run(app: &App, args: &EditArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.storage(&args.storage)?;
    if args.enable || args.disable {
        if args.enable && !entry.enabled && !entry.paused && entry.origin.is_file() {
            return Err(disabled_in_file(&entry.name, &entry.origin));
        }
        return set_enabled(app, &session, DefinitionKind::Storage, &entry.name, args.enable);
    }
    match (&entry.origin, &args.secret) {
        (Origin::File { .. }, Some(_)) => {
            let message = format!("\"{}\" is declared in the configuration file", entry.name);
            Err(Error::new(ErrorKind::Conflict, message).context("at", &entry.origin).hint(
                "change its secret there: ${VARIABLE}, or the keys that end in _file, _command and _keyring",
            ))
        }
        (Origin::File { path, line }, None) => {
            open_editor(path, Some(*line))?;
            config::validate(app)
        }
        (Origin::Catalog | Origin::Implicit, Some(field)) => {
            let changed = with_secret(app, &session, entry, field)?;
            change(app, &session, entry, changed)
        }
        (Origin::Catalog | Origin::Implicit, None) => {
            let changed = edit_as_text(&session, &definition_of(&session, entry)?)?;
            change(app, &session, entry, changed)
        }
    }
}

/// The definition of a storage as the catalog keeps it.
fn definition_of(session: &Session, entry: &StorageEntry) -> Result<Value> {
    let known = session.catalog()?.definition(DefinitionKind::Storage, &entry.name)?;
    Ok(known.map_or_else(
        || storage_definition(entry.provider.id, &entry.settings, entry.limits, entry.enabled),
        |definition| definition.settings,
    ))
}

/// The definition with another secret in it, in the place of wherever it came from.
fn with_secret(app: &App, session: &Session, entry: &StorageEntry, name: &str) -> Result<Value> {
    let provider = entry.provider;
    let all = || secrets::secret_fields(provider.fields);
    let field = all().find(|field| field.name == name).ok_or_else(|| {
        let names = all().map(|field| field.name).collect::<Vec<_>>().join(", ");
        let hint = if names.is_empty() { "it has none".to_owned() } else { format!("there is: {names}") };
        Error::new(ErrorKind::Usage, format!("{} has no such secret", provider.display_name)).hint(hint)
    })?;
    let mut definition = definition_of(session, entry)?;
    if let Some(Value::Object(settings)) = definition.get_mut(provider.id) {
        secrets::keys_of(field).iter().for_each(|key| drop(settings.shift_remove(key)));
        settings.insert(field.name.to_owned(), Value::from(secret::read(app, field)?));
    }
    Ok(definition)
}

/// Tries a changed definition out, and saves it when that went well.
fn change(app: &App, session: &Session, entry: &StorageEntry, changed: Value) -> Result<()> {
    let name = &entry.name;
    if changed == definition_of(session, entry)? {
        return app.print(&json!({ "name": name, "changed": false }), || "Nothing was changed.\n".to_owned());
    }
    let checked = StorageEntry::from_definition(name, &changed, session.home())?;
    save_entry(app, session, &checked, changed, true)?;
    app.print(&json!({ "name": name, "changed": true }), || {
        format!("{} {name} is changed\n", app.style.good_mark())
    })
}
