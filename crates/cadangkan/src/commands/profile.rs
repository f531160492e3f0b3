use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Name, Result};
use cadangkan_engine::{ClientFile, Descriptor};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::{add, fields};
use crate::config::DatabaseOptions;
use crate::inventory::Origin;
use crate::registry;
use crate::ui::escape;

/// Arguments of `profile`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What other tools call a profile is a database here: `add`, `info`, `edit` and `remove` are about it.\n\nExamples:\n  cadangkan profile import shop.cnf\n  cadangkan profile import ~/.my.cnf --name prod --database shop"
)]
pub(crate) struct ProfileArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Add a database by the file that its client programs connect with
    Import(ImportArgs),
}

/// Arguments of `profile import`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The file is read as `mysql` and `mariadb` read it; its password is sealed in the catalog. Without a database it is the whole server.\n\nExamples:\n  cadangkan profile import shop.cnf --dry-run\n  cadangkan profile import ~/.my.cnf --name prod --group nightly --databases 'app_*'"
)]
struct ImportArgs {
    /// The option file: shop.cnf
    file: PathBuf,
    /// What to call the database [default: the file's name]
    #[arg(long)]
    name: Option<Name>,
    /// A group to read beside `client`, `mysql` and those like them
    #[arg(long)]
    group: Option<String>,
    /// The database on the server [default: that of the file]
    #[arg(long, value_name = "NAME", conflicts_with = "databases")]
    database: Option<String>,
    /// The server's databases, as names and globs separated by commas [default: all, where the file names none]
    #[arg(long, value_name = "NAMES")]
    databases: Option<String>,
}

/// Carries out a subcommand.
pub(crate) fn run(app: &App, args: &ProfileArgs) -> Result<()> {
    let Command::Import(args) = &args.command;
    import(app, args)
}

fn import(app: &App, args: &ImportArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let name = args.name.clone().map_or_else(|| name_of(&args.file), Ok)?;
    let (engine, file) = read(args)?;
    let replaced = replaced(&session, engine, &name)?;
    file.warnings.iter().for_each(|warning| app.warn(warning));
    let settings = settings(app, args, engine, file.settings)?;
    if replaced.is_some() && !app.global.dry_run {
        let about = format!("{name} is there already. How it is connected to is replaced; its options stay.");
        app.confirm(&about, &format!("Replace {name}?"))?;
    }
    let options = replaced.clone().unwrap_or_default();
    let line = add::save(app, &session, engine, &name, &settings, &options, replaced.is_some())?;
    let value = json!({
        "name": name, "engine": engine.id, "settings": fields::shown(engine.fields, &settings), "left_out": file.left_out,
        "replaced": replaced.is_some(), "saved": !app.global.dry_run,
    });
    app.print(&value, || {
        let mark = app.style.good_mark();
        let mut text = format!("{mark} Reached: {}\n", escape(&line));
        text.push_str(&match (app.global.dry_run, replaced.is_some()) {
            (true, _) => "This was a dry run: nothing was saved.\n".to_owned(),
            (false, true) => format!("{mark} Replaced {name}\n"),
            (false, false) => format!("{mark} Added {name}\n"),
        });
        if !file.left_out.is_empty() {
            text.push_str(&format!("Left out: {}\n", escape(&file.left_out.join(", "))));
        }
        text
    })
}

/// Reads the file by the engine whose programs have such files.
fn read(args: &ImportArgs) -> Result<(&'static Descriptor, ClientFile)> {
    let read = |engine: &&'static Descriptor| {
        Some((*engine, (engine.read_client_file)(&args.file, args.group.as_deref())?))
    };
    let found = registry::ENGINES.iter().find_map(read);
    let (engine, file) =
        found.ok_or_else(|| Error::new(ErrorKind::Unsupported, "no engine's programs have such files"))?;
    Ok((engine, file?))
}

/// The name of a file without its dots and endings: `shop` for `shop.cnf`, `my` for `.my.cnf`.
fn name_of(file: &Path) -> Result<Name> {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let stem = name.trim_start_matches('.').split('.').next().unwrap_or_default();
    Name::new(stem).map_err(|_| {
        Error::new(ErrorKind::Usage, "the name of the file is none for a database")
            .hint("say what to call it with --name")
    })
}

/// The options of the database that is replaced, if one is. What the configuration file declares is not, nor is a
/// database of another kind.
fn replaced(session: &Session, engine: &Descriptor, name: &Name) -> Result<Option<DatabaseOptions>> {
    match session.inventory.database(name.as_str()) {
        Ok(entry) if entry.origin == Origin::Catalog && entry.engine.id == engine.id => {
            Ok(Some(entry.options.clone()))
        }
        _ => add::refuse_taken(session, name).map(|()| None),
    }
}

/// The settings of the file, and those of the command line over them.
fn settings(app: &App, args: &ImportArgs, engine: &Descriptor, file: Value) -> Result<Value> {
    let Value::Object(mut map) = file else {
        return Err(Error::new(ErrorKind::Internal, "settings are no map"));
    };
    if let Some(database) = &args.database {
        map.insert("database".to_owned(), Value::from(database.as_str()));
    }
    let all = (!map.contains_key("database")).then_some("*");
    if let Some(databases) = args.databases.as_deref().or(all) {
        map.shift_remove("database");
        map.insert("databases".to_owned(), Value::from(databases));
    }
    add::ask_for_secret(app, engine, &mut map)?;
    app.absolute_paths(engine.fields, Value::Object(map))
}
