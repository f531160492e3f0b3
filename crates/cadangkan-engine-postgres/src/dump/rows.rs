use cadangkan_core::{Control, Error, ErrorKind, Result, Section};
use cadangkan_engine::{FrameBuilder, FrameSink, FrameSizes, UnitReport};
use cadangkan_pgwire::Connection;

use super::units::Range;
use crate::catalog::Table;

/// Dumps the rows of a table, or of a range of it, in the server's own text format (manual, COPY).
pub(crate) fn dump(
    connection: &mut Connection,
    table: &Table,
    range: Option<Range>,
    sink: &dyn FrameSink,
    control: &Control<'_>,
) -> Result<UnitReport> {
    let mut builder = FrameBuilder::new(Section::Data, table.name.clone(), FrameSizes::default(), sink)
        .wrapped(copy_from(table), "\\.\n\n")
        .first_part(range.map_or(0, |range| range.first_part));
    let copied = connection.copy_out(&copy_to(table, range), control, |row| builder.row(row))?;
    let report = builder.finish()?;
    if report.rows != copied {
        return Err(Error::new(ErrorKind::Internal, "the server counts other rows than it sent")
            .context("sent", report.rows)
            .context("counted", copied));
    }
    Ok(report)
}

/// The statement that reads rows out of the server.
pub(crate) fn copy_to(table: &Table, range: Option<Range>) -> String {
    let Table { quoted, columns, .. } = table;
    let condition = table.condition.as_deref().unwrap_or_default();
    match range {
        // Without columns the list in parentheses must not stand there.
        None if condition.is_empty() && columns.is_empty() => format!("COPY {quoted} TO STDOUT"),
        None if condition.is_empty() => format!("COPY {quoted} ({columns}) TO STDOUT"),
        None => format!("COPY (SELECT {columns} FROM ONLY {quoted} {condition}) TO STDOUT"),
        Some(Range { from, to, .. }) => {
            let end = to.map(|block| format!(" AND ctid < '({block},0)'")).unwrap_or_default();
            format!("COPY (SELECT {columns} FROM ONLY {quoted} WHERE ctid >= '({from},0)'{end}) TO STDOUT")
        }
    }
}

/// The line that a frame begins with.
fn copy_from(table: &Table) -> String {
    let Table { quoted, columns, .. } = table;
    if columns.is_empty() {
        format!("COPY {quoted} FROM stdin;\n")
    } else {
        format!("COPY {quoted} ({columns}) FROM stdin;\n")
    }
}
