use cadangkan_catalog::{Catalog, DefinitionKind};
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result, ResultExt};
use cadangkan_ops::adopt::{AdoptReport, KnownDatabase};
use cadangkan_ops::{Context, adopt};
use cadangkan_storage::Storage;
use serde_json::{Map, Value, json};

use crate::app::{App, CatalogNeed, Places, Session};
use crate::commands::labels::is_value;
use crate::commands::ticket::TicketArgs;
use crate::commands::{StorageUrl, by_url};
use crate::config::{DatabaseOptions, StorageLimits};
use crate::inventory::{DatabaseEntry, Origin, StorageEntry, database_definition, storage_definition};
use crate::registry;
use crate::secrets::{Owner, secret_fields};
use crate::ui::count::count;
use crate::ui::escape;

/// Arguments of `adopt`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cadangkan adopt home\n  cadangkan adopt home --dry-run\n  cadangkan adopt /mnt/disk/backups --name disk         # nothing needs to be configured"
)]
pub(crate) struct AdoptArgs {
    /// The storage: its name, or its URL or path
    storage: StorageUrl,
    /// What to call a storage that is given by its URL or path [default: its last segment]
    #[arg(long, value_name = "NAME")]
    name: Option<Name>,
    #[command(flatten)]
    ticket: TicketArgs,
}

/// Rebuilds the catalog from what a storage holds; with a URL also the definitions of the storage and of its databases.
pub(crate) fn run(app: &App, args: &AdoptArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let ticket = args.ticket.of(app, &session, &[])?;
    let context = Context { ticket: ticket.as_ref(), ..session.context(app) };
    let (new, places) = storage(app, &session, args)?;
    let [place] = places.list()[..] else { return Err(Error::new(ErrorKind::Internal, "not one storage")) };
    let report = match app.global.dry_run {
        false => {
            // What is there is looked at before anything is saved.
            place.storage.list("").context("storage", place.name)?;
            if let Some((entry, definition)) = &new {
                let (StorageEntry { provider, keyring, .. }, definition) = (entry, definition.clone());
                let owner = Owner::storage(place.name);
                let sealed = keyring.seal_definition(owner, provider.id, provider.fields, definition)?;
                let (catalog, now) = (session.catalog()?, app.clock.now());
                catalog.define(DefinitionKind::Storage, place.name, &sealed.definition, now, false)?;
            }
            adopt::adopt(&context, place)?
        }
        true => {
            // What would be refused is only known by trying: with a catalog that is thrown away.
            let folder =
                tempfile::tempdir().map_err(|error| Error::io("cannot make a temporary folder", error))?;
            let catalog = Catalog::open(&folder.path().join("catalog.db"))?;
            adopt::adopt(&Context { catalog: Some(&catalog), ..context }, place)?
        }
    };
    let defined = match by_url::is_url(args.storage.as_str()) {
        true => define_databases(app, &session, place.name, &report)?,
        false => Vec::new(),
    };
    let refused = report.refused.len();
    let mut value = json!(report);
    if let Value::Object(map) = &mut value {
        map.insert("storage".to_owned(), json!(place.name));
        map.insert("defined".to_owned(), json!(defined));
    }
    app.print(&value, || text(app, &report, place.name, new.is_some(), &defined))?;
    if refused == 0 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Partial, format!("{refused} of what looked like backups were refused"))
        .hint("the messages above name each with its reason; the others are in the catalog"))
}

/// A storage that nobody has configured, and its definition, in which no secret is sealed yet.
type New = (StorageEntry, Value);

/// Opens the storage; with its definition where it has to be made.
fn storage(app: &App, session: &Session, args: &AdoptArgs) -> Result<(Option<New>, Places)> {
    let text = args.storage.as_str();
    let is_known = session.inventory.storage(text).is_ok();
    if is_known || !by_url::is_url(text) {
        return Ok((None, session.open_storage(&Name::new(text)?)?));
    }
    let (provider, settings) = by_url::settings(app, &args.storage)?;
    // The same place under the name that it has.
    let same = |entry: &&StorageEntry| entry.provider.id == provider.id && entry.settings == settings;
    if let Some(entry) = session.inventory.storages().iter().find(same) {
        return Ok((None, session.open_storage(&entry.name)?));
    }
    let name = args.name.clone().map_or_else(|| name_of(text, provider.id), Ok)?;
    if let Ok(entry) = session.inventory.storage(name.as_str())
        && entry.origin != Origin::Implicit
    {
        return Err(Error::new(ErrorKind::Conflict, format!("there is a storage \"{name}\" already"))
            .context("defined in", &entry.origin)
            .hint("choose another name with --name"));
    }
    let definition = storage_definition(provider.id, &settings, StorageLimits::default(), true);
    let entry = StorageEntry::from_definition(&name, &definition, session.home())?;
    let storage: Box<dyn Storage> = entry.open()?;
    Ok((Some((entry, definition)), Places::one(name, storage)))
}

/// The last segment of a URL or path as a name, else the word of its kind. A name is seen everywhere: where the segment is
/// the host, who logs in is left out with the password, and so are rclone's parameters.
fn name_of(url: &str, kind: &str) -> Result<Name> {
    let base = url.split('?').next().unwrap_or_default().trim_end_matches('/');
    let last = match base.split_once("://") {
        Some((_, place)) if !place.contains('/') => {
            let host = place.rsplit('@').next().unwrap_or_default();
            host.split(',').next().unwrap_or_default()
        }
        _ => base.rsplit('/').next().unwrap_or_default(),
    };
    let plain = |character: char| if character.is_ascii_alphanumeric() { character } else { '-' };
    let name: String = last.chars().map(plain).take(64).collect();
    Name::new(name.trim_matches('-')).or_else(|_| Name::new(kind))
}

/// Defines the databases that nobody has configured, as far as manifests say where they were; returns their names. Users
/// and secrets stand in no manifest.
fn define_databases(app: &App, session: &Session, storage: &Name, report: &AdoptReport) -> Result<Vec<Name>> {
    let mut defined = Vec::new();
    for known in &report.known {
        let name = &known.name;
        if session.inventory.database(name.as_str()).is_ok() {
            continue;
        }
        let Some(definition) = definition_of(known, storage) else { continue };
        if DatabaseEntry::from_definition(name, &definition, session.home()).is_err() {
            app.warn(&format!(
                "{name} is not defined: its backups do not say all that is needed; `cadangkan add` can"
            ));
            continue;
        }
        if !app.global.dry_run {
            let now = app.clock.now();
            session.catalog()?.define(DefinitionKind::Database, name, &definition, now, false)?;
        }
        defined.push(name.clone());
    }
    Ok(defined)
}

fn definition_of(known: &KnownDatabase, storage: &Name) -> Option<Value> {
    let engine = registry::engine(&known.engine)?;
    let mut settings = Map::new();
    let database = || known.database.as_ref().map(|database| json!(database));
    for field in engine.fields {
        let value = match field.name {
            "host" => known.host.as_ref().map(|host| json!(host)),
            "port" => known.port.map(|port| json!(port)),
            "database" | "path" => database(),
            _ => None,
        };
        settings.extend(value.map(|value| (field.name.to_owned(), value)));
    }
    let labels = known.labels.iter().filter(|(_, value)| is_value(value));
    let labels = labels.filter_map(|(key, value)| Some((Name::new(key.as_str()).ok()?, value.clone())));
    let (storage, labels) = (vec![storage.clone()], labels.collect());
    let options = DatabaseOptions { storage, labels, ..DatabaseOptions::default() };
    Some(database_definition(engine.id, &Value::Object(settings), &options, true))
}

fn text(app: &App, report: &AdoptReport, storage: &Name, is_new: bool, defined: &[Name]) -> String {
    let databases = if report.databases.is_empty() { "none".to_owned() } else { report.databases.join(", ") };
    let would = app.global.dry_run;
    let mark = if report.refused.is_empty() { app.style.good_mark() } else { app.style.warning_mark() };
    let verb = if would { "Would adopt" } else { "Adopted" };
    let mut text =
        format!("{mark} {verb} {}; databases: {}\n", count(report.adopted, "backup"), escape(&databases));
    let verb = if would { "Would add" } else { "Added" };
    if is_new {
        text.push_str(&format!("{mark} {verb} the storage {storage}\n"));
    }
    let names = defined.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    if !defined.is_empty() {
        text.push_str(&format!("{mark} {verb} as databases: {names}\n"));
    }
    if report.adopted == 0 || app.global.quiet || would {
        return text;
    }
    text.push_str("\nNext steps:\n  cadangkan backups list\n  cadangkan restore <database> --to <path>\n");
    let needs_secret = |known: &&KnownDatabase| {
        let engine = registry::engine(&known.engine);
        defined.contains(&known.name) && engine.is_some_and(|engine| secret_fields(engine.fields).count() > 0)
    };
    for known in report.known.iter().filter(needs_secret) {
        text.push_str(&format!(
            "  cadangkan edit {}    # its user and password are in no backup\n",
            known.name
        ));
    }
    text
}
