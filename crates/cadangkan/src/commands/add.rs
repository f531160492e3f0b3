use std::collections::BTreeMap;

use cadangkan_catalog::DefinitionKind;
use cadangkan_core::settings::{Field, FieldKind};
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result};
use cadangkan_engine::Descriptor;
use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::test;
use crate::config::DatabaseOptions;
use crate::inventory::{DatabaseEntry, database_definition};
use crate::registry;
use crate::ui::escape;

/// Arguments of `add`: one subcommand per engine, with a flag for each of its fields.
///
/// Made by hand and not derived, since the fields come from the engines' descriptors.
#[derive(Debug)]
pub(crate) struct AddArgs {
    engine: &'static Descriptor,
    name: String,
    fields: BTreeMap<&'static str, String>,
    url: Option<String>,
    options: DatabaseOptions,
}

/// Looks at a database, and saves it when that went well.
pub(crate) fn run(app: &App, args: &AddArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let name = Name::new(args.name.clone())?;
    refuse_taken(&session, &name)?;
    for storage in &args.options.storage {
        session.inventory.storage(storage.as_str())?;
    }
    let settings = settings(app, args)?;
    let line = save(app, &session, args.engine, &name, &settings, &args.options)?;
    let value = json!({ "name": name, "engine": args.engine.id, "settings": shown(args.engine, &settings), "saved": !app.global.dry_run });
    app.print(&value, || {
        let mark = app.style.good_mark();
        if app.global.dry_run {
            return format!("{mark} Reached: {}\nThis was a dry run: nothing was saved.\n", escape(&line));
        }
        let mut text = format!("{mark} Reached: {}\n{mark} Added {name}\n", escape(&line));
        if !app.global.quiet {
            text.push_str(&format!("\nNext steps:\n  cadangkan backup {name}\n  cadangkan info {name}\n"));
        }
        text
    })
}

/// Tests a database and, unless it is a dry run, saves it; returns what was found there.
pub(crate) fn save(
    app: &App,
    session: &Session,
    engine: &'static Descriptor,
    name: &Name,
    settings: &Value,
    options: &DatabaseOptions,
) -> Result<String> {
    let definition = database_definition(engine.id, settings, options, true);
    let entry = DatabaseEntry::from_definition(name, &definition, session.home())?;
    let (line, _) = test::database(app, &entry).map_err(|error| error.context("not saved", name))?;
    if !app.global.dry_run {
        session.catalog()?.define(DefinitionKind::Database, name, &definition, app.clock.now(), false)?;
    }
    Ok(line)
}

pub(crate) fn refuse_taken(session: &Session, name: &Name) -> Result<()> {
    match session.inventory.database(name.as_str()) {
        Err(_) => Ok(()),
        Ok(entry) => Err(Error::new(ErrorKind::Conflict, format!("there is a database \"{name}\" already"))
            .context("defined in", &entry.origin)
            .hint(format!("choose another name, or change that one with `cadangkan edit {name}`"))),
    }
}

/// Joins URL and flags, and asks for what is missing when somebody can answer.
fn settings(app: &App, args: &AddArgs) -> Result<Value> {
    let mut map = match &args.url {
        None => Map::new(),
        Some(url) => {
            let parsed = (args.engine.parse_url)(url).ok_or_else(|| {
                Error::new(ErrorKind::Usage, format!("not a URL of {}", args.engine.display_name))
            })?;
            match parsed.map_err(|error| Error::new(ErrorKind::Usage, error.message))? {
                Value::Object(map) => map,
                _ => Map::new(),
            }
        }
    };
    for field in args.engine.fields {
        if let Some(text) = args.fields.get(field.name) {
            map.insert(field.name.to_owned(), typed(field, text)?);
        } else if !map.contains_key(field.name) && field.required {
            map.insert(field.name.to_owned(), typed(field, &ask(app, field)?)?);
        }
    }
    app.absolute_paths(args.engine.fields, Value::Object(map))
}

/// Asks for the value of a field.
pub(crate) fn ask(app: &App, field: &Field) -> Result<String> {
    let flag = field.name.replace('_', "-");
    app.with_prompter(|prompter| match field.kind {
        FieldKind::Secret => prompter.ask_hidden(&capitalised(field.help)),
        _ => prompter.ask(&capitalised(field.help), field.default),
    })
    .map_err(|error| match error.kind() {
        ErrorKind::Usage => Error::new(ErrorKind::Usage, format!("--{flag} is missing")).hint(field.help),
        _ => error,
    })
}

/// The help text of a field as the begin of a question.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// Reads what was typed for a field.
pub(crate) fn typed(field: &Field, text: &str) -> Result<Value> {
    let wrong =
        |what| Error::new(ErrorKind::Usage, format!("--{} takes {what}", field.name.replace('_', "-")));
    match field.kind {
        FieldKind::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wrong("a whole number")),
        FieldKind::Boolean => text.parse::<bool>().map(Value::from).map_err(|_| wrong("true or false")),
        FieldKind::Text | FieldKind::Path | FieldKind::Duration | FieldKind::Secret => Ok(Value::from(text)),
    }
}

/// Settings without secrets.
fn shown(engine: &Descriptor, settings: &Value) -> Value {
    let Value::Object(map) = settings else { return Value::Null };
    let secret =
        |name: &str| engine.fields.iter().any(|field| field.name == name && field.kind == FieldKind::Secret);
    Value::Object(
        map.iter()
            .filter(|(name, _)| !secret(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

impl clap::Args for AddArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let command = command
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand_value_name("ENGINE")
            .subcommand_help_heading("Engines")
            .after_help(format!("Examples:\n  {}", registry::example_add()));
        registry::ENGINES.iter().fold(command, |command, engine| command.subcommand(engine_command(engine)))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for AddArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (id, matches) = matches.subcommand().ok_or_else(missing)?;
        let engine = registry::engine(id).ok_or_else(missing)?;
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let many =
            |name: &str| matches.get_many::<String>(name).into_iter().flatten().cloned().collect::<Vec<_>>();
        let storage = matches.get_many::<Name>("storage").into_iter().flatten().cloned().collect();
        Ok(AddArgs {
            engine,
            name: text("name").unwrap_or_default(),
            fields: engine.fields.iter().filter_map(|field| Some((field.name, text(field.name)?))).collect(),
            url: text("url"),
            options: DatabaseOptions {
                storage,
                production: matches.get_flag("production"),
                tags: many("tag"),
                ..DatabaseOptions::default()
            },
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn engine_command(engine: &'static Descriptor) -> clap::Command {
    let flags: Vec<_> = engine.fields.iter().filter(|field| field.required).collect();
    let example: String =
        flags.iter().map(|field| format!(" --{} …", field.name.replace('_', "-"))).collect();
    let command = clap::Command::new(engine.id)
        .about(format!("Add a database of {}", engine.display_name))
        .after_help(format!(
            "What is missing is asked for on a terminal.\n\nExamples:\n  cadangkan add {0} shop\n  cadangkan add {0} shop{example} --production",
            engine.id
        ))
        .arg(Arg::new("name").required(true).value_name("NAME").help("What to call it"))
        .arg(Arg::new("url").long("url").value_name("URL").help("Where it is, as one URL"))
        .arg(
            Arg::new("storage")
                .long("storage")
                .value_name("NAME")
                .value_parser(clap::value_parser!(Name))
                .action(ArgAction::Append)
                .help("A storage for its backups; may be given more than once [default: as configured]"),
        )
        .arg(
            Arg::new("production")
                .long("production")
                .action(ArgAction::SetTrue)
                .help("Ask for its name to be typed before it is overwritten"),
        )
        .arg(
            Arg::new("tag")
                .long("tag")
                .value_name("WORD")
                .action(ArgAction::Append)
                .help("A tag that each of its backups gets; may be given more than once"),
        );
    engine.fields.iter().fold(command, |command, field| command.arg(field_arg(field)))
}

/// The flag of a field. Secrets have none: they are asked for, or come from the configuration.
fn field_arg(field: &'static Field) -> Arg {
    let help = match field.default {
        Some(default) => format!("{} [default: {default}]", capitalised(field.help)),
        None => capitalised(field.help),
    };
    Arg::new(field.name)
        .long(field.name.replace('_', "-"))
        .value_name(field.name.to_uppercase())
        .help(help)
        .hide(field.kind == FieldKind::Secret)
}
