//! Where a restore goes, and which of a server's databases it is about.

use cadangkan_core::{Error, ErrorKind, Result};
use cadangkan_engine::{Engine, Location};
use cadangkan_ops::source::Source;

use super::RestoreArgs;
use crate::app::{App, Session};
use crate::commands::{DatabaseUrl, backup};
use crate::inventory::DatabaseEntry;
use crate::registry;
use crate::ui::escape;

/// Where a restore goes.
pub(super) struct OpenTarget<'a> {
    /// Its entry, when it is configured.
    pub(super) entry: Option<&'a DatabaseEntry>,
    /// Which database it is, where the entry stands for a server with many.
    pub(super) one_of: Option<String>,
    pub(super) engine: Box<dyn Engine>,
}

/// Opens what a restore goes to.
pub(super) fn open<'a>(
    app: &App,
    session: &'a Session,
    source: &Source<'_>,
    args: &RestoreArgs,
) -> Result<OpenTarget<'a>> {
    match (&args.to, &args.database) {
        (Some(to), _)
            if session.inventory.databases().iter().any(|entry| entry.name.as_str() == to.as_str()) =>
        {
            configured(session, source, args, to.as_str())
        }
        (Some(to), _) => {
            if registry::parse_url(to.as_str()).is_none() {
                return Err(unknown(source, to));
            }
            let (engine, _) = backup::open_url(app, to)?;
            let location = engine.location();
            // A path of a configured database is that database: it has its lock and its questions.
            let mut entries = session.inventory.databases().iter();
            let found = entries.find_map(|entry| Some((entry, is_at(entry, &location)?)));
            let (entry, one_of) = found.unzip();
            Ok(OpenTarget { entry, one_of: one_of.flatten(), engine })
        }
        (None, Some(name)) => configured(session, source, args, name.as_str()),
        (None, None) => Err(Error::new(ErrorKind::Usage, "it is not said where the file is restored to")
            .hint("name a path or a configured database with --to")),
    }
}

/// What is neither configured nor a URL or path; the advice is for a target of the backup's own kind.
fn unknown(source: &Source<'_>, to: &DatabaseUrl) -> Error {
    let engine = source.manifest().and_then(|manifest| registry::engine(&manifest.engine));
    let add = engine.map_or_else(registry::example_add, registry::example_add_of);
    Error::new(ErrorKind::Usage, "no configured database has this name, and it is no URL or path of one")
        .context("to", escape(&to.to_string()))
        .hint(format!(
            "`cadangkan list` shows those that are configured; `{add}` adds one; else give a URL or path"
        ))
}

fn configured<'a>(
    session: &'a Session,
    source: &Source<'_>,
    args: &RestoreArgs,
    name: &str,
) -> Result<OpenTarget<'a>> {
    let entry = session.inventory.database(name)?;
    let engine = entry.open()?;
    let Some(server) = engine.server() else {
        return Ok(OpenTarget { entry: Some(entry), one_of: None, engine });
    };
    let original = source.manifest().map(|manifest| manifest.database.clone());
    let one_of = args.one_of.clone().or(original).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("\"{name}\" is a server with many databases"))
            .hint("add --database with the name of the one to restore into")
    })?;
    Ok(OpenTarget { entry: Some(entry), engine: server.database(&one_of), one_of: Some(one_of) })
}

/// Tells whether an entry is what lies at a location; on a server also which of its databases.
pub(super) fn is_at(entry: &DatabaseEntry, location: &Location) -> Option<Option<String>> {
    let engine = entry.open_without_secrets().ok()?;
    let Some(server) = engine.server() else {
        return (engine.location() == *location).then_some(None);
    };
    let name = &location.database;
    let same = server.means(name) && server.database(name).location() == *location;
    same.then(|| Some(name.clone()))
}

impl OpenTarget<'_> {
    /// Tells whether the target is what the backup was made of.
    pub(super) fn is_the_source(&self, source: &Source<'_>, args: &RestoreArgs) -> bool {
        let same_entry = self.entry.is_some_and(|entry| args.database.as_ref() == Some(&entry.name));
        let original = source.manifest().map(|manifest| manifest.database.as_str());
        same_entry && self.one_of.as_deref().is_none_or(|name| Some(name) == original)
    }
}
