use std::path::PathBuf;

use cadangkan_catalog::DefinitionKind;
use cadangkan_core::settings::Field;
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result, format_bytes, format_some};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::cli::OutputFormat;
use crate::commands::edit;
use crate::config::{self, Config, ExportFormat};
use crate::inventory::{Inventory, Origin, Wishes, database_definition, storage_definition};
use crate::secrets::{Keyring, Owner};
use crate::ui::escape;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan config show\n  cadangkan config validate")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what is in effect, and where each value comes from
    #[command(after_help = "Examples:\n  cadangkan config show\n  cadangkan config show shop")]
    Show {
        /// One database [default: everything]
        database: Option<String>,
    },
    /// Open the configuration file in $VISUAL or $EDITOR, then check it
    #[command(
        after_help = "Examples:\n  cadangkan config edit\n  cadangkan config edit shop    # at its line"
    )]
    Edit {
        /// Begin at the line of this database
        database: Option<String>,
    },
    /// Name every mistake in the configuration file at once
    #[command(
        after_help = "Examples:\n  cadangkan config validate\n  cadangkan --config ./config.yaml config validate"
    )]
    Validate,
    /// Print everything that is configured in the file and in the catalog as one file, without secrets
    #[command(
        after_help = "Examples:\n  cadangkan config export > everything.yaml\n  cadangkan config export --output json"
    )]
    Export,
    /// Take the databases and storages of an exported file into the catalog
    #[command(
        after_help = "Names that exist are left as they are, unless --replace.\n\nExamples:\n  cadangkan config import everything.yaml --dry-run\n  cadangkan config import everything.yaml --replace"
    )]
    Import {
        /// The file
        file: PathBuf,
        /// Replace what the catalog has under the same names
        #[arg(long)]
        replace: bool,
    },
}

/// Carries out a subcommand.
pub(crate) fn run(app: &App, args: &ConfigArgs) -> Result<()> {
    match &args.command {
        Command::Show { database } => show(app, database.as_deref()),
        Command::Edit { database } => open(app, database.as_deref()),
        Command::Validate => validate(app),
        Command::Export => export(app),
        Command::Import { file, replace } => import(app, file, *replace),
    }
}

fn show(app: &App, database: Option<&str>) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let inventory = &session.inventory;
    let value = match database {
        Some(name) => {
            let entry = inventory.database(name)?;
            json!({ "name": entry.name, "origin": entry.origin, "options": inventory.effective(entry, &Wishes::default()) })
        }
        None => {
            let config = inventory.config();
            json!({ "file": config.place.file, "exists": config.place.exists, "home": config.place.home,
                "profile": config.profile, "profiles": config.profiles, "defaults": config.defaults })
        }
    };
    app.print(&value, || match database {
        None => everything_text(&session, &value),
        Some(_) => settings_text(value.get("options")),
    })
}

/// Where things lie, the defaults, and what is configured, with where each comes from.
fn everything_text(session: &Session, value: &Value) -> String {
    let config = session.inventory.config();
    let file = config.place.file.display().to_string();
    let there = if config.place.exists { "" } else { " (not there)" };
    let profile = config.profile.as_deref().unwrap_or("none");
    let mut text = format!(
        "File      {}{there}\nHome      {}\nProfile   {profile}\n\nDefaults\n",
        escape(&file),
        escape(&config.place.home.to_string_lossy())
    );
    text.push_str(&settings_text(value.get("defaults")));
    text.push_str("\nStorages\n");
    for entry in session.inventory.storages() {
        text.push_str(&format!("  {:<14} {:<28} {}\n", entry.name.as_str(), entry.provider.id, entry.origin));
    }
    text.push_str("\nDatabases\n");
    for entry in session.inventory.databases() {
        text.push_str(&format!("  {:<14} {:<28} {}\n", entry.name.as_str(), entry.engine.id, entry.origin));
    }
    text
}

/// One line per value, with where it comes from.
fn settings_text(settings: Option<&Value>) -> String {
    let line = |(name, setting): (&String, &Value)| {
        let origin = setting.get("origin").and_then(Value::as_str).unwrap_or_default();
        let line = setting.get("line").map(|line| format!(", line {line}")).unwrap_or_default();
        let value = setting.get("value").map(|value| match value.as_u64() {
            Some(bytes) if name == "memory" => format_bytes(bytes),
            _ => plain(value),
        });
        let value = value.unwrap_or_default();
        format!("  {name:<14} {:<28} {origin}{line}\n", escape(&value))
    };
    settings.and_then(Value::as_object).into_iter().flatten().map(line).collect()
}

/// A value as a person would write it.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(values) if values.is_empty() => "-".to_owned(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(map) if map.is_empty() => "-".to_owned(),
        Value::Object(map) => {
            let entry = |(key, value): (&String, &Value)| format!("{key}: {}", plain(value));
            map.iter().map(entry).collect::<Vec<_>>().join("; ")
        }
        other => other.to_string(),
    }
}

fn open(app: &App, database: Option<&str>) -> Result<()> {
    let place = config::locate(&app.sources(&[]))?;
    if !place.exists {
        return Err(Error::new(ErrorKind::NotFound, "there is no configuration file yet")
            .context("path", place.file.display())
            .hint("write a sample with `cadangkan init`"));
    }
    let line = match database {
        // A file with mistakes cannot say where a database is; it is opened all the same.
        Some(name) => app.session(CatalogNeed::Required).ok().and_then(|session| {
            let declared =
                session.inventory.config().databases.iter().find(|entry| entry.name.as_str() == name);
            declared.map(|entry| entry.line)
        }),
        None => None,
    };
    edit::open_editor(&place.file, line)?;
    validate(app)
}

pub(super) fn validate(app: &App) -> Result<()> {
    let created = app.created_storages()?;
    let validation = config::validate(&app.sources(&created))?;
    let file = validation.place.file.display().to_string();
    match validation.mistakes {
        None => {
            // The file may be fine by itself, and clash with what the catalog has.
            let session = app.session(CatalogNeed::Required)?;
            if let Some(warning) = homeless(&session) {
                app.warn(&warning);
            }
            app.print(&json!({ "file": file, "exists": validation.place.exists, "mistakes": [] }), || {
                let mark = app.style.good_mark();
                if validation.place.exists {
                    format!("{mark} {file} is fine\n")
                } else {
                    format!("{mark} There is no {file}; the defaults are fine\n")
                }
            })
        }
        Some(mistakes) => {
            validation.warnings.iter().for_each(|warning| app.warn(warning));
            let count = mistakes.list.len();
            let plural = if count == 1 { "" } else { "s" };
            Err(Error::new(
                ErrorKind::Configuration,
                format!("the configuration has {count} mistake{plural}"),
            )
            .context("path", file)
            .source(mistakes))
        }
    }
}

/// What to say of databases whose backups go nowhere by themselves.
fn homeless(session: &Session) -> Option<String> {
    let inventory = &session.inventory;
    let active = inventory.databases().iter().filter(|entry| entry.enabled);
    let names: Vec<_> = active
        .filter(|entry| inventory.storages_of(entry).is_err())
        .map(|entry| entry.name.as_str())
        .collect();
    let some = format_some(&names, 3);
    (!names.is_empty()).then(|| {
        format!("it is not said where backups go of {some}: each needs --storage, each schedule `storage`, or all `defaults: storage`")
    })
}

fn export(app: &App) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let format = match app.global.output {
        OutputFormat::Table => ExportFormat::Yaml,
        OutputFormat::Json => ExportFormat::Json,
    };
    let text = config::export(&session.inventory, format)?;
    app.print_text(&text)
}

fn import(app: &App, file: &std::path::Path, replace: bool) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let created = app.created_storages()?;
    let imported =
        config::load(&config::Sources { file: Some(file), profile: None, ..app.sources(&created) })?;
    for database in imported.databases.iter().filter(|database| !database.options.hooks.is_empty()) {
        let text = format!(
            "the hooks of {} are not taken over: they stand in the configuration file only",
            database.name
        );
        app.warn(&text);
    }
    let catalog = session.catalog()?;
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for found in imports(&imported, &session.inventory) {
        let exists = found.origin.is_some_and(|origin| *origin != Origin::Implicit);
        let declared = found.origin.is_some_and(Origin::is_file);
        if declared || (exists && !replace) {
            left.push(found.name.to_string());
            continue;
        }
        if !app.global.dry_run {
            let keyring = Keyring::of(session.home());
            let sealed = keyring.seal_definition(found.owner, found.id, found.fields, found.definition)?;
            catalog.define(found.kind, found.name, &sealed.definition, app.clock.now(), true)?;
        }
        taken.push(found.name.to_string());
    }
    app.print(&json!({ "imported": taken, "left": left, "dry_run": app.global.dry_run }), || {
        let would = if app.global.dry_run { "Would import" } else { "Imported" };
        let none = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        format!("{would}: {}\nLeft as it is: {}\n", none(&taken), none(&left))
    })
}

/// Something that an imported file declares.
struct Import<'a> {
    kind: DefinitionKind,
    owner: Owner<'a>,
    name: &'a Name,
    id: &'static str,
    fields: &'static [Field],
    definition: Value,
    /// Where something of this name is defined already.
    origin: Option<&'a Origin>,
}

fn imports<'a>(imported: &'a Config, inventory: &'a Inventory) -> Vec<Import<'a>> {
    let storages = imported.storages.iter().map(|storage| Import {
        kind: DefinitionKind::Storage,
        owner: Owner::storage(&storage.name),
        name: &storage.name,
        id: storage.provider.id,
        fields: storage.provider.fields,
        definition: storage_definition(
            storage.provider.id,
            &storage.settings,
            storage.limits,
            storage.enabled,
        ),
        origin: inventory.storage(storage.name.as_str()).map(|entry| &entry.origin).ok(),
    });
    let databases = imported.databases.iter().map(|database| Import {
        kind: DefinitionKind::Database,
        owner: Owner::database(&database.name),
        name: &database.name,
        id: database.engine.id,
        fields: database.engine.fields,
        definition: database_definition(
            database.engine.id,
            &database.settings,
            &database.options,
            database.enabled,
        ),
        origin: inventory.database(database.name.as_str()).map(|entry| &entry.origin).ok(),
    });
    storages.chain(databases).collect()
}
