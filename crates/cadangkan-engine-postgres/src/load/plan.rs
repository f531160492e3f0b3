//! What a load would do, worked out without touching anything.

use std::sync::Arc;

use cadangkan_core::{
    Control, Error, ErrorKind, ObjectKind, ObjectName, ObjectReport, Result, Selection, format_bytes,
};
use cadangkan_engine::{LoadMode, LoadOptions, LoadPlan, LoadRequest};
use cadangkan_pgwire::identifier;

use super::beside::Old;
use super::look::{Look, Present};
use super::preflight;
use crate::config::Config;

/// Where the load goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Into a database of its own, which takes the target's name.
    Beside(Option<Old>),
    /// The same, and the target is dropped before.
    Recreate,
    /// Into the target as it is.
    Inside,
}

/// What the engine itself keeps of a plan.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    pub(super) request: LoadRequest,
    pub(super) way: Way,
    /// Whether the target was there, and whether it was empty.
    pub(super) was: Was,
    /// Tablespaces of the backup that this server does not have.
    pub(super) missing_tablespaces: Vec<String>,
    /// Whether triggers and foreign keys are switched off.
    pub(super) replica: bool,
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
            Some(present) if present.is_empty() => Was::Empty,
            Some(_) => Was::Filled,
        }
    }
}

impl Detail {
    /// Tells whether everything is run as one transaction.
    pub(super) fn is_single(&self) -> bool {
        self.request.options.single_transaction
    }

    /// Tells whether objects come to stand among others that are not the backup's.
    pub(super) fn is_among_others(&self) -> bool {
        self.way == Way::Inside && self.was == Was::Filled
    }
}

/// Looks at the target and says what a load would do.
pub(crate) fn plan(config: &Config, request: &LoadRequest, control: &Control<'_>) -> Result<LoadPlan> {
    refuse_nonsense(request)?;
    let look = Look::at(&config.target()?, control)?;
    let way = choose(&look, request)?;
    let findings = preflight::check(&look, way, request, control)?;
    let mut warnings = findings.warnings;
    let present = look.present.as_ref();
    let replica = request.mode == LoadMode::Data && present.is_some_and(|present| present.replica);
    if request.mode == LoadMode::Data && !replica {
        warnings.push(
            "triggers and foreign keys apply to the rows, over one connection: switching them off takes a superuser"
                .to_owned(),
        );
    }
    let detail = Detail {
        request: request.clone(),
        way,
        was: Was::of(&look),
        missing_tablespaces: findings.missing_tablespaces,
        replica,
    };
    Ok(LoadPlan {
        steps: steps(&look, &detail),
        present: present.map(|present| describe(look.name(), present)),
        present_bytes: present.and_then(|present| present.bytes),
        destructive: present.is_some()
            && matches!(request.mode, LoadMode::Replace | LoadMode::Recreate | LoadMode::Clean),
        needs: needs(request),
        warnings,
        detail: Arc::new(detail),
    })
}

fn refuse_nonsense(request: &LoadRequest) -> Result<()> {
    let usage = |message: &str, hint: &str| Err(Error::new(ErrorKind::Usage, message).hint(hint));
    let selection = &request.selection;
    if request.options.definer.is_some() {
        let message = "PostgreSQL has owners, and no definers";
        return Err(Error::new(ErrorKind::Unsupported, message)
            .hint("leave --definer out; with --no-owner everything belongs to the user who restores"));
    }
    match request.mode {
        LoadMode::Data if selection.schema_only => {
            usage("mode data loads rows only, and schema-only leaves them out", "choose one of both")
        }
        LoadMode::Data => Ok(()),
        _ if selection.data_only => usage(
            "rows without definitions need tables that are there",
            "use `--mode data`, which adds the rows to the tables of the target",
        ),
        LoadMode::Replace if !selection.is_everything() => usage(
            "mode replace puts a whole database in place of the old one",
            "use `--mode clean` for some tables, or restore them to another database with `--to`",
        ),
        _ => Ok(()),
    }
}

fn choose(look: &Look, request: &LoadRequest) -> Result<Way> {
    let old = if request.drop_old { Old::Drop } else { Old::Keep };
    match (request.mode, &look.present) {
        (LoadMode::Data, None) => {
            Err(Error::new(ErrorKind::NotFound, "there is no such database to add rows to")
                .context("database", look.name())
                .hint("restore with its definitions: leave `--mode data` out"))
        }
        (_, None) => Ok(Way::Beside(None)),
        (LoadMode::Replace, Some(_)) => Ok(Way::Beside(Some(old))),
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
    if present.is_empty() {
        return Ok(());
    }
    let wanted: Vec<_> =
        tables(&request.objects).filter(|table| request.selection.has_table(table)).collect();
    // Where the backup's objects are known, a selection without tables is one of functions, types and their like.
    let of_tables = request.selection.is_of_tables() && !(wanted.is_empty() && request.objects.is_empty());
    let (names, message): (Vec<String>, _) = if of_tables {
        let taken = wanted.iter().map(|table| quoted(&renamed(table, &request.options)));
        let is_there =
            |name: &String| present.objects.iter().any(|object| unquoted(&object.identity) == unquoted(name));
        (taken.filter(is_there).collect(), "the target has tables of these names already")
    } else {
        let names = present.objects.iter().map(|object| format!("{} {}", object.kind, object.identity));
        let large_objects = present.large_objects.then(|| "large objects".to_owned());
        (names.chain(large_objects).collect(), "the target is not empty")
    };
    if names.is_empty() {
        return Ok(());
    }
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    let some: Vec<_> = names.iter().take(5).map(String::as_str).collect();
    Err(Error::new(ErrorKind::Conflict, message)
        .context("database", look.name())
        .context("present", format!("{}{more}", some.join(", ")))
        .hint("restore to another database with `--to`, or use `--mode replace`, which keeps the old one, or `--mode clean`"))
}

/// The tables of a backup.
pub(super) fn tables(objects: &[ObjectReport]) -> impl Iterator<Item = &ObjectName> {
    objects.iter().filter(|object| object.kind == ObjectKind::TABLE).map(|object| &object.name)
}

/// The name that a table of the backup has in the target.
pub(super) fn renamed(table: &ObjectName, options: &LoadOptions) -> ObjectName {
    let schema = table.schema.as_ref().map(|schema| {
        let renames = &options.rename_schemas;
        renames.iter().find(|(from, _)| from == schema).map_or_else(|| schema.clone(), |(_, to)| to.clone())
    });
    ObjectName { schema, ..table.clone() }
}

/// A name as statements write it.
pub(super) fn quoted(name: &ObjectName) -> String {
    let schema = name.schema.as_ref().map(|schema| format!("{}.", identifier(schema)));
    schema.unwrap_or_default() + &identifier(&name.name)
}

/// A quoted name without its quotes where it could do without: servers quote only what needs it.
fn unquoted(identity: &str) -> String {
    identity.replace('"', "")
}

/// The objects whose frames are needed; `None` for all, or when nobody knows what there is.
pub(super) fn needs(request: &LoadRequest) -> Option<Vec<ObjectName>> {
    let LoadRequest { selection, objects, options, mode, .. } = request;
    if objects.is_empty() || (selection.is_everything() && *mode != LoadMode::Data) {
        return None;
    }
    let of_tables = objects
        .iter()
        .filter(|object| object.name.schema.is_some() && selection.has_rows(&object.name))
        .map(|object| object.name.clone());
    let mut needs: Vec<_> = of_tables.collect();
    if *mode != LoadMode::Data {
        needs.push(ObjectName::new("definitions"));
    }
    if options.globals {
        needs.push(ObjectName::new("globals"));
    }
    if !selection.schema_only {
        needs.push(ObjectName::new("sequence values"));
        if has_large_objects(request) {
            needs.push(ObjectName::new("large objects"));
        }
    }
    Some(needs)
}

/// Tells whether large objects are wanted: they belong to no table, and mode data does not make them.
pub(super) fn has_large_objects(request: &LoadRequest) -> bool {
    let selection = &request.selection;
    request.mode != LoadMode::Data && !selection.schema_only && !selection.is_of_tables()
}

fn describe(name: &str, present: &Present) -> String {
    let count = |number: u64, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    format!(
        "database {name}, {}, {}",
        count(present.tables, "table"),
        count(present.connections, "connection")
    )
}

fn steps(look: &Look, detail: &Detail) -> Vec<String> {
    let (name, request) = (look.name(), &detail.request);
    let size = request.attributes.get("database_size_bytes").and_then(serde_json::Value::as_u64);
    let room = size.map_or_else(String::new, |size| {
        format!(" (about {} on the server, which does not say how much is free)", format_bytes(size))
    });
    let mut steps = Vec::new();
    if request.options.globals {
        steps.push(
            "make the roles that the server does not have; they stay even if the rest fails".to_owned(),
        );
    }
    match detail.way {
        Way::Recreate => {
            steps.push("make an empty database beside the target".to_owned());
            steps.push(format!("end all connections to {name} and drop it"));
        }
        Way::Beside(_) => steps.push("make an empty database beside the target".to_owned()),
        Way::Inside if request.mode == LoadMode::Clean => {
            steps.push("in one transaction, drop what the backup defines and the target has".to_owned());
        }
        Way::Inside => {}
    }
    let selection = &request.selection;
    let what = if selection.is_everything() {
        "all definitions".to_owned()
    } else {
        format!("the definitions of {}", chosen(selection))
    };
    if request.mode != LoadMode::Data {
        steps.push(format!("make {what}"));
    }
    if !selection.schema_only {
        steps.push(format!("load the rows{room}"));
    }
    if request.mode != LoadMode::Data {
        steps.push("build indexes and constraints, refresh materialized views, gather statistics".to_owned());
    }
    if request.check && detail.way != Way::Inside {
        steps.push("read all rows back and fingerprint them".to_owned());
    }
    match detail.way {
        Way::Beside(Some(old)) => {
            steps.push(format!("end all connections to {name}"));
            steps.push(format!("in one transaction, give {name} another name and the new database its name"));
            if old == Old::Drop {
                steps.push("drop the old database".to_owned());
            }
        }
        Way::Beside(None) | Way::Recreate => steps.push(format!("give the new database the name {name}")),
        Way::Inside if detail.is_single() || request.mode == LoadMode::Data => {
            steps.push("commit".to_owned())
        }
        Way::Inside => {}
    }
    steps
}

fn chosen(selection: &Selection) -> String {
    let list = |patterns: &[cadangkan_core::Pattern]| {
        patterns.iter().map(|pattern| pattern.0.as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    for (word, patterns) in [
        ("tables ", &selection.tables),
        ("schemas ", &selection.schemas),
        ("all but tables ", &selection.exclude_tables),
        ("all but schemas ", &selection.exclude_schemas),
    ] {
        if !patterns.is_empty() {
            parts.push(format!("{word}{}", list(patterns)));
        }
    }
    if parts.is_empty() { "everything".to_owned() } else { parts.join("; ") }
}
