use cadangkan_core::{Control, Error, ErrorKind, ObjectKind, ObjectReport, Result, format_some};
use cadangkan_engine::{DumpPlan, DumpRequest};
use cadangkan_pgwire::{Connection, Target};

use super::readable::{self, Unread};
use super::units::{Work, works};
use crate::catalog::{self, one_row};
use crate::config::Config;
use crate::view::{open, supported};
use crate::{probe, tools};

/// How many names of a long list an error shows.
const SHOWN: usize = 20;

/// Says what a dump would take; locks nothing.
pub(crate) fn plan(config: &Config, request: &DumpRequest, control: &Control<'_>) -> Result<DumpPlan> {
    let target = with_encoding(&config.target()?, control)?;
    let mut connection = open(&target, control)?;
    let version = supported(connection.server_version())?;
    let facts = probe::look(&mut connection, control)?;
    let selection = &request.selection;
    let mut tables = catalog::tables(&mut connection, selection, control)?;
    catalog::check_names(&mut connection, &tables, selection, control)?;
    let unread = readable::look(&mut connection, &tables, request, control)?;
    check(unread)?;
    let mut warnings = Vec::new();
    if let Err(error) = tools::find("pg_dump", version / 10_000, config.pg_bin.as_deref()) {
        warnings.push(format!("{error}: {}", error.advice().unwrap_or_default()));
    }
    connection.execute(&format!("SET lock_timeout = {}", config.lock_timeout.as_millis()), control)?;
    catalog::measure(&mut connection, &mut tables, control)?;
    let works = works(&tables, selection, version);
    let mut objects: Vec<ObjectReport> = Vec::new();
    for work in &works {
        if let Work::Rows { table, .. } = work
            && let Some(table) = tables.get(*table)
            && objects.last().is_none_or(|object| object.name != table.name)
        {
            let mut report = ObjectReport::new(ObjectKind::TABLE, table.name.clone());
            (report.rows, report.raw_bytes) = (table.estimated_rows, Some(table.bytes));
            objects.push(report);
        }
    }
    let estimated_bytes = Some(works.iter().map(|work| work.bytes(&tables)).sum());
    Ok(DumpPlan { server: facts.server, objects, estimated_bytes, side_files: Vec::new(), warnings })
}

/// Fails when something that is meant cannot be read whole.
pub(super) fn check(unread: Unread) -> Result<()> {
    if !unread.denied.is_empty() {
        return Err(Error::new(ErrorKind::Denied, format!("this user may not read {}", format_some(&unread.denied, SHOWN)))
            .hint("grant it pg_read_all_data (version 14 and newer) or SELECT on them and USAGE on their schemas, or leave them out with --exclude-tables"));
    }
    if !unread.filtered.is_empty() {
        return Err(Error::new(ErrorKind::Denied, format!("row security hides rows from this user in {}", format_some(&unread.filtered, SHOWN)))
            .hint("back up as their owner, as a superuser or as a role with BYPASSRLS; or take only the rows that this user sees, with --row-security"));
    }
    Ok(())
}

/// Text comes as UTF-8, but for databases whose bytes have no encoding.
pub(crate) fn with_encoding(target: &Target, control: &Control<'_>) -> Result<Target> {
    let mut connection = Connection::open(target, control)?;
    let encoding = one_row(&mut connection, "SELECT pg_catalog.getdatabaseencoding()", control)?.text()?;
    Ok(match encoding.as_str() {
        "SQL_ASCII" | "MULE_INTERNAL" => target.with_client_encoding(&encoding),
        _ => target.clone(),
    })
}
