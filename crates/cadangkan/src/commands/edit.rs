use std::io::Write;
use std::path::Path;

use cadangkan_catalog::DefinitionKind;
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::labels::{GROUP, parse_label};
use crate::commands::{config, secret};
use crate::environment::environment;
use crate::inventory::{DatabaseEntry, Origin, database_definition};
use crate::secrets;
use crate::secrets::Owner;

/// Arguments of `edit`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan edit shop             # in $VISUAL or $EDITOR, checked before it is saved\n  cadangkan edit shop --disable\n  cadangkan edit prod --password-stdin < new-password\n  cadangkan edit shop --storage home,offsite\n  cadangkan edit shop --label client=acme --label env=prod"
)]
pub(crate) struct EditArgs {
    /// The database
    database: String,
    /// Let it take part again
    #[arg(long, conflicts_with = "disable")]
    enable: bool,
    /// Leave it alone until it is enabled again; for a declared database this is a pause
    #[arg(long)]
    disable: bool,
    /// Give it another password, read from the standard input; asked for on a terminal
    #[arg(long, conflicts_with_all = ["enable", "disable"])]
    password_stdin: bool,
    /// The storages that its backups go to from now on; what lies elsewhere stays
    #[arg(long, value_name = "NAME,…", value_delimiter = ',', conflicts_with_all = ["enable", "disable", "password_stdin"])]
    storage: Vec<Name>,
    /// Give it a label, or another value for it; without a value it is taken away. May be given more than once
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_change, conflicts_with_all = ["enable", "disable", "password_stdin", "storage", "default_storage"])]
    label: Vec<(Name, Option<String>)>,
    /// Let its backups go where the defaults say
    #[arg(long, conflicts_with_all = ["enable", "disable", "password_stdin", "storage"])]
    default_storage: bool,
}

/// Enables or disables a database, gives it another password or other storages, or opens what defines it in an editor.
pub(crate) fn run(app: &App, args: &EditArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let entry = session.inventory.database(&args.database)?;
    if args.enable || args.disable {
        return switch(app, &session, entry, args.enable);
    }
    let moves = args.default_storage || !args.storage.is_empty();
    let labels = !args.label.is_empty();
    match &entry.origin {
        Origin::File { .. } if labels => Err(declared(entry, "change `labels` there")),
        Origin::Catalog | Origin::Implicit if labels => relabel(app, &session, entry, &args.label),
        Origin::File { .. } if args.password_stdin => Err(declared(
            entry,
            "change its password there: ${VARIABLE}, password_file, password_command or password_keyring",
        )),
        Origin::File { .. } if moves => Err(declared(entry, "change `storage` there")),
        Origin::Catalog | Origin::Implicit if moves => send_to(app, &session, entry, &args.storage),
        Origin::Catalog | Origin::Implicit if args.password_stdin => change(
            app,
            &session,
            entry,
            &definition_of(&session, entry)?,
            with_password(app, &session, entry)?,
        ),
        Origin::File { path, line } => {
            open_editor(path, Some(*line))?;
            config::validate(app)
        }
        Origin::Catalog | Origin::Implicit => edit_created(app, &session, entry),
    }
}

fn switch(app: &App, session: &Session, entry: &DatabaseEntry, enable: bool) -> Result<()> {
    let DatabaseEntry { name, origin, enabled, paused, .. } = entry;
    if enable && !enabled && !paused && origin.is_file() {
        return Err(disabled_in_file(name, origin));
    }
    set_enabled(app, session, DefinitionKind::Database, name, enable)
}

/// What is disabled in the file stays so.
pub(crate) fn disabled_in_file(name: &Name, origin: &Origin) -> Error {
    Error::new(ErrorKind::Conflict, format!("\"{name}\" is disabled in the configuration file"))
        .context("at", origin)
        .hint("enable it there; from here what is declared can only be paused and resumed")
}

/// Enables or disables something, and says so.
pub(crate) fn set_enabled(
    app: &App,
    session: &Session,
    kind: DefinitionKind,
    name: &Name,
    enable: bool,
) -> Result<()> {
    if !app.global.dry_run {
        session.catalog()?.set_enabled(kind, name, enable, app.clock.now())?;
    }
    app.print(&json!({ "name": name, "enabled": enable, "dry_run": app.global.dry_run }), || {
        let state = if enable { "enabled" } else { "disabled" };
        let is = if app.global.dry_run { "would be" } else { "is" };
        format!("{} {name} {is} {state}\n", app.style.good_mark())
    })
}

/// The definition of a database as the catalog keeps it.
fn definition_of(session: &Session, entry: &DatabaseEntry) -> Result<Value> {
    let known = session.catalog()?.definition(DefinitionKind::Database, &entry.name)?;
    Ok(known.map_or_else(
        || database_definition(entry.engine.id, &entry.settings, &entry.options, entry.enabled),
        |definition| definition.settings,
    ))
}

fn declared(entry: &DatabaseEntry, hint: &str) -> Error {
    let message = format!("\"{}\" is declared in the configuration file", entry.name);
    Error::new(ErrorKind::Conflict, message).context("at", &entry.origin).hint(hint)
}

/// Lets backups go to these storages, or to the default ones when there is none. The database need not be there for it.
fn send_to(app: &App, session: &Session, entry: &DatabaseEntry, storages: &[Name]) -> Result<()> {
    for storage in storages {
        session.inventory.storage(storage.as_str())?;
    }
    let present = definition_of(session, entry)?;
    let mut changed = present.clone();
    if let Value::Object(map) = &mut changed {
        map.shift_remove("storage");
        if !storages.is_empty() {
            map.insert("storage".to_owned(), json!(storages));
        }
    }
    if changed == present {
        return unchanged(app, entry);
    }
    let checked = DatabaseEntry::from_definition(&entry.name, &changed, session.home())?;
    save(app, session, &checked, changed)
}

/// Gives a database other labels. It need not be there for it.
fn relabel(
    app: &App,
    session: &Session,
    entry: &DatabaseEntry,
    changes: &[(Name, Option<String>)],
) -> Result<()> {
    let present = definition_of(session, entry)?;
    let mut changed = present.clone();
    let mut labels = entry.options.labels();
    for (key, value) in changes {
        labels.remove(key.as_str());
        labels.extend(value.clone().map(|value| (key.to_string(), value)));
    }
    if let Value::Object(map) = &mut changed {
        // The group is one of them.
        [GROUP, "labels"].iter().for_each(|key| _ = map.shift_remove(*key));
        map.extend((!labels.is_empty()).then(|| ("labels".to_owned(), json!(labels))));
    }
    if changed == present {
        return unchanged(app, entry);
    }
    let checked = DatabaseEntry::from_definition(&entry.name, &changed, session.home())?;
    save(app, session, &checked, changed)
}

fn parse_change(text: &str) -> Result<(Name, Option<String>), String> {
    match text.split_once('=') {
        Some((_, value)) if !value.is_empty() => parse_label(text).map(|(key, value)| (key, Some(value))),
        _ => Name::new(text.trim_end_matches('=')).map(|key| (key, None)).map_err(|error| error.to_string()),
    }
}

/// The definition with another password in it, in the place of wherever it came from.
fn with_password(app: &App, session: &Session, entry: &DatabaseEntry) -> Result<Value> {
    let name = "password";
    let field = secrets::secret_fields(entry.engine.fields).find(|field| field.name == name);
    let field = field.ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, format!("{} has no password", entry.engine.display_name))
    })?;
    let mut definition = definition_of(session, entry)?;
    if let Some(Value::Object(settings)) = definition.get_mut(entry.engine.id) {
        secrets::keys_of(field).iter().for_each(|key| drop(settings.shift_remove(key)));
        settings.insert(name.to_owned(), Value::from(secret::read(app, field)?));
    }
    Ok(definition)
}

/// Lets a person change a definition of the catalog as text.
fn edit_created(app: &App, session: &Session, entry: &DatabaseEntry) -> Result<()> {
    let present = definition_of(session, entry)?;
    let changed = edit_as_text(session, &present)?;
    change(app, session, entry, &present, changed)
}

/// Opens a definition in an editor, and reads what it became.
pub(crate) fn edit_as_text(session: &Session, present: &Value) -> Result<Value> {
    let text = serde_json::to_string_pretty(present)
        .map_err(|error| Error::new(ErrorKind::Internal, "cannot write the definition").source(error))?;
    let mut file = tempfile::Builder::new()
        .prefix("cadangkan-edit-")
        .suffix(".json")
        .tempfile_in(session.home())
        .map_err(|error| Error::io("cannot make a file to edit", error))?;
    writeln!(file, "{text}").map_err(|error| Error::io("cannot write the file to edit", error))?;
    open_editor(file.path(), None)?;
    let edited = std::fs::read_to_string(file.path())
        .map_err(|error| Error::io("cannot read what was edited", error))?;
    serde_json::from_str(&edited).map_err(|error| {
        Error::new(ErrorKind::Usage, "what was edited is not JSON; nothing was changed").source(error)
    })
}

/// Tests a changed definition, and saves it when that went well.
fn change(
    app: &App,
    session: &Session,
    entry: &DatabaseEntry,
    present: &Value,
    changed: Value,
) -> Result<()> {
    if changed == *present {
        return unchanged(app, entry);
    }
    let checked = DatabaseEntry::from_definition(&entry.name, &changed, session.home())?;
    super::test::database(app, &checked).map_err(|error| error.context("not saved", &entry.name))?;
    save(app, session, &checked, changed)
}

fn unchanged(app: &App, entry: &DatabaseEntry) -> Result<()> {
    app.print(&json!({ "name": entry.name, "changed": false }), || "Nothing was changed.\n".to_owned())
}

/// Saves a definition that was read as `entry`.
fn save(app: &App, session: &Session, entry: &DatabaseEntry, changed: Value) -> Result<()> {
    if !app.global.dry_run {
        let (owner, engine) = (Owner::database(&entry.name), entry.engine);
        let sealed = entry.keyring.seal_definition(owner, engine.id, engine.fields, changed)?;
        let catalog = session.catalog()?;
        catalog.define(DefinitionKind::Database, &entry.name, &sealed.definition, app.clock.now(), true)?;
    }
    app.print(&json!({ "name": entry.name, "changed": true }), || {
        format!("{} {} is changed\n", app.style.good_mark(), entry.name)
    })
}

/// Opens a file in `$VISUAL`, `$EDITOR` or `vi`, at a line, and waits until the editor ends.
pub(crate) fn open_editor(path: &Path, line: Option<usize>) -> Result<()> {
    let named = environment("VISUAL").or_else(|| environment("EDITOR"));
    let editor = named.filter(|editor| !editor.trim().is_empty()).unwrap_or_else(|| "vi".to_owned());
    let mut words = editor.split_whitespace();
    let program = words.next().unwrap_or("vi");
    let mut command = std::process::Command::new(program);
    command.args(words);
    // The POSIX way to begin at a line (`vi +line`), understood by most terminal editors.
    command.args(line.map(|line| format!("+{line}"))).arg(path);
    let failed = || {
        Error::new(ErrorKind::Io, format!("the editor \"{program}\" did not end well"))
            .context("file", path.display())
            .hint("name another one in the variable EDITOR")
    };
    let status = command.status().map_err(|error| failed().source(error))?;
    if status.success() { Ok(()) } else { Err(failed()) }
}
