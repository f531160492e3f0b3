//! Databases that restores which died left, or that restores kept.

use cadangkan_core::{Control, Error, ErrorKind, Leftover, Result, quietly};
use cadangkan_engine::{Databases, Left, leftovers_not_in_use};
use cadangkan_pgwire::{Connection, Target, literal};

use super::database::drop_database;
use super::look::{Look, open};
use super::marks::{self, Mark};
use crate::catalog::Row;
use crate::config::Config;

/// Lists the databases of the server that restores of this one, or of those of a whole server, made or kept, by their comments. One that is still
/// filled has a session, is left out, and said.
pub(crate) fn leftovers(config: &Config, control: &Control<'_>) -> Result<Vec<Leftover>> {
    let target = config.target()?;
    let mut there = open(&Look::maintenance_of(&target, control)?, control)?;
    leftovers_not_in_use(control, || marked(&mut there, &target, config.whole.as_ref(), None, control))
}

/// Drops one of them; done also when it is gone already.
///
/// # Errors
/// `Usage` for a database that is none of ours.
pub(crate) fn discard(config: &Config, leftover: &Leftover) -> Result<()> {
    let target = config.target()?;
    quietly(|control| {
        let maintenance = Look::maintenance_of(&target, control)?;
        let mut there = open(&maintenance, control)?;
        if !super::database::exists(&mut there, &leftover.location, control)? {
            return Ok(());
        }
        let only = Some(leftover.location.as_str());
        let found = marked(&mut there, &target, config.whole.as_ref(), only, control)?.found;
        if found.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "this is not a leftover of the database")
                .context("location", &leftover.location)
                .hint("list the leftovers again; one that is in use stays"));
        }
        drop_database(&maintenance, &leftover.location, control)
    })
}

/// Those that are left, and the names of those in use.
fn marked(
    there: &mut Connection,
    target: &Target,
    whole: Option<&Databases>,
    only: Option<&str>,
    control: &Control<'_>,
) -> Result<Left<Leftover>> {
    let only = only.map_or_else(String::new, |name| format!("AND d.datname = {}", literal(name)));
    let sql = format!(
        "SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database'),
           CASE WHEN pg_catalog.has_database_privilege(d.oid, 'CONNECT') THEN pg_catalog.pg_database_size(d.oid) END,
           EXISTS (SELECT FROM pg_catalog.pg_stat_activity a
                     WHERE a.datid = d.oid AND coalesce(a.backend_type, 'client backend') = 'client backend')
         FROM pg_catalog.pg_database d
         WHERE pg_catalog.shobj_description(d.oid, 'pg_database') IS NOT NULL AND d.datname <> {} {only}
         ORDER BY d.datname",
        literal(target.database())
    );
    let (mut found, mut in_use) = (Vec::new(), Vec::new());
    for row in there.query(&sql, control)? {
        let mut row = Row(row.into_iter());
        let (location, comment, size_bytes, used) = (row.text()?, row.text()?, row.number_or(0)?, row.flag());
        let mark = match whole {
            None => marks::read(&comment, target.database()),
            Some(whole) => {
                marks::read_any(&comment).filter(|(_, name)| whole.means_spelled(name)).map(|(mark, _)| mark)
            }
        };
        let description = match mark {
            Some(Mark::Unfinished) if used => {
                in_use.push(location);
                continue;
            }
            Some(Mark::Unfinished) => "unfinished restore",
            Some(Mark::Kept) => "content before a restore",
            None => continue,
        };
        found.push(Leftover { location, description: description.to_owned(), size_bytes });
    }
    Ok(Left { found, in_use })
}
