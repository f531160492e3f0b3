//! Databases that restores which died left, or that restores kept.

use std::collections::HashSet;

use cadangkan_core::{Control, Error, ErrorKind, Leftover, Result, quietly};
use cadangkan_engine::{Left, leftovers_not_in_use};
use cadangkan_mywire::{Connection, identifier, literal};

use super::look::{one, open, sessions};
use super::marks::{self, MARKER, Mark};
use super::objects;
use super::statement::define;
use crate::config::Config;

/// Lists the databases of the server that restores of this one made or kept, by their marks. One that is still filled
/// has a session, is left out, and said.
pub(crate) fn leftovers(config: &Config, control: &Control<'_>) -> Result<Vec<Leftover>> {
    let target = config.target()?;
    let mut there = open(&target.with_database(None), control)?;
    let marked = leftovers_not_in_use(control, || marked(&mut there, config, target.database(), control))?;
    Ok(marked.into_iter().map(|(leftover, _)| leftover).collect())
}

/// Drops one of them, or empties it where it was there before; done also when it is gone already.
///
/// # Errors
/// `Usage` for a database that is none of ours.
pub(crate) fn discard(config: &Config, leftover: &Leftover) -> Result<()> {
    let target = config.target()?;
    quietly(|control| {
        let mut there = open(&target.with_database(None), control)?;
        let name = &leftover.location;
        if super::look::database(&mut there, name, control)?.is_none() {
            return Ok(());
        }
        let marked = marked(&mut there, config, target.database(), control)?.found;
        match marked.iter().find(|(found, _)| found.location == *name) {
            Some((_, Mark::Unfinished(false))) => {
                objects::sweep(&mut there, name, &HashSet::new(), control)?;
                marks::remove(&mut there, name, control)
            }
            Some(_) => {
                define(&mut there, format!("DROP DATABASE IF EXISTS {}", identifier(name)), control)?;
                Ok(())
            }
            None => Err(Error::new(ErrorKind::Usage, "this is not a leftover of the database")
                .context("location", name)
                .hint("list the leftovers again; one that is in use stays")),
        }
    })
}

/// Those that are left, and the names of those in use.
fn marked(
    there: &mut Connection,
    config: &Config,
    of: Option<&str>,
    control: &Control<'_>,
) -> Result<Left<(Leftover, Mark)>> {
    let sql = format!(
        "SELECT TABLE_SCHEMA, TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_NAME = {} ORDER BY 1",
        literal(MARKER)
    );
    let (mut found, mut in_use) = (Vec::new(), Vec::new());
    for row in there.query(&sql, control)? {
        let mut row = row.into_iter().flatten();
        let (Some(location), Some(comment)) = (row.next(), row.next()) else { continue };
        let Some((mark, name)) = Mark::read(&comment) else { continue };
        let is_meant = match &config.whole {
            Some(whole) => whole.means(&name),
            None => of == Some(name.as_str()),
        };
        if !is_meant {
            continue;
        }
        let schema = literal(&location);
        let description = match mark {
            Mark::Kept => "content before a restore",
            Mark::Unfinished(_) => {
                if sessions(there, &location, control)? > 0 {
                    in_use.push(location);
                    continue;
                }
                "unfinished restore"
            }
        };
        let sql = format!(
            "SELECT SUM(DATA_LENGTH + INDEX_LENGTH) FROM information_schema.TABLES WHERE TABLE_SCHEMA = {schema}"
        );
        let size_bytes = one(there, &sql, control)?.and_then(|size| size.parse().ok()).unwrap_or(0);
        found.push((Leftover { location, description: description.to_owned(), size_bytes }, mark));
    }
    Ok(Left { found, in_use })
}
