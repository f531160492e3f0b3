use cadangkan_core::{Control, Error, ErrorKind, Result, Section};
use cadangkan_engine::{FrameBuilder, FrameSink, FrameSizes, UnitReport};
use cadangkan_mywire::{Connection, identifier};

use super::units::Part;
use super::values::Format;
use crate::catalog::Table;

/// Statements end at about this length, which every server takes.
const STATEMENT: usize = 1 << 20;

/// The end of time in rows that are still valid, of servers before and from MariaDB 11.5 on.
const STILL: &str = "('2038-01-19 03:14:07.999999', '2106-02-07 06:28:15.999999')";

/// A statement that reads rows, and how they are written.
pub(crate) struct Reading {
    sql: String,
    /// The names of the columns, quoted and joined by commas.
    columns: String,
    formats: Vec<Format>,
}

impl Reading {
    /// Prepares to read a part of a table.
    pub(crate) fn new(table: &Table, part: &Part) -> Reading {
        let (mut names, mut selected, mut formats) = (Vec::new(), Vec::new(), Vec::new());
        for column in &table.columns {
            let quoted = identifier(&column.name);
            let (format, expression) = Format::of(column, &quoted);
            names.push(quoted);
            selected.push(expression);
            formats.push(format);
        }
        let (start, end) = table.period_names();
        for time in [part.has_start.then_some(&start), part.is_history.then_some(&end)].into_iter().flatten()
        {
            names.push(time.clone());
            selected.push(time.clone());
            formats.push(Format::Text("utf8mb4".to_owned()));
        }
        if selected.is_empty() {
            selected.push("NULL".to_owned());
        }
        let mut conditions = Vec::new();
        if let Some(range) = &part.range {
            let column = identifier(&range.column);
            conditions.extend(range.from.map(|from| format!("{column} >= {from}")));
            conditions.extend(range.to.map(|to| format!("{column} < {to}")));
        }
        if part.is_history {
            conditions.push(format!("{end} NOT IN {STILL}"));
        }
        let sql = format!(
            "SELECT{} {} FROM {}{} {}{}{}",
            table.priority(),
            selected.join(","),
            table.quoted,
            if part.is_history { " FOR SYSTEM_TIME ALL" } else { "" },
            // In the order in which they lie: a smaller index that has all columns would give another one.
            if table.key.is_some() { "FORCE INDEX (PRIMARY)" } else { "USE INDEX ()" },
            if conditions.is_empty() { "" } else { " WHERE " },
            conditions.join(" AND ")
        );
        Reading { sql, columns: names.join(","), formats }
    }

    /// Reads the rows, each given as the tuple that stands in the archive.
    pub(crate) fn run(
        &self,
        connection: &mut Connection,
        control: &Control<'_>,
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<u64> {
        let mut tuple = Vec::with_capacity(1 << 16);
        connection.rows(&self.sql, control, |_, row| {
            tuple.clear();
            let mut between = b'(';
            for (value, format) in row.values().zip(&self.formats) {
                tuple.push(between);
                format.append(value?, &mut tuple);
                between = b',';
            }
            if self.formats.is_empty() {
                tuple.push(b'(');
            }
            tuple.push(b')');
            each(&tuple)
        })
    }
}

/// Dumps a part of a table's rows as statements of many rows each.
pub(super) fn dump(
    connection: &mut Connection,
    table: &Table,
    part: &Part,
    sink: &dyn FrameSink,
    control: &Control<'_>,
) -> Result<UnitReport> {
    let reading = Reading::new(table, part);
    let insert = format!("INSERT INTO {} ({}) VALUES\n", table.quoted, reading.columns);
    let mut builder = FrameBuilder::new(Section::Data, table.name.clone(), FrameSizes::default(), sink)
        .wrapped(insert, ";\n\n")
        .statements(",\n", STATEMENT)
        .first_part(part.first);
    let read = reading.run(connection, control, |row| builder.row(row))?;
    let report = builder.finish()?;
    if report.rows != read {
        return Err(Error::new(ErrorKind::Internal, "other rows were sent than were read")
            .context("sent", report.rows)
            .context("read", read));
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use cadangkan_core::ObjectName;

    use super::super::units::Range;
    use super::*;
    use crate::catalog::{Column, Key};

    fn table() -> Table {
        let column =
            |name: &str, kind: &str| Column { name: name.into(), kind: kind.into(), ..Column::default() };
        Table {
            name: ObjectName::new("t`"),
            quoted: identifier("t`"),
            columns: vec![column("id", "int"), column("f`", "float")],
            key: Some(Key { first: "id".into() }),
            transactional: true,
            ..Table::default()
        }
    }

    #[test]
    fn statements_read_what_is_asked() {
        let sql = |table: &Table, part: &Part| Reading::new(table, part).sql;
        let all = Part::default();
        assert_eq!(sql(&table(), &all), "SELECT `id`,`f```*1e0 FROM `t``` FORCE INDEX (PRIMARY)");
        let range = Range { column: "id".into(), from: Some(-5), to: Some(10) };
        let some = Part { range: Some(range), ..Part::default() };
        assert!(sql(&table(), &some).ends_with(" WHERE `id` >= -5 AND `id` < 10"));
        let heap = Table { key: None, columns: Vec::new(), transactional: false, ..table() };
        assert_eq!(sql(&heap, &all), "SELECT HIGH_PRIORITY NULL FROM `t``` USE INDEX ()");
        let history = Part { has_start: true, is_history: true, ..Part::default() };
        let reading = Reading::new(&table(), &history);
        assert!(reading.sql.contains("`row_start`,`row_end` FROM `t``` FOR SYSTEM_TIME ALL FORCE INDEX"));
        assert!(reading.columns.ends_with("`row_start`,`row_end`"));
    }
}
