//! Where a load goes, and how it gets out of it again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, Timestamp};
use cadangkan_engine::LoadMode;
use cadangkan_mywire::{Connection, Target, identifier};

use super::look::{Look, open};
use super::marks::{self, Mark};
use super::objects::{self, Object};
use super::plan::{Detail, Way};
use super::portable::knows_collation;
use super::preflight::starts_empty;
use super::statement::{define, explain};

/// The longest name of a database, in characters (manual, "Identifier Length Limits").
const MAX_NAME: usize = 64;

/// Where a load goes.
pub(super) struct Place {
    server: Target,
    /// The target's name.
    pub(super) name: String,
    /// The database that is loaded into.
    pub(super) database: String,
    pub(super) way: Way,
    /// Whether the server minds no case in names of tables.
    pub(super) lowers: bool,
    mode: LoadMode,
    /// What was in it before.
    before: HashSet<Object>,
    /// Whether nothing in it was there before, so that it carries our mark.
    marked: bool,
    /// Whether all of it is a transaction that ends with the load.
    held: bool,
    pub(super) began: Timestamp,
    /// The character set and collation that the database is to have.
    charset: Option<(String, String)>,
    /// Whether the database of its own was made.
    made: AtomicBool,
    /// Whether anything may have been done to what was there.
    touched: AtomicBool,
    /// Whether rows came that cannot be rolled back.
    dropped: AtomicBool,
}

impl Place {
    /// Makes ready what the plan said, as far as nothing that exists changes.
    pub(super) fn prepare(look: &Look, detail: &Detail, held: bool, control: &Control<'_>) -> Result<Place> {
        let began = control.clock.now();
        let mut there = open(&look.server, control)?;
        let database = match detail.way {
            Way::Beside(_) => free_name(&mut there, &look.name, marks::BESIDE, began, control)?,
            _ => look.name.clone(),
        };
        let objects = look.present.as_ref().map(|present| present.objects.clone()).unwrap_or_default();
        let place = Place {
            server: look.server.clone(),
            name: look.name.clone(),
            database,
            way: detail.way,
            lowers: look.lower_case != 0,
            mode: detail.request.mode,
            before: if detail.way == Way::Inside { objects.into_iter().collect() } else { HashSet::new() },
            marked: detail.way != Way::Inside || starts_empty(detail.way, detail.was),
            held,
            began,
            charset: charset(&mut there, look, detail, control)?,
            made: AtomicBool::new(false),
            touched: AtomicBool::new(false),
            dropped: AtomicBool::new(false),
        };
        match place.way {
            Way::Made | Way::Beside(_) => place.create(&mut there, control)?,
            Way::Inside if place.marked && place.mode != LoadMode::Data => {
                Mark::Unfinished(false).put(&mut there, &place.database, &place.name, began, control)?;
            }
            Way::Inside | Way::Recreate => {}
        }
        Ok(place)
    }

    /// Does what cannot be undone and must come before anything is loaded.
    pub(super) fn begin(&self, control: &Control<'_>) -> Result<()> {
        if self.way == Way::Recreate && !self.made.load(Ordering::SeqCst) {
            let mut there = open(&self.server, control)?;
            self.touch();
            drop_database(&mut there, &self.name, control)?;
            self.dropped.store(true, Ordering::SeqCst);
            self.create(&mut there, control)?;
        }
        Ok(())
    }

    fn create(&self, there: &mut Connection, control: &Control<'_>) -> Result<()> {
        let mut sql = format!("CREATE DATABASE {}", identifier(&self.database));
        if let Some((charset, collation)) = &self.charset {
            sql.push_str(&format!(" CHARACTER SET {charset} COLLATE {collation}"));
        }
        define(there, &sql, control).map_err(|error| {
            explain(error, "DATABASE", sql.as_bytes())
                .hint("let the user make databases, or make an empty one yourself and restore into it")
        })?;
        self.made.store(true, Ordering::SeqCst);
        let marked = Mark::Unfinished(true).put(there, &self.database, &self.name, self.began, control);
        if let Err(error) = marked {
            let _ = there.execute(format!("DROP DATABASE {}", identifier(&self.database)), control);
            self.made.store(false, Ordering::SeqCst);
            return Err(error);
        }
        Ok(())
    }

    /// The server, without a database.
    pub(super) fn server(&self) -> &Target {
        &self.server
    }

    /// The database to load into.
    pub(super) fn target(&self) -> Target {
        self.server.with_database(Some(&self.database))
    }

    /// The character set and collation that the database is to have.
    pub(super) fn charset(&self) -> Option<&(String, String)> {
        self.charset.as_ref()
    }

    /// Takes note that what was made beside the target is gone.
    pub(super) fn forget(&self) {
        self.made.store(false, Ordering::SeqCst);
    }

    /// Whether the whole database is the load's own.
    pub(super) fn is_own(&self) -> bool {
        self.marked
    }

    /// Takes note that something is about to be done.
    pub(super) fn touch(&self) {
        self.touched.store(true, Ordering::SeqCst);
    }

    /// Takes the mark away: from here on it is a database like others.
    pub(super) fn unmark(&self, control: &Control<'_>) -> Result<()> {
        if !self.marked || self.mode == LoadMode::Data {
            return Ok(());
        }
        marks::remove(&mut open(&self.server, control)?, &self.database, control)
    }

    /// What the target is after a load that failed, as a sentence for its error.
    pub(super) fn after_failure(&self) -> String {
        let touched = self.touched.load(Ordering::SeqCst);
        match self.way {
            Way::Made => format!("as it was, absent: the new database {} is dropped", self.database),
            Way::Beside(_) => format!("as it was; the new database {} is dropped", self.database),
            Way::Recreate if self.dropped.load(Ordering::SeqCst) => {
                "the old database was dropped before; the new one is dropped too".to_owned()
            }
            Way::Recreate => "as it was: nothing was done yet".to_owned(),
            Way::Inside if self.held => {
                "as it was: the transactions are rolled back, where the engines of the tables have them".to_owned()
            }
            Way::Inside if !touched => "as it was: nothing was done yet".to_owned(),
            Way::Inside => match self.mode {
                LoadMode::Fresh | LoadMode::Replace => "what was loaded is dropped again".to_owned(),
                _ => "a part of the backup is in it, and what it had of the same names is dropped: restore again".to_owned(),
            },
        }
    }

    /// Removes all that the load made, as far as that is possible.
    ///
    /// # Errors
    /// `Partial` when something is left, or when the target's old content was dropped and cannot come back.
    pub(super) fn undo(&self, control: &Control<'_>) -> Result<()> {
        if self.made.load(Ordering::SeqCst) {
            drop_database(&mut open(&self.server, control)?, &self.database, control)
                .hint(format!("drop the database {} by hand, or run `cadangkan cleanup`", self.database))?;
            return Ok(());
        }
        if self.way != Way::Inside || self.held {
            return Ok(());
        }
        if self.mode == LoadMode::Clean && self.touched.load(Ordering::SeqCst) && !self.before.is_empty() {
            return Err(Error::new(
                ErrorKind::Partial,
                "the target holds a part of the backup, and its own objects of the same names are gone",
            )
            .context("database", &self.database)
            .hint("restore again with `--mode clean`"));
        }
        let mut there = open(&self.server, control)?;
        if self.touched.load(Ordering::SeqCst) {
            objects::sweep(&mut there, &self.database, &self.before, control)?;
        }
        if self.marked { marks::remove(&mut there, &self.database, control) } else { Ok(()) }
    }
}

/// The character set and collation of the backup's database, or of the one that is dropped. What this server does not
/// know becomes its own default.
fn charset(
    there: &mut Connection,
    look: &Look,
    detail: &Detail,
    control: &Control<'_>,
) -> Result<Option<(String, String)>> {
    let text = |key: &str| detail.request.attribute(key);
    let present = look.present.as_ref().map(|present| (present.charset.clone(), present.collation.clone()));
    let of_backup = text("charset").zip(text("collation")).map(|(one, two)| (one.to_owned(), two.to_owned()));
    let is_plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let Some((charset, collation)) = of_backup.or(present) else { return Ok(None) };
    let known = is_plain(&charset) && is_plain(&collation) && knows_collation(there, &collation, control)?;
    Ok(known.then_some((charset, collation)))
}

/// Drops a database. Foreign keys of others that lead into it must not stop that half-way: they find the tables of the same
/// names again.
fn drop_database(there: &mut Connection, name: &str, control: &Control<'_>) -> Result<()> {
    there.execute("SET SESSION foreign_key_checks = 0", control)?;
    let sql = format!("DROP DATABASE IF EXISTS {}", identifier(name));
    define(there, &sql, control)
        .map(drop)
        .map_err(|error| explain(error, &format!("the database {name}"), sql.as_bytes()))
}

/// A name that no database has: the target's, an ending and the time.
pub(super) fn free_name(
    there: &mut Connection,
    name: &str,
    ending: &str,
    began: Timestamp,
    control: &Control<'_>,
) -> Result<String> {
    let stamp = began.strftime("%Y%m%d_%H%M%S").to_string();
    for number in 1..1000 {
        let more = if number == 1 { String::new() } else { format!("_{number}") };
        let candidate = name_with(name, &format!("{ending}{stamp}{more}"));
        if super::look::database(there, &candidate, control)?.is_none() {
            return Ok(candidate);
        }
    }
    Err(Error::new(ErrorKind::Conflict, "there is no free name for a database beside the target")
        .hint("run `cadangkan cleanup`, then restore again"))
}

/// A name with an ending, cut to what a server takes.
fn name_with(name: &str, ending: &str) -> String {
    let room = MAX_NAME.saturating_sub(ending.chars().count());
    let begin: String = name.chars().take(room).collect();
    format!("{begin}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit() {
        assert_eq!(name_with("shop", "_before_1"), "shop_before_1");
        assert_eq!(name_with(&"ü".repeat(64), "_before_1").chars().count(), MAX_NAME);
    }
}
