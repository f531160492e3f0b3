use cadangkan_catalog::Catalog;
use cadangkan_core::{BackupId, Error, ErrorKind, Name, Result};
use cadangkan_ops::source::Wanted;

use crate::app::Session;

/// Says which backup is meant: the one with an id, or the newest one; of a server the newest that holds several databases.
/// Where there is none such, the name of one of its databases is needed: what is true of one says nothing of the others.
pub(crate) fn wanted<'a>(
    session: &Session,
    catalog: Option<&Catalog>,
    database: &Name,
    id: Option<BackupId>,
    one_of: Option<&'a str>,
) -> Result<Wanted<'a>> {
    if let Some(id) = id {
        return Ok(Wanted::Id(id));
    }
    if let Some(one) = one_of {
        return Ok(Wanted::NewestOf(one));
    }
    let originals = catalog.map(|catalog| catalog.originals(database)).transpose()?.unwrap_or_default();
    let is_server = match session.inventory.database(database.as_str()) {
        Ok(entry) => entry.is_server(),
        // Not configured any more: what it stood for shows in its backups.
        Err(_) => originals.len() > 1,
    };
    if !is_server {
        return Ok(Wanted::Newest);
    }
    let newest =
        catalog.map(|catalog| catalog.backups(&Wanted::NewestCombined.newest(database))).transpose()?;
    if newest.is_some_and(|found| !found.is_empty()) {
        return Ok(Wanted::NewestCombined);
    }
    let hint = match originals.is_empty() {
        true => "add --database with its name there".to_owned(),
        false => format!("add --database with one of: {}", originals.join(", ")),
    };
    Err(Error::new(ErrorKind::Usage, format!("\"{database}\" is a server with many databases")).hint(hint))
}
