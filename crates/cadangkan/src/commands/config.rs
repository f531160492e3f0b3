use std::path::PathBuf;

use cadangkan_catalog::DefinitionKind;
use cadangkan_core::{Clock, Error, ErrorKind, Result};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed};
use crate::cli::OutputFormat;
use crate::commands::edit;
use crate::config::{self, ExportFormat};
use crate::inventory::Wishes;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
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
    #[command(after_help = "Examples:\n  cadangkan config edit\n  cadangkan config edit shop    # at its line")]
    Edit {
        /// Begin at the line of this database
        database: Option<String>,
    },
    /// Name every mistake in the configuration file at once
    #[command(after_help = "Examples:\n  cadangkan config validate\n  cadangkan --config ./config.yaml config validate")]
    Validate,
    /// Print everything that is configured in the file and in the catalog as one file, without secrets
    #[command(after_help = "Examples:\n  cadangkan config export > everything.yaml\n  cadangkan config export --output json")]
    Export,
    /// Take the databases and storages of an exported file into the catalog
    #[command(after_help = "Names that exist are left as they are, unless --replace.\n\nExamples:\n  cadangkan config import everything.yaml --dry-run\n  cadangkan config import everything.yaml --replace")]
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
        None => config::export(inventory, ExportFormat::Yaml).unwrap_or_default(),
        Some(_) => settings_text(&value),
    })
}

/// One line per value, with where it comes from.
fn settings_text(value: &Value) -> String {
    let options = value.get("options").and_then(Value::as_object);
    let line = |(name, setting): (&String, &Value)| {
        let part = |key| setting.get(key).cloned().unwrap_or_default();
        let origin = part("origin");
        let line = setting.get("line").map(|line| format!(", line {line}")).unwrap_or_default();
        format!("{name:<14} {:<28} {}{line}\n", part("value").to_string(), origin.as_str().unwrap_or_default())
    };
    options.into_iter().flatten().map(line).collect()
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
            let declared = session.inventory.config().databases.iter().find(|entry| entry.name.as_str() == name);
            declared.map(|entry| entry.line)
        }),
        None => None,
    };
    edit::open_editor(&place.file, line)?;
    validate(app)
}

fn validate(app: &App) -> Result<()> {
    let created = app.created_storages()?;
    let validation = config::validate(&app.sources(&created))?;
    validation.warnings.iter().for_each(|warning| app.warn(warning));
    let file = validation.place.file.display().to_string();
    match validation.mistakes {
        None => app.print(&json!({ "file": file, "exists": validation.place.exists, "mistakes": [] }), || {
            let mark = app.style.good_mark();
            if validation.place.exists { format!("{mark} {file} is fine\n") } else { format!("{mark} There is no {file}; the defaults are fine\n") }
        }),
        Some(mistakes) => {
            let count = mistakes.list.len();
            let plural = if count == 1 { "" } else { "s" };
            Err(Error::new(ErrorKind::Configuration, format!("the configuration has {count} mistake{plural}"))
                .context("path", file)
                .source(mistakes))
        }
    }
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
    let imported = config::load(&config::Sources { file: Some(file), profile: None, ..app.sources(&created) })?;
    let catalog = session.catalog()?;
    let databases = imported.databases.iter().map(|database| {
        let definition = crate::inventory::database_definition(database.engine.id, &database.settings, &database.options, database.enabled);
        (DefinitionKind::Database, &database.name, definition, session.inventory.database(database.name.as_str()).map(|entry| &entry.origin).ok())
    });
    let storages = imported.storages.iter().map(|storage| {
        let definition = crate::inventory::storage_definition(storage.provider.id, &storage.settings, storage.enabled);
        (DefinitionKind::Storage, &storage.name, definition, session.inventory.storage(storage.name.as_str()).map(|entry| &entry.origin).ok())
    });
    let (mut taken, mut left) = (Vec::new(), Vec::new());
    for (kind, name, definition, origin) in storages.chain(databases) {
        let exists = origin.is_some_and(|origin| *origin != crate::inventory::Origin::Implicit);
        let declared = origin.is_some_and(crate::inventory::Origin::is_file);
        if declared || (exists && !replace) {
            left.push(name.to_string());
            continue;
        }
        if !app.global.dry_run {
            catalog.define(kind, name, &definition, app.clock.now(), true)?;
        }
        taken.push(name.to_string());
    }
    app.print(&json!({ "imported": taken, "left": left, "dry_run": app.global.dry_run }), || {
        let would = if app.global.dry_run { "Would import" } else { "Imported" };
        let none = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
        format!("{would}: {}\nLeft as it is: {}\n", none(&taken), none(&left))
    })
}
