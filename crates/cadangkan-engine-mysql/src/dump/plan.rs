use cadangkan_core::{Control, Error, ErrorKind, ObjectKind, ObjectReport, Result};
use cadangkan_engine::{DumpPlan, DumpRequest};

use super::{readable, units, users};
use crate::catalog::{self, Schema};
use crate::config::Config;
use crate::descriptor::POSITION;
use crate::probe;
use crate::session::open;

/// Says what a dump would take; locks nothing.
pub(crate) fn plan(config: &Config, request: &DumpRequest, control: &Control<'_>) -> Result<DumpPlan> {
    refuse(request)?;
    let target = config.target()?;
    let name = target.database().ok_or_else(no_database)?;
    let mut connection = open(&target, control)?;
    let schema = Schema::of(&mut connection, name, control)?;
    let selection = &request.selection;
    let mut relations = catalog::relations(&mut connection, &schema, selection, control)?;
    let facts = probe::look(&mut connection, &schema, relations.size, control)?;
    catalog::check_names(&relations, selection)?;
    catalog::describe(&mut connection, &schema, &mut relations.tables, control)?;
    let unread = readable::look(&mut connection, &schema, &relations, selection, control)?;
    readable::check(&unread.denied)?;
    let (mut objects, mut bytes) = (Vec::new(), 0_u64);
    for place in units::order(&relations.tables, selection) {
        if let Some(table) = relations.tables.get(place) {
            let mut report = ObjectReport::new(ObjectKind::TABLE, table.name.clone());
            (report.rows, report.raw_bytes) = (table.estimated_rows, Some(table.bytes));
            objects.push(report);
            bytes = bytes.saturating_add(table.bytes);
        }
    }
    let mut warnings = unread.warnings;
    let users = users::look(&mut connection, users::wish(request), control)?;
    let position = request.options.capture_position.then_some(POSITION);
    let side_files = users.kind.into_iter().chain(position).collect();
    warnings.extend(users.warnings);
    Ok(DumpPlan { server: facts.server, objects, estimated_bytes: Some(bytes), side_files, warnings })
}

/// Refuses what there is not.
pub(super) fn refuse(request: &DumpRequest) -> Result<()> {
    let refuse = |message: &str, hint: &str| Err(Error::new(ErrorKind::Unsupported, message).hint(hint));
    if request.options.globals {
        return refuse(
            "accounts of a MySQL server lie beside a backup, not in it",
            "leave --globals out: users and grants are kept anyway, unless --exclude-users is given",
        );
    }
    if request.options.row_security {
        return refuse("MySQL has no row security", "leave --row-security out");
    }
    Ok(())
}

/// The error for settings without a database.
pub(crate) fn no_database() -> Error {
    Error::new(ErrorKind::Usage, "no database is named")
        .hint("name it at the end of the URL: mysql://user@host/name, or name several with `databases`")
}
