use cadangkan_ops::around::{AroundRun, End};
use serde_json::{Value, json};

use crate::ui;

/// The longest text in a variable: the system refuses much longer ones, and all together.
const LONGEST: usize = 4096;

/// What a hook is told of a run: as JSON, and in variables of its environment.
pub(super) struct Facts {
    pub(super) json: Value,
    pub(super) variables: Vec<(&'static str, String)>,
}

impl Facts {
    /// What is known before it begins.
    pub(super) fn before(run: &AroundRun<'_>) -> Self {
        Facts::of("before", run, "running", None)
    }

    /// What is known when it has ended.
    pub(super) fn after(event: &'static str, run: &AroundRun<'_>, end: &End<'_>) -> Self {
        Facts::of(event, run, end.status.as_str(), Some(end))
    }

    fn of(event: &'static str, run: &AroundRun<'_>, status: &'static str, end: Option<&End<'_>>) -> Self {
        let made = end.map(|end| end.made.as_slice()).unwrap_or_default();
        let error = end.and_then(|end| end.error);
        let id = run.id.map(|id| id.to_string());
        let json = json!({
            "event": event, "kind": run.kind, "database": run.database, "trigger": run.trigger, "run": run.id,
            "status": status, "backups": made, "error": error.and_then(|error| ui::error::to_json(error).get("error").cloned()),
        });
        let ids: Vec<_> = made.iter().map(|made| made.backup_id.to_string()).collect();
        let size = end.map(|_| made.iter().map(|made| made.size_bytes).sum::<u64>().to_string());
        let variables = vec![
            ("CADANGKAN_EVENT", event.to_owned()),
            ("CADANGKAN_KIND", run.kind.as_str().to_owned()),
            ("CADANGKAN_DATABASE", run.database.to_string()),
            ("CADANGKAN_TRIGGER", run.trigger.to_owned()),
            ("CADANGKAN_RUN", id.unwrap_or_default()),
            ("CADANGKAN_STATUS", status.to_owned()),
            ("CADANGKAN_BACKUP_ID", ids.join(" ")),
            ("CADANGKAN_SIZE_BYTES", size.unwrap_or_default()),
            ("CADANGKAN_STORAGES", names(made.iter().flat_map(|made| &made.storages))),
            ("CADANGKAN_FAILED_STORAGES", names(made.iter().flat_map(|made| &made.failed_storages))),
            ("CADANGKAN_ERROR", error.map(ToString::to_string).unwrap_or_default()),
        ];
        Facts { json, variables: variables.into_iter().map(|(name, text)| (name, usable(&text))).collect() }
    }
}

/// Names, each once, with blanks between.
fn names<'a>(all: impl Iterator<Item = &'a String>) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in all {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names.join(" ")
}

/// What the environment takes: no NUL, and not more than some.
fn usable(text: &str) -> String {
    let mut taken = String::new();
    for character in text.chars().filter(|character| *character != '\0') {
        if taken.len() + character.len_utf8() > LONGEST {
            break;
        }
        taken.push(character);
    }
    taken
}
