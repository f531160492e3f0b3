//! A database of its own that a restore fills, and that takes the target's name at the end.

use std::hash::{BuildHasher, Hasher, RandomState};

use cadangkan_core::{Control, Error, ErrorKind, Result, ResultExt, Timestamp};
use cadangkan_pgwire::{Connection, Target, identifier, literal};

use super::database::{self, Shape, allow_connections, comment_statement, end_sessions, name_with};
use super::look::{Look, open};
use super::marks;
use super::properties::Properties;
use crate::catalog::one_row;

/// A database that was made for one restore.
pub(super) struct Beside {
    /// The target, by its own name.
    target: Target,
    maintenance: Target,
    /// The new database's name.
    name: String,
    /// What the target's name stands for now, when there is something.
    old: Option<Old>,
    /// When the restore began.
    began: Timestamp,
    /// The comment that the restored database will have.
    comment: Option<String>,
    /// Whether the backup gave the new database its properties.
    has_properties: bool,
    /// Properties of the database that was dropped before.
    dropped: Option<Properties>,
}

/// The database that is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Old {
    /// It stays under another name.
    Keep,
    /// It is dropped once the new one is in its place.
    Drop,
}

impl Beside {
    /// Makes the database, empty.
    pub(super) fn create(
        look: &Look,
        shape: &Shape,
        old: Option<Old>,
        control: &Control<'_>,
    ) -> Result<Beside> {
        let began = control.clock.now();
        let name = name_with(look.name(), &format!("_restore_{:08x}", random()));
        let mut there = open(&look.maintenance, control)?;
        let mark = marks::unfinished(look.name(), began);
        let made = Beside {
            target: look.target.clone(),
            maintenance: look.maintenance.clone(),
            name,
            old,
            began,
            comment: None,
            has_properties: false,
            dropped: None,
        };
        database::create(&mut there, &made.name, shape, &mark, control)?;
        Ok(made)
    }

    /// Drops the target first, and remembers its properties for the new one.
    pub(super) fn recreate(look: &Look, shape: &Shape, control: &Control<'_>) -> Result<Beside> {
        let mut there = open(&look.maintenance, control)?;
        let properties = Properties::of(&mut there, look.name(), control)?;
        let comment = database::comment(&mut there, look.name(), control)?;
        // Made before the old one goes: when that fails, nothing was lost.
        let mut made = Beside::create(look, shape, None, control)?;
        database::drop_subscriptions(&look.maintenance, look.name(), control);
        let dropped = allow_connections(&mut there, look.name(), false, control)
            .and_then(|()| database::drop_database(&look.maintenance, look.name(), control));
        if let Err(error) = dropped {
            let _ = allow_connections(&mut there, look.name(), properties.allows_connections, control);
            let _ = made.remove(control);
            return Err(error.context("target", "the old database is as it was"));
        }
        (made.comment, made.dropped) = (comment, Some(properties));
        Ok(made)
    }

    /// Where to load to.
    pub(super) fn place(&self) -> Target {
        self.target.with_database(&self.name)
    }

    /// The new database's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Takes note of the properties that the backup gave the new database, and marks it again as ours.
    pub(super) fn take_properties(&mut self, control: &Control<'_>) -> Result<()> {
        let mut there = open(&self.maintenance, control)?;
        let sql = format!(
            "SELECT d.datacl IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting s WHERE s.setdatabase = d.oid)
               FROM pg_catalog.pg_database d WHERE d.datname = {}",
            literal(&self.name)
        );
        self.has_properties = one_row(&mut there, &sql, control)?.flag();
        let mark = marks::unfinished(self.target.database(), self.began);
        let comment = database::comment(&mut there, &self.name, control)?;
        if comment.as_ref() != Some(&mark) {
            self.comment = comment;
            database::set_comment(&mut there, &self.name, Some(&mark), control)?;
        }
        Ok(())
    }

    /// Gives the new database the target's name; returns what a person should know.
    pub(super) fn swap_in(&mut self, control: &Control<'_>) -> Result<Vec<String>> {
        let mut there = open(&self.maintenance, control)?;
        let mut notes = Vec::new();
        if let (false, Some(properties)) = (self.has_properties, &self.dropped) {
            notes.extend(properties.give_to(&mut there, &self.name, control)?);
        }
        let is_there = database::exists(&mut there, self.target.database(), control)?;
        let Some(old) = self.old.filter(|_| is_there) else {
            end_sessions(&mut there, &self.name, control)?;
            self.rename_new(&mut there, self.comment.as_deref(), control)?;
            return Ok(notes);
        };
        let properties = Properties::of(&mut there, self.target.database(), control)?;
        if !self.has_properties {
            notes.extend(properties.give_to(&mut there, &self.name, control)?);
        }
        let kept = self.exchange(&mut there, &properties, control)?;
        match old {
            Old::Keep => {
                notes.push(format!("the old database is kept as {kept}; `cadangkan cleanup` removes it"))
            }
            Old::Drop => {
                if let Err(error) = database::drop_database(&self.maintenance, &kept, control) {
                    notes.push(format!(
                        "the old database could not be dropped and is kept as {kept}: {error}"
                    ));
                }
            }
        }
        Ok(notes)
    }

    /// Drops the new database.
    pub(super) fn remove(&self, control: &Control<'_>) -> Result<()> {
        database::drop_database(&self.maintenance, &self.name, control)
            .hint(format!("drop the database {} by hand, or run `cadangkan cleanup`", self.name))
    }

    /// Whether the target was dropped before the load began.
    pub(super) fn has_dropped(&self) -> bool {
        self.dropped.is_some()
    }

    fn rename_new(&self, there: &mut Connection, comment: Option<&str>, control: &Control<'_>) -> Result<()> {
        let name = self.target.database();
        let sql = format!(
            "BEGIN; ALTER DATABASE {} RENAME TO {}; {}; COMMIT",
            identifier(&self.name),
            identifier(name),
            comment_statement(name, comment)
        );
        run_whole(there, &sql, control).map_err(|error| {
            error
                .context("restored", &self.name)
                .hint("the new name may have been taken meanwhile: start the restore again")
        })
    }

    /// Takes the old database out of the way and puts the new one in its place, in one transaction; returns the name
    /// under which the old one is kept. Whatever fails, the old one is open again under its own name.
    fn exchange(&self, there: &mut Connection, old: &Properties, control: &Control<'_>) -> Result<String> {
        let name = self.target.database();
        let kept = self.free_name(there, control)?;
        let before = database::comment(there, name, control)?;
        let comment = if self.has_properties { self.comment.clone() } else { before.clone() };
        let mark = marks::kept(before.as_deref(), name, self.began);
        // New sessions are kept out before the old ones are ended: a database is only renamed when it has none.
        allow_connections(there, name, false, control)
            .hint("become the owner of the database, or use `--mode clean`; nothing was changed")?;
        let renamed = end_sessions(there, name, control).and_then(|()| {
            end_sessions(there, &self.name, control)?;
            let sql = format!(
                "BEGIN; ALTER DATABASE {target} RENAME TO {kept}; ALTER DATABASE {new} RENAME TO {target};
                 {}; {}; ALTER DATABASE {kept} ALLOW_CONNECTIONS {}; COMMIT",
                comment_statement(&kept, Some(&mark)),
                comment_statement(name, comment.as_deref()),
                old.allows_connections,
                target = identifier(name),
                kept = identifier(&kept),
                new = identifier(&self.name),
            );
            run_whole(there, &sql, control)
        });
        if let Err(error) = renamed {
            let opened = allow_connections(there, name, old.allows_connections, control).or_else(|_| {
                // The connection itself may be what failed.
                allow_connections(
                    &mut open(&self.maintenance, control)?,
                    name,
                    old.allows_connections,
                    control,
                )
            });
            return Err(match opened {
                Ok(()) => error.context("target", "the old database is as it was, under its own name"),
                Err(_) => error
                    .context("target", "the old database is as it was, but takes no new sessions")
                    .hint(format!(
                        "let them in again: ALTER DATABASE {} ALLOW_CONNECTIONS true",
                        identifier(name)
                    )),
            });
        }
        Ok(kept)
    }

    fn free_name(&self, there: &mut Connection, control: &Control<'_>) -> Result<String> {
        let stamp = self.began.strftime("%Y%m%d_%H%M%S").to_string();
        for number in 1..1000 {
            let more = if number == 1 { String::new() } else { format!("_{number}") };
            let name = name_with(self.target.database(), &format!("_before_{stamp}{more}"));
            if !database::exists(there, &name, control)? {
                return Ok(name);
            }
        }
        Err(Error::new(ErrorKind::Conflict, "there is no free name for the old database")
            .hint("run `cadangkan cleanup`, then restore again"))
    }
}

/// Runs a transaction; rolls it back when it fails.
fn run_whole(there: &mut Connection, sql: &str, control: &Control<'_>) -> Result<()> {
    let result = there.execute(sql, control);
    if result.is_err() && there.in_transaction() {
        // The error that matters is the first one.
        let _ = there.execute("ROLLBACK", control);
    }
    result.map(drop)
}

/// A number that is not the same twice.
fn random() -> u32 {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u8(0);
    u32::try_from(hasher.finish() & 0xffff_ffff).unwrap_or_default()
}
