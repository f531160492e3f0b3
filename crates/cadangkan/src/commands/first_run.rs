//! The guide for somebody who starts the program for the first time.

use cadangkan_core::{Error, ErrorKind, Name, Result};
use serde_json::{Map, Value};

use crate::app::{App, CatalogNeed, Session};
use crate::cli::OutputFormat;
use crate::commands::{add, backup, demo, fields, init, status};
use crate::config::DatabaseOptions;
use crate::registry;
use crate::ui::{self, escape};

/// Without a command: the guide when nothing is configured, the status otherwise.
pub(crate) fn run(app: &App) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let config = session.inventory.config();
    if !session.inventory.databases().is_empty() || config.place.exists {
        return status::run(app, &status::StatusArgs::all());
    }
    if app.global.output == OutputFormat::Json {
        return status::run(app, &status::StatusArgs::all());
    }
    if !app.process.can_ask || app.global.quiet {
        return app.print_text(&welcome());
    }
    guide(app, &session)
}

fn welcome() -> String {
    format!(
        "Welcome to Cadangkan. Nothing is configured yet.\n\n  cadangkan demo      the whole story on a sample database, with no set-up\n  {}\n  cadangkan init      write a commented configuration file instead\n  cadangkan help      all commands\n",
        registry::example_add()
    )
}

fn guide(app: &App, session: &Session) -> Result<()> {
    app.say("Welcome to Cadangkan! Nothing is configured yet; this takes a minute.\n");
    let choices = [
        "Add your first database",
        "See the whole story on a sample database",
        "Write a commented configuration file",
        "See all commands",
    ];
    let chosen = app.with_prompter(|prompter| {
        prompter.choose("What would you like to do?", &choices.map(str::to_owned))
    })?;
    match chosen {
        0 => first_database(app, session),
        1 => demo::run(app, &demo::DemoArgs::default()),
        2 => init::run(app, &init::InitArgs {}),
        _ => app.print_text(&crate::cli::help()),
    }
}

fn first_database(app: &App, session: &Session) -> Result<()> {
    let engine = match registry::ENGINES {
        [only] => *only,
        engines => {
            let names: Vec<String> = engines.iter().map(|engine| engine.display_name.to_owned()).collect();
            let chosen = app.with_prompter(|prompter| prompter.choose("What kind of database?", &names))?;
            engines.get(chosen).ok_or_else(|| Error::new(ErrorKind::Internal, "no such engine"))?
        }
    };
    app.say(&format!("\n{}", engine.display_name));
    let name = again(app, || {
        let typed = app.with_prompter(|prompter| prompter.ask("What to call it", Some("production")))?;
        let name = Name::new(typed)?;
        add::refuse_taken(session, &name)?;
        Ok(name)
    })?;
    let line = again(app, || {
        let mut settings = Map::new();
        for field in engine.fields.iter().filter(|field| field.required) {
            settings.insert(field.name.to_owned(), fields::typed(field, &fields::ask(app, field)?)?);
        }
        let settings = app.absolute_paths(engine.fields, Value::Object(settings))?;
        add::save(app, session, engine, &name, &settings, &DatabaseOptions::default(), false)
    })?;
    app.say(&format!("{} Reached: {}\n", app.message_style.good_mark(), escape(&line)));
    if app.with_prompter(|prompter| prompter.confirm("Back it up now?"))? {
        app.say("");
        return backup::run(app, &backup::BackupArgs::of(&name));
    }
    app.print_text(&format!(
        "\nNext steps:\n  cadangkan backup {name}\n  cadangkan backups list {name}\n  cadangkan restore {name} --dry-run\n  cadangkan help\n"
    ))
}

/// Asks again when an answer did not do, a few times.
pub(crate) fn again<T>(app: &App, ask: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 0..4 {
        match ask() {
            Err(error) if error.kind() != ErrorKind::Cancelled => {
                app.say(&format!(
                    "{}\nOnce more (Ctrl-C stops):",
                    ui::error::render(&error, app.message_style)
                ));
            }
            other => return other,
        }
    }
    ask()
}
