use std::collections::BTreeMap;

use cadangkan_catalog::DefinitionKind;
use cadangkan_core::settings::{Field, FieldKind};
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result};
use cadangkan_engine::Descriptor;
use clap::{Arg, ArgAction, ArgMatches, Args as _, FromArgMatches as _};
use serde_json::{Map, Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::selection::SelectionArgs;
use crate::commands::{DatabaseUrl, secret, test};
use crate::config::{BackupOptions, DatabaseOptions};
use crate::inventory::{DatabaseEntry, database_definition};
use crate::secrets::Owner;
use crate::ui::escape;
use crate::{registry, secrets};

/// Arguments of `add`: one subcommand per engine, with a flag for each of its fields.
///
/// Made by hand and not derived, since the fields come from the engines' descriptors.
#[derive(Debug)]
pub(crate) struct AddArgs {
    engine: &'static Descriptor,
    name: String,
    fields: BTreeMap<String, String>,
    /// The secret that is read from the standard input.
    from_stdin: Option<&'static Field>,
    url: Option<DatabaseUrl>,
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
    let line = save(app, &session, args.engine, &name, &settings, &args.options, false)?;
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

/// Tests a database and, unless it is a dry run, saves it, in the place of another only with `replace`; returns what
/// was found there.
pub(crate) fn save(
    app: &App,
    session: &Session,
    engine: &'static Descriptor,
    name: &Name,
    settings: &Value,
    options: &DatabaseOptions,
    replace: bool,
) -> Result<String> {
    let definition = database_definition(engine.id, settings, options, true);
    let entry = DatabaseEntry::from_definition(name, &definition, session.home())?;
    let (line, _) = test::database(app, &entry).map_err(|error| error.context("not saved", name))?;
    if !app.global.dry_run {
        let owner = Owner::database(name);
        let definition = entry.keyring.seal_definition(owner, engine.id, engine.fields, definition)?;
        session.catalog()?.define(DefinitionKind::Database, name, &definition, app.clock.now(), replace)?;
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
    let mut map = args.url.as_ref().map(|url| of_url(app, args.engine, url)).transpose()?.unwrap_or_default();
    for field in args.engine.fields {
        for source in secrets::keys_of(field) {
            if let Some(text) = args.fields.get(&source) {
                map.insert(source, typed(field, text)?);
            }
        }
        if args.from_stdin.is_some_and(|secret| secret.name == field.name) {
            let secret = secret::read(app, field)?;
            map.insert(field.name.to_owned(), Value::from(secret));
        }
        let given = secrets::keys_of(field).iter().any(|key| map.contains_key(key));
        if !given && field.required {
            map.insert(field.name.to_owned(), typed(field, &ask(app, field)?)?);
        }
    }
    ask_for_secret(app, args.engine, &mut map)?;
    refuse_two_sources(args.engine, &map)?;
    app.absolute_paths(args.engine.fields, Value::Object(map))
}

fn of_url(app: &App, engine: &Descriptor, url: &DatabaseUrl) -> Result<Map<String, Value>> {
    let other = || Error::new(ErrorKind::Usage, format!("not a URL of {}", engine.display_name));
    let parsed = (engine.parse_url)(url.as_str()).ok_or_else(other)?;
    let Value::Object(map) = parsed.map_err(|error| Error::new(ErrorKind::Usage, error.message))? else {
        return Ok(Map::new());
    };
    if let Some(field) = secrets::secret_fields(engine.fields).find(|field| map.contains_key(field.name)) {
        let flag = field.name.replace('_', "-");
        app.warn(&format!(
            "the {} in the URL is in the history of your shell now, and was in the list of processes; --{flag}-stdin keeps it out",
            field.name
        ));
    }
    Ok(map)
}

/// Asks for the first secret of an engine when a user is given without it, and somebody can answer. An empty answer
/// is none: servers have other ways to know a user.
pub(crate) fn ask_for_secret(app: &App, engine: &Descriptor, map: &mut Map<String, Value>) -> Result<()> {
    let Some(field) = secrets::secret_fields(engine.fields).next() else { return Ok(()) };
    let given = secrets::keys_of(field).iter().any(|key| map.contains_key(key));
    if given || !map.contains_key("user") || !app.process.can_ask || app.global.yes {
        return Ok(());
    }
    let question = format!("{} [none]", capitalised(field.help));
    let secret = app.with_prompter(|prompter| prompter.ask_hidden(&question))?;
    if !secret.is_empty() {
        map.insert(field.name.to_owned(), Value::from(secret));
    }
    Ok(())
}

fn refuse_two_sources(engine: &Descriptor, map: &Map<String, Value>) -> Result<()> {
    for field in secrets::secret_fields(engine.fields) {
        let keys = secrets::keys_of(field);
        let given: Vec<_> = keys.iter().filter(|key| map.contains_key(*key)).map(String::as_str).collect();
        if given.len() > 1 {
            let message = format!("the {} is given twice", field.name);
            return Err(Error::new(ErrorKind::Usage, message).context("given", given.join(" and ")));
        }
    }
    Ok(())
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
pub(crate) fn shown(engine: &Descriptor, settings: &Value) -> Value {
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
            fields: typed_keys(engine).filter_map(|key| text(&key).map(|text| (key, text))).collect(),
            from_stdin: secrets::secret_fields(engine.fields)
                .find(|field| matches.get_flag(&stdin_flag(field))),
            url: matches.get_one::<DatabaseUrl>("url").cloned(),
            options: DatabaseOptions {
                storage,
                production: matches.get_flag("production"),
                require_ticket: matches.get_flag("require-ticket").then_some(true),
                tags: many("tag"),
                backup: selected(engine, matches)?,
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
    let required = engine.fields.iter().filter(|field| field.required);
    let flags: String = required.map(|field| format!(" --{} …", dashes(field.name))).collect();
    let example = if flags.is_empty() { " --url …".to_owned() } else { flags };
    let url = Arg::new("url")
        .long("url")
        .value_name("URL")
        .value_parser(clap::value_parser!(DatabaseUrl))
        .help("Where it is, as one URL");
    let connection = std::iter::once(url).chain(engine.fields.iter().flat_map(field_args));
    let command = clap::Command::new(engine.id)
        .visible_aliases(registry::other_names(engine.id).iter().copied())
        .arg(Arg::new("name").required(true).value_name("NAME").help("What to call it"))
        .args(connection.map(|arg| arg.help_heading("Connection")))
        .args(option_args());
    let command = match engine.capabilities.dump_selection {
        true => SelectionArgs::augment_args(command).arg(globals_arg()),
        false => command,
    };
    // Last: flags that come in a group bring a description of their own.
    command.about(format!("Add a database of {}", engine.display_name)).after_help(format!(
        "What is missing is asked for on a terminal.\n\nExamples:\n  cadangkan add {0} shop\n  cadangkan add {0} shop{example} --production",
        engine.id
    ))
}

/// The flags that a database of every engine has.
fn option_args() -> [Arg; 4] {
    [
        Arg::new("storage")
            .long("storage")
            .value_name("NAME")
            .value_parser(clap::value_parser!(Name))
            .action(ArgAction::Append)
            .help("A storage for its backups; may be given more than once [default: as configured]"),
        Arg::new("production")
            .long("production")
            .action(ArgAction::SetTrue)
            .help("Ask for its name to be typed before it is overwritten"),
        Arg::new("require-ticket")
            .long("require-ticket")
            .action(ArgAction::SetTrue)
            .help("Do nothing to it without --ticket"),
        Arg::new("tag")
            .long("tag")
            .value_name("WORD")
            .action(ArgAction::Append)
            .help("A tag that each of its backups gets; may be given more than once"),
    ]
}

fn globals_arg() -> Arg {
    Arg::new("globals")
        .long("globals")
        .action(ArgAction::SetTrue)
        .help("Also what belongs to the whole server: roles, tablespaces")
}

/// What the backups of the database are to hold.
fn selected(engine: &Descriptor, matches: &ArgMatches) -> Result<BackupOptions, clap::Error> {
    if !engine.capabilities.dump_selection {
        return Ok(BackupOptions::default());
    }
    Ok(SelectionArgs::from_arg_matches(matches)?.options(matches.get_flag("globals")))
}

/// The keys of settings that are typed as text.
fn typed_keys(engine: &'static Descriptor) -> impl Iterator<Item = String> {
    engine.fields.iter().flat_map(|field| {
        let own = usize::from(field.kind == FieldKind::Secret);
        secrets::keys_of(field).into_iter().skip(own)
    })
}

fn stdin_flag(field: &Field) -> String {
    format!("{}_stdin", field.name)
}

/// The flags of a field. A secret itself is no flag: it is read from the standard input, a file or a command.
fn field_args(field: &'static Field) -> Vec<Arg> {
    if field.kind != FieldKind::Secret {
        let help = match field.default {
            Some(default) => format!("{} [default: {default}]", capitalised(field.help)),
            None => capitalised(field.help),
        };
        return vec![text_arg(field.name.to_owned(), field.name.to_uppercase(), help)];
    }
    let stdin = stdin_flag(field);
    let help = format!("Read {} from the standard input; asked for on a terminal", field.help);
    let mut args = vec![Arg::new(stdin.clone()).long(dashes(&stdin)).action(ArgAction::SetTrue).help(help)];
    let elsewhere =
        [("FILE", "A file that holds it, with mode 0600"), ("COMMAND", "A command that prints it")];
    let keys = secrets::keys_of(field).into_iter().skip(1);
    args.extend(keys.zip(elsewhere).map(|(key, (value, help))| {
        text_arg(key, value.to_owned(), format!("{help}; looked at whenever it is needed"))
            .conflicts_with(&stdin)
    }));
    args
}

fn text_arg(key: String, value: String, help: String) -> Arg {
    Arg::new(key.clone()).long(dashes(&key)).value_name(value).help(help)
}

fn dashes(key: &str) -> String {
    key.replace('_', "-")
}
