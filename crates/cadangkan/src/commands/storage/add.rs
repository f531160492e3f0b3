use cadangkan_catalog::DefinitionKind;
use cadangkan_core::settings::FieldKind;
use cadangkan_core::{Clock, Error, ErrorKind, Name, Result};
use cadangkan_storage::StorageDescriptor;
use clap::{Arg, ArgAction, ArgMatches};
use serde_json::{Map, Value, json};

use super::test;
use crate::app::{App, CatalogNeed, Session};
use crate::commands::StorageUrl;
use crate::commands::fields::{self, Typed};
use crate::config::StorageLimits;
use crate::inventory::{Origin, StorageEntry, storage_definition};
use crate::registry;
use crate::secrets::Owner;
use crate::ui::escape;

/// Arguments of `storage add`: one subcommand per kind of storage, with a flag for each of its fields.
///
/// Made by hand and not derived, since the fields come from the descriptors.
#[derive(Debug)]
pub(super) struct AddArgs {
    provider: &'static StorageDescriptor,
    name: String,
    typed: Typed,
    url: Option<StorageUrl>,
    replace: bool,
}

/// Tries a storage out, and saves it when that went well.
pub(super) fn run(app: &App, args: &AddArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let name = Name::new(args.name.clone())?;
    refuse_taken(&session, &name, args.replace)?;
    let settings = settings(app, args)?;
    let location = save(app, &session, args.provider, &name, &settings, args.replace)?;
    let shown = fields::shown(args.provider.fields, &settings);
    let value = json!({
        "name": name, "provider": args.provider.id, "location": location, "settings": shown,
        "saved": !app.global.dry_run,
    });
    app.print(&value, || {
        let mark = app.style.good_mark();
        let location = escape(&location);
        if app.global.dry_run {
            return format!("{mark} Works: {location}\nThis was a dry run: nothing was saved.\n");
        }
        let mut text = format!("{mark} Works: {location}\n{mark} Added {name}\n");
        if !app.global.quiet {
            text.push_str(&format!(
                "\nNext steps:\n  cadangkan backup <database> --storage {name}\n  cadangkan storage info {name}\n"
            ));
        }
        text
    })
}

/// Tries a storage out and, unless it is a dry run, saves it; returns where it is.
pub(super) fn save(
    app: &App,
    session: &Session,
    provider: &'static StorageDescriptor,
    name: &Name,
    settings: &Value,
    replace: bool,
) -> Result<String> {
    let definition = storage_definition(provider.id, settings, StorageLimits::default(), true);
    let entry = StorageEntry::from_definition(name, &definition, session.home())?;
    save_entry(app, session, &entry, definition, replace)
}

/// The same for a definition that was read.
pub(super) fn save_entry(
    app: &App,
    session: &Session,
    entry: &StorageEntry,
    definition: Value,
    replace: bool,
) -> Result<String> {
    let name = &entry.name;
    if let (_, Some(error)) = test::one(app, session, entry)? {
        return Err(error.context("not saved", name));
    }
    app.finish_progress();
    if !app.global.dry_run {
        let owner = Owner::storage(name);
        let sealed =
            entry.keyring.seal_definition(owner, entry.provider.id, entry.provider.fields, definition)?;
        session.catalog()?.define(
            DefinitionKind::Storage,
            name,
            &sealed.definition,
            app.clock.now(),
            replace,
        )?;
    }
    entry.location()
}

fn refuse_taken(session: &Session, name: &Name, replace: bool) -> Result<()> {
    let Ok(entry) = session.inventory.storage(name.as_str()) else { return Ok(()) };
    if entry.origin == Origin::Implicit || (replace && entry.origin == Origin::Catalog) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Conflict, format!("there is a storage \"{name}\" already"))
        .context("defined in", &entry.origin)
        .hint(format!("choose another name, or change that one with `cadangkan storage edit {name}`")))
}

/// Joins URL and flags, and asks for what is missing when somebody can answer.
fn settings(app: &App, args: &AddArgs) -> Result<Value> {
    let provider = args.provider;
    let of_url = |url: &StorageUrl| {
        fields::of_url(app, provider.fields, provider.display_name, (provider.parse_url)(url.as_str()))
    };
    let map = args.url.as_ref().map(of_url).transpose()?.unwrap_or_default();
    let mut map = args.typed.settings(app, provider.fields, map)?;
    ask_for_secret(app, provider, &mut map)?;
    fields::finish(app, provider.fields, map)
}

/// Asks for a secret when what it belongs to, the field before it, is given without it, and somebody can answer.
fn ask_for_secret(app: &App, provider: &StorageDescriptor, map: &mut Map<String, Value>) -> Result<()> {
    if !app.process.can_ask || app.global.yes {
        return Ok(());
    }
    let pairs = provider.fields.iter().zip(provider.fields.iter().skip(1));
    let asked =
        pairs.filter(|(before, field)| field.kind == FieldKind::Secret && before.kind != FieldKind::Secret);
    for (before, secret) in asked {
        if map.contains_key(before.name) && !fields::is_given(secret, map) {
            fields::ask_for_optional(app, secret, map)?;
        }
    }
    Ok(())
}

impl clap::Args for AddArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let command = command
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommand_value_name("KIND")
            .subcommand_help_heading("Kinds")
            .after_help(format!("Examples:\n  {}", registry::example_add_storage()));
        registry::STORAGES.iter().fold(command, |command, storage| command.subcommand(kind_command(storage)))
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl clap::FromArgMatches for AddArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (id, matches) = matches.subcommand().ok_or_else(missing)?;
        let provider = registry::storage(id).ok_or_else(missing)?;
        Ok(AddArgs {
            provider,
            name: matches.get_one::<String>("name").cloned().unwrap_or_default(),
            typed: Typed::read(provider.fields, matches),
            url: matches.get_one::<StorageUrl>("url").cloned(),
            replace: matches.get_flag("replace"),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn kind_command(provider: &'static StorageDescriptor) -> clap::Command {
    let url = Arg::new("url")
        .long("url")
        .value_name("URL")
        .value_parser(clap::value_parser!(StorageUrl))
        .help("Where it is, as one URL");
    let replace = Arg::new("replace")
        .long("replace")
        .action(ArgAction::SetTrue)
        .help("Give one that was added before these settings instead");
    let place = std::iter::once(url).chain(fields::args(provider.fields));
    clap::Command::new(provider.id)
        .arg(Arg::new("name").required(true).value_name("NAME").help("What to call it"))
        .arg(replace)
        .args(place.map(|arg| arg.help_heading("Place")))
        .about(format!("Add a storage: {}", provider.display_name))
        .after_help(format!(
            "What is missing is asked for on a terminal.\n\nExamples:\n  {}",
            registry::example_add_storage_of(provider, "offsite")
        ))
}
