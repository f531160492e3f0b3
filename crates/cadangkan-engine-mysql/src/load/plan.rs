//! What a load would do, worked out without touching anything.

use std::sync::Arc;

use cadangkan_core::{
    Control, Error, ErrorKind, ObjectKind, ObjectName, ObjectReport, Pattern, Result, Selection, format_bytes,
};
use cadangkan_engine::{LoadMode, LoadPlan, LoadRequest};

use super::entries::Definer;
use super::history::{self, History};
use super::look::{Look, Present, open};
use super::objects::Object;
use super::preflight;
use super::users::{self, Accounts};
use crate::config::Config;
use crate::script::Kind;

/// Where the load goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Into a database that is made for it, under the target's name.
    Made,
    /// The same, and the target is dropped before.
    Recreate,
    /// Into a database beside the target, whose tables then take the place of the target's.
    Beside(Old),
    /// Into the target as it is.
    Inside,
}

/// The content that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    /// It stays in a database of another name.
    Keep,
    /// It is dropped once the new one is in its place.
    Drop,
}

/// What the engine itself keeps of a plan.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    pub(super) request: LoadRequest,
    pub(super) way: Way,
    /// What the target was when the load was planned.
    pub(super) was: Was,
    /// Whether names are lowered by the server.
    pub(super) lowers: bool,
    /// The longest statement that the server takes.
    pub(super) max_packet: usize,
    /// Whether the server takes files of a client.
    pub(super) local_infile: bool,
    /// What is done about accounts.
    pub(super) accounts: Accounts,
    /// With whose rights objects run.
    pub(super) definer: Definer,
    /// The place in a history that is taken over.
    pub(super) history: Option<History>,
}

/// What the target was when the load was planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    Absent,
    Empty,
    Filled,
}

impl Was {
    pub(super) fn of(look: &Look) -> Was {
        match &look.present {
            None => Was::Absent,
            Some(present) if present.objects.is_empty() => Was::Empty,
            Some(_) => Was::Filled,
        }
    }
}

/// Looks at the target and says what a load would do.
pub(crate) fn plan(config: &Config, request: &LoadRequest, control: &Control<'_>) -> Result<LoadPlan> {
    refuse_nonsense(request)?;
    let definer = Definer::of(&request.options)?;
    let look = Look::at(&config.target()?, control)?;
    let way = choose(&look, request)?;
    let mut warnings = preflight::check(&look, way, request)?;
    let mut there = open(&look.server, control)?;
    let accounts = users::plan(&mut there, &look, request, &mut warnings, control)?;
    let history = history::plan(&mut there, &look, request, &mut warnings, control)?;
    if let Definer::Replaced(account) = &definer {
        users::refuse_missing(&mut there, &look, account, &accounts, control)?;
    }
    let present = look.present.as_ref();
    let detail = Detail {
        request: request.clone(),
        way,
        was: Was::of(&look),
        lowers: look.lower_case == 1,
        max_packet: look.max_packet,
        local_infile: look.local_infile,
        accounts,
        definer,
        history,
    };
    Ok(LoadPlan {
        steps: steps(&look, &detail),
        present: present.map(|present| describe(&look.name, present)),
        present_bytes: present.and_then(|present| present.bytes),
        destructive: present.is_some()
            && matches!(request.mode, LoadMode::Replace | LoadMode::Recreate | LoadMode::Clean),
        needs: needs(request),
        warnings,
        detail: Arc::new(detail),
    })
}

fn refuse_nonsense(request: &LoadRequest) -> Result<()> {
    let refuse = |kind, message: &str, hint: &str| Err(Error::new(kind, message).hint(hint));
    let LoadRequest { selection, options, mode, .. } = request;
    if !selection.schemas.is_empty()
        || !selection.exclude_schemas.is_empty()
        || !options.rename_schemas.is_empty()
    {
        return refuse(
            ErrorKind::Unsupported,
            "MySQL has no schemas inside of a database",
            "name tables, or restore to another database with --to",
        );
    }
    if options.globals {
        return refuse(
            ErrorKind::Unsupported,
            "a backup of one MySQL database has no accounts in it, but beside it",
            "use --users instead of --globals",
        );
    }
    if options.single_transaction && *mode != LoadMode::Data {
        return refuse(
            ErrorKind::Unsupported,
            "MySQL cannot roll definitions back, so they cannot be restored in one transaction",
            "use --mode replace, which leaves the target as it was until all is there, or --mode data for rows alone",
        );
    }
    match mode {
        LoadMode::Data if selection.schema_only => refuse(
            ErrorKind::Usage,
            "mode data loads rows only, and schema-only leaves them out",
            "choose one of both",
        ),
        LoadMode::Data => Ok(()),
        _ if selection.data_only => refuse(
            ErrorKind::Usage,
            "rows without definitions need tables that are there",
            "use `--mode data`, which adds the rows to the tables of the target",
        ),
        LoadMode::Replace if !selection.is_everything() => refuse(
            ErrorKind::Usage,
            "mode replace puts a whole database in place of the old one",
            "use `--mode clean` for some tables, or restore them to another database with `--to`",
        ),
        _ => Ok(()),
    }?;
    refuse_unknown_tables(request)
}

/// Refuses names of tables that the backup does not have, where it is known what it has.
fn refuse_unknown_tables(request: &LoadRequest) -> Result<()> {
    if request.objects.is_empty() {
        return Ok(());
    }
    let has = |pattern: &&Pattern| request.objects.iter().any(|object| pattern.matches(&object.name.name));
    let unknown = request.selection.tables.iter().find(|pattern| !pattern.is_glob() && !has(pattern));
    match unknown {
        None => Ok(()),
        Some(pattern) => Err(no_such_table(&pattern.0)),
    }
}

/// The error for a table that the backup does not have.
pub(super) fn no_such_table(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, "the backup has no such table")
        .context("table", name.escape_debug())
        .hint("`cadangkan backups info` lists what a backup has")
}

fn choose(look: &Look, request: &LoadRequest) -> Result<Way> {
    let old = if request.drop_old { Old::Drop } else { Old::Keep };
    match (request.mode, &look.present) {
        (LoadMode::Data, None) => {
            Err(Error::new(ErrorKind::NotFound, "there is no such database to add rows to")
                .context("database", &look.name)
                .hint("restore with its definitions: leave `--mode data` out"))
        }
        (_, None) => Ok(Way::Made),
        (LoadMode::Replace, Some(present)) if present.objects.is_empty() => Ok(Way::Inside),
        (LoadMode::Replace, Some(_)) => Ok(Way::Beside(old)),
        (LoadMode::Recreate, Some(_)) => Ok(Way::Recreate),
        (LoadMode::Clean | LoadMode::Data, Some(_)) => Ok(Way::Inside),
        (LoadMode::Fresh, Some(present)) => {
            refuse_present(look, present, request)?;
            Ok(Way::Inside)
        }
    }
}

/// Refuses a target with content, unless only tables are restored that it does not have.
fn refuse_present(look: &Look, present: &Present, request: &LoadRequest) -> Result<()> {
    if present.objects.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> =
        tables(&request.objects).filter(|table| request.selection.has_table(table)).collect();
    let (names, message): (Vec<String>, _) = if request.selection.is_of_tables() && !wanted.is_empty() {
        let same = |one: &str, other: &str| {
            if look.lower_case == 0 { one == other } else { one.eq_ignore_ascii_case(other) }
        };
        let is_there =
            |table: &&&ObjectName| present.objects.iter().any(|object| same(&object.name, &table.name));
        let taken = wanted.iter().filter(is_there).map(|table| table.name.clone());
        (taken.collect(), "the target has tables of these names already")
    } else {
        (present.objects.iter().map(Object::shown).collect(), "the target is not empty")
    };
    if names.is_empty() {
        return Ok(());
    }
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    let some: Vec<_> = names.iter().take(5).map(String::as_str).collect();
    let hint = if present.unfinished {
        "a restore that died began to fill it: `cadangkan cleanup` empties it, or use `--mode recreate`"
    } else {
        "restore to another database with `--to`, or use `--mode replace`, which keeps the old one, or `--mode clean`"
    };
    Err(Error::new(ErrorKind::Conflict, message)
        .context("database", &look.name)
        .context("present", format!("{}{more}", some.join(", ")))
        .hint(hint))
}

/// The tables of a backup.
pub(super) fn tables(objects: &[ObjectReport]) -> impl Iterator<Item = &ObjectName> {
    objects.iter().filter(|object| object.kind == ObjectKind::TABLE).map(|object| &object.name)
}

/// The objects whose frames are needed; `None` for all, or when nobody knows what there is.
pub(super) fn needs(request: &LoadRequest) -> Option<Vec<ObjectName>> {
    let LoadRequest { selection, objects, mode, .. } = request;
    let everything = selection.is_everything() && *mode != LoadMode::Data;
    if objects.is_empty() || everything || (selection.schema_only && !selection.is_of_tables()) {
        return None;
    }
    // Whatever is no table is small, and tells what belongs to the tables.
    let is_needed =
        |object: &&ObjectReport| object.kind != ObjectKind::TABLE || selection.has_table(&object.name);
    let mut needs: Vec<_> = objects.iter().filter(is_needed).map(|object| object.name.clone()).collect();
    let definitions = ObjectName::new("definitions");
    if !needs.contains(&definitions) {
        needs.push(definitions);
    }
    Some(needs)
}

fn describe(name: &str, present: &Present) -> String {
    let count = |number: u64, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let others = present.objects.iter().filter(|object| object.kind != Kind::Table).count() as u64;
    let others = if others == 0 { String::new() } else { format!(", {}", count(others, "other object")) };
    format!(
        "database {name}, {}{others}, {}",
        count(present.tables, "table"),
        count(present.connections, "connection")
    )
}

fn steps(look: &Look, detail: &Detail) -> Vec<String> {
    let (name, request) = (&look.name, &detail.request);
    let size = request.attributes.get("database_size_bytes").and_then(serde_json::Value::as_u64);
    let room = match size {
        Some(size) => {
            format!(" (about {} on the server, which does not say how much is free)", format_bytes(size))
        }
        None => " (the server does not say how much space is free)".to_owned(),
    };
    let mut steps = Vec::new();
    match detail.way {
        Way::Made => steps.push(format!("make the database {name}")),
        Way::Recreate => {
            steps.push("read the definitions and make sure that this server can have them".to_owned());
            steps.push(format!("drop the database {name} with all that is in it, and make it again"));
        }
        Way::Beside(_) => steps.push("make an empty database beside the target".to_owned()),
        Way::Inside if request.mode == LoadMode::Clean => {
            steps.push("drop what the backup defines and the target has".to_owned());
        }
        Way::Inside => {}
    }
    let selection = &request.selection;
    if request.mode != LoadMode::Data {
        let what = if selection.is_everything() { "all tables".to_owned() } else { chosen(selection) };
        steps.push(format!("make {what}"));
    }
    if !selection.schema_only {
        steps.push(format!("load the rows{room}"));
    }
    if request.mode != LoadMode::Data {
        steps.push("build indexes and foreign keys".to_owned());
        steps.push("make routines, views, triggers and events".to_owned() + &detail.definer.shown());
    }
    if request.check && request.mode != LoadMode::Data {
        steps.push("read all rows back and fingerprint them".to_owned());
    }
    match detail.way {
        Way::Beside(old) => {
            steps.push(format!("in one statement, move the tables of {name} away and the new ones in"));
            steps.push("replace routines, views, triggers and events".to_owned());
            steps.push(match old {
                Old::Keep => "keep the old content in a database of its own".to_owned(),
                Old::Drop => "drop the old content".to_owned(),
            });
        }
        _ if request.mode == LoadMode::Data => steps.push("commit".to_owned()),
        _ => {}
    }
    steps.extend(detail.history.iter().map(History::step));
    steps.extend(detail.accounts.steps());
    steps
}

fn chosen(selection: &Selection) -> String {
    let list = |patterns: &[Pattern]| {
        patterns.iter().map(|pattern| pattern.0.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    if !selection.tables.is_empty() {
        parts.push(format!("tables {}", list(&selection.tables)));
    }
    if !selection.exclude_tables.is_empty() {
        parts.push(format!("all but tables {}", list(&selection.exclude_tables)));
    }
    if parts.is_empty() { "all tables".to_owned() } else { parts.join("; ") }
}
