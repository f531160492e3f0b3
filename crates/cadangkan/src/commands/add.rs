use cadangkan_catalog::DefinitionKind;
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result};
use cadangkan_engine::Descriptor;
use clap::{Arg, ArgAction, ArgMatches, Args as _, FromArgMatches as _};
use serde_json::{Map, Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::commands::fields::{self, Typed};
use crate::commands::selection::SelectionArgs;
use crate::commands::{DatabaseUrl, labels, test};
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
    typed: Typed,
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
    let value = json!({ "name": name, "engine": args.engine.id, "settings": fields::shown(args.engine.fields, &settings), "saved": !app.global.dry_run });
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
        let sealed = entry.keyring.seal_definition(owner, engine.id, engine.fields, definition)?;
        session.catalog()?.define(
            DefinitionKind::Database,
            name,
            &sealed.definition,
            app.clock.now(),
            replace,
        )?;
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
    let fields = args.engine.fields;
    let of_url = |url: &DatabaseUrl| {
        fields::of_url(app, fields, args.engine.display_name, (args.engine.parse_url)(url.as_str()))
    };
    let map = args.url.as_ref().map(of_url).transpose()?.unwrap_or_default();
    let mut map = args.typed.settings(app, fields, map)?;
    ask_for_secret(app, args.engine, &mut map)?;
    fields::finish(app, fields, map)
}

/// Asks for the first secret of an engine when a user is given without it, and somebody can answer. An empty answer
/// is none: servers have other ways to know a user.
pub(crate) fn ask_for_secret(app: &App, engine: &Descriptor, map: &mut Map<String, Value>) -> Result<()> {
    let Some(field) = secrets::secret_fields(engine.fields).next() else { return Ok(()) };
    let given = secrets::keys_of(field).iter().any(|key| map.contains_key(key));
    if given || !map.contains_key("user") || !app.process.can_ask || app.global.yes {
        return Ok(());
    }
    fields::ask_for_optional(app, field, map)
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
            typed: Typed::read(engine.fields, matches),
            url: matches.get_one::<DatabaseUrl>("url").cloned(),
            options: DatabaseOptions {
                storage,
                production: matches.get_flag("production"),
                require_ticket: matches.get_flag("require-ticket").then_some(true),
                tags: many("tag"),
                labels: matches.get_many::<(Name, String)>("label").into_iter().flatten().cloned().collect(),
                group: text("group"),
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
    let flags: String = required.map(|field| format!(" --{} …", fields::dashes(field.name))).collect();
    let example = if flags.is_empty() { " --url …".to_owned() } else { flags };
    let url = Arg::new("url")
        .long("url")
        .value_name("URL")
        .value_parser(clap::value_parser!(DatabaseUrl))
        .help("Where it is, as one URL");
    let connection = std::iter::once(url).chain(fields::args(engine.fields));
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
fn option_args() -> [Arg; 6] {
    [
        Arg::new("storage")
            .long("storage")
            .value_name("NAME,…")
            .value_delimiter(',')
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
        Arg::new("label")
            .long("label")
            .value_name("KEY=VALUE")
            .value_parser(labels::parse_label)
            .action(ArgAction::Append)
            .help("A label to find it by, that its backups carry; may be given more than once"),
        Arg::new("group").long("group").value_name("NAME").help("The group it belongs to: the label `group`"),
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
