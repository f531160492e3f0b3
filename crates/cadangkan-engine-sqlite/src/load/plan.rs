use std::sync::Arc;

use cadangkan_core::{Control, Error, ErrorKind, Result, Selection};
use cadangkan_engine::{LoadMode, LoadOptions, LoadPlan, LoadRequest};

use super::target::{self, Target};
use super::temporary::kept_path;
use crate::descriptor::Config;
use crate::inspect::check_names;
use cadangkan_core::ObjectKind;

/// What the engine itself keeps of a plan.
#[derive(Clone, Debug)]
pub(super) struct Detail {
    pub(super) request: LoadRequest,
    pub(super) target: Target,
    pub(super) goal: Goal,
}

/// What is made of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goal {
    /// It becomes the target as it is.
    Image,
    /// A new database with a part of it becomes the target.
    NewDatabase,
    /// Tables of it replace those of the target, in one transaction.
    InPlace,
}

/// Looks at the target and says what a load would do.
pub(crate) fn plan(config: &Config, request: &LoadRequest, control: &Control<'_>) -> Result<LoadPlan> {
    refuse_unsupported(request)?;
    refuse_nonsense(request)?;
    let target = target::look(config, control)?;
    let path = target::resolve(&config.path)?;
    refuse_target(request, &target, &path)?;
    refuse_unknown_names(request)?;
    let goal = if request.selection.is_everything() {
        Goal::Image
    } else if request.mode == LoadMode::Clean && target.is_something() {
        Goal::InPlace
    } else {
        Goal::NewDatabase
    };
    let mut steps = vec!["write the database's image to a hidden file beside the target".to_owned()];
    steps.push("read it back from the disk and compare it".to_owned());
    if request.check {
        steps.push("run SQLite's quick_check on it".to_owned());
    }
    steps.extend(selection_steps(goal, &request.selection));
    let display = path.display();
    match (&target, goal) {
        (_, Goal::InPlace) => {}
        (Target::Absent | Target::Empty, _) => steps.push(format!("give it the name {display}")),
        _ if request.drop_old => {
            steps.push(format!("wait until no other program has {display} open"));
            steps.push(format!("put the new file in the place of {display}, which is then gone"));
        }
        _ => {
            steps.push(format!("wait until no other program has {display} open"));
            steps.push(format!(
                "keep the present file as {}",
                kept_path(&path, control.clock.now()).display()
            ));
            steps.push(format!("put the new file in the place of {display}"));
        }
    }
    Ok(LoadPlan {
        steps,
        present: target.describe(&path),
        present_bytes: (target != Target::Absent).then(|| target::size_of(&path)),
        destructive: target.is_something(),
        needs: None,
        warnings: warnings(goal, &target, &request.selection),
        detail: Arc::new(Detail { request: request.clone(), target, goal }),
    })
}

/// Refuses what a file cannot do, so that no wish is left out without a word.
fn refuse_unsupported(request: &LoadRequest) -> Result<()> {
    let selection = &request.selection;
    if selection.data_only {
        return Err(Error::new(ErrorKind::Unsupported, "SQLite tables are restored with their definitions")
            .hint("restore whole tables, or take their rows out of a copy that is restored to a new file"));
    }
    if !(selection.schemas.is_empty() && selection.exclude_schemas.is_empty()) {
        return Err(Error::new(ErrorKind::Unsupported, "SQLite has no schemas")
            .hint("select tables with --tables and --exclude-tables"));
    }
    if !selection.exclude_data.is_empty() {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "SQLite tables are restored with all their rows, or none",
        )
        .hint("leave whole tables out with --exclude-tables, or all rows with --schema-only"));
    }
    if request.options != LoadOptions::default() {
        let message =
            "SQLite has no owners, definers, privileges, schemas or globals, and restores in one step anyway";
        return Err(Error::new(ErrorKind::Unsupported, message).hint(
            "leave --no-owner, --definer, --no-privileges, --rename-schema, --one-transaction and --globals out",
        ));
    }
    match request.mode {
        LoadMode::Recreate => {
            Err(Error::new(ErrorKind::Unsupported, "an SQLite database is replaced, and never dropped first")
                .hint("use `--mode replace`; it keeps the old file, unless `--drop-old` is given"))
        }
        LoadMode::Data => {
            Err(Error::new(ErrorKind::Unsupported, "SQLite tables are restored with their definitions")
                .hint("use `--mode clean --tables …` for some tables"))
        }
        LoadMode::Fresh | LoadMode::Replace | LoadMode::Clean => Ok(()),
    }
}

fn refuse_nonsense(request: &LoadRequest) -> Result<()> {
    let selection = &request.selection;
    match request.mode {
        LoadMode::Clean if selection.tables.is_empty() && selection.exclude_tables.is_empty() => {
            Err(Error::new(ErrorKind::Usage, "mode clean needs a selection of tables")
                .hint("add `--tables`, or use `--mode replace` for the whole database"))
        }
        LoadMode::Replace if !selection.is_everything() => {
            Err(Error::new(ErrorKind::Usage, "mode replace puts a whole database in place of the old one")
                .hint(if selection.schema_only {
                    "restore the definitions to a new file with `--to`"
                } else {
                    "use `--mode clean` for some tables, or restore them to a new file with `--to`"
                }))
        }
        _ => Ok(()),
    }
}

fn refuse_target(request: &LoadRequest, target: &Target, path: &std::path::Path) -> Result<()> {
    if request.mode == LoadMode::Fresh && target.is_something() {
        return Err(Error::new(ErrorKind::Conflict, "the target is not empty")
            .context("path", path.display())
            .context("present", target.describe(path).unwrap_or_default())
            .hint("restore to a new path with `--to`, or use `--mode replace`, which keeps the old file"));
    }
    if let (LoadMode::Clean, Target::Damaged { why }) = (request.mode, target) {
        return Err(Error::new(ErrorKind::Conflict, "tables cannot be restored into a damaged database")
            .context("path", path.display())
            .context("cause", why)
            .hint("restore the whole database with `--mode replace`"));
    }
    Ok(())
}

/// Checks names while it costs nothing, when the backup's tables are known.
fn refuse_unknown_names(request: &LoadRequest) -> Result<()> {
    let tables = request.objects.iter().filter(|object| object.kind == ObjectKind::TABLE);
    let names = tables.map(|object| object.name.name.as_str());
    if names.clone().next().is_none() { Ok(()) } else { check_names(&request.selection, names) }
}

fn selection_steps(goal: Goal, selection: &Selection) -> Vec<String> {
    let rows = if selection.schema_only { "the definitions" } else { "the definitions and rows" };
    let which = if selection.tables.is_empty() && selection.exclude_tables.is_empty() {
        "all tables, views and triggers".to_owned()
    } else {
        let list = |patterns: &[cadangkan_core::Pattern]| {
            patterns.iter().map(|pattern| pattern.0.as_str()).collect::<Vec<_>>().join(", ")
        };
        let take =
            if selection.tables.is_empty() { "all tables".to_owned() } else { list(&selection.tables) };
        if selection.exclude_tables.is_empty() {
            take
        } else {
            format!("{take} without {}", list(&selection.exclude_tables))
        }
    };
    match goal {
        Goal::Image => Vec::new(),
        Goal::NewDatabase => vec![format!("copy {rows} of {which} into a new database")],
        Goal::InPlace => vec![
            format!("in one transaction, drop {which} in the target, with indexes and triggers"),
            format!("in the same transaction, copy {rows} of {which} from the image"),
            "check foreign keys, then commit".to_owned(),
        ],
    }
}

fn warnings(goal: Goal, target: &Target, selection: &Selection) -> Vec<String> {
    let mut warnings = Vec::new();
    if goal != Goal::Image && !(selection.tables.is_empty() && selection.exclude_tables.is_empty()) {
        warnings.push("views are not restored with a selection of tables".to_owned());
    }
    if goal != Goal::InPlace && target.is_something() {
        warnings.push(
            "programs that keep the old file open go on using it: stop them before, and start them again after"
                .to_owned(),
        );
    }
    warnings
}
