use std::fmt::Write;
use std::time::Duration;

use cadangkan_core::{Error, ErrorKind, Result, format_duration};
use cadangkan_ops::trial::{TrialCheck, try_out};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Places, Session};
use crate::inventory::StorageEntry;
use crate::ui;
use crate::ui::escape;

/// Arguments of `storage test`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan storage test home\n  cadangkan storage test --all")]
pub(super) struct TestArgs {
    /// The storage
    #[arg(required_unless_present = "all")]
    storage: Option<String>,
    /// Every storage that is enabled
    #[arg(long, conflicts_with = "storage")]
    all: bool,
}

/// Tries storages out. All are tested, also when one fails.
pub(super) fn run(app: &App, args: &TestArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    let storages = session.inventory.storages();
    let entries: Vec<&StorageEntry> = match &args.storage {
        Some(name) => vec![session.inventory.storage(name)?],
        None => storages.iter().filter(|entry| entry.enabled).collect(),
    };
    let (mut values, mut text, mut failures) = (Vec::new(), String::new(), Vec::new());
    for entry in entries {
        let (checks, failure) = one(app, &session, entry)?;
        values.push(json!({
            "name": entry.name, "provider": entry.provider.id, "location": entry.location().ok(),
            "ok": failure.is_none(), "checks": checks.iter().map(value).collect::<Vec<_>>(),
        }));
        let _ = writeln!(text, "{} ({})", app.style.bold(entry.name.as_str()), entry.provider.display_name);
        checks.iter().for_each(|check| text.push_str(&lines(app, check)));
        failures.extend(failure);
    }
    app.print(&values, || text)?;
    let failed = failures.len();
    match failures.into_iter().next() {
        None => Ok(()),
        Some(first) if failed == 1 => Err(first),
        Some(first) => Err(Error::new(ErrorKind::Partial, format!("{failed} storages failed")).source(first)),
    }
}

/// Tries one storage out; returns what was tried, and the error that all failures make together.
pub(super) fn one(
    app: &App,
    session: &Session,
    entry: &StorageEntry,
) -> Result<(Vec<TrialCheck>, Option<Error>)> {
    let places = Places::one(entry.name.clone(), entry.open()?);
    let list = places.list();
    let Some(place) = list.first() else { return Ok((Vec::new(), None)) };
    let checks = try_out(&session.context(app), *place)?;
    let failed = checks.iter().filter_map(|check| Some((check.check, check.outcome.as_ref().err()?)));
    let failed: Vec<_> = failed.collect();
    let failure = failed.first().map(|(_, first)| {
        let names = failed.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        let mut error = Error::new(first.kind(), first.chain().join(": "))
            .context("storage", &entry.name)
            .context("what does not work", names);
        for (name, other) in failed.iter().skip(1) {
            error = error.context(name, other);
        }
        match first.advice() {
            Some(advice) => error.hint(advice),
            None => error,
        }
    });
    Ok((checks, failure))
}

fn value(check: &TrialCheck) -> Value {
    let mut value = match &check.outcome {
        Ok(found) => json!({ "check": check.check, "ok": true, "detail": found }),
        Err(error) => {
            let mut value = ui::error::to_json(error);
            if let Some(map) = value.as_object_mut() {
                map.insert("check".to_owned(), json!(check.check));
                map.insert("ok".to_owned(), json!(false));
            }
            value
        }
    };
    if let Some(map) = value.as_object_mut() {
        map.insert("duration_seconds".to_owned(), json!((check.duration_seconds * 1000.0).round() / 1000.0));
    }
    value
}

fn lines(app: &App, check: &TrialCheck) -> String {
    let took = app.style.dim(&format_duration(Duration::from_secs_f64(check.duration_seconds.max(0.0))));
    match &check.outcome {
        Ok(found) => format!("  {} {}: {} {took}\n", app.style.good_mark(), check.check, escape(found)),
        Err(error) => {
            let mark = app.style.bad_mark();
            let mut text = format!("  {mark} {}: {}\n", check.check, escape(&error.chain().join(": ")));
            for line in error.advice().into_iter().flat_map(str::lines) {
                let _ = writeln!(text, "    hint: {}", escape(line));
            }
            text
        }
    }
}
