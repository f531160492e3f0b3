use cadangkan_core::{Control, Error, ErrorKind, ObjectKind, ObjectName, Result, Section, Selection};
use cadangkan_engine::Unit;
use cadangkan_mywire::{Connection, Flavor, Version, identifier};

use crate::catalog::Table;
use crate::view::View;

/// Bytes of rows in one range of a big table.
///
/// Small enough that all connections are busy to the end, large enough that the last frame of each range, which is
/// shorter than the others, costs nothing.
const RANGE_BYTES: u64 = 64 << 20;

/// Tables whose sizes differ by less than this may come in any order.
const GRAIN: u64 = 16 << 20;

/// The part number with which a range begins: so many frames no range has.
const PARTS_PER_RANGE: u64 = 1 << 24;

/// What one unit is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Settings of the session, and those of the database.
    Header,
    /// Sequences, which tables may need.
    Sequences,
    /// The definition of a table, by its place in the list.
    Table(usize),
    /// Rows of a table.
    Rows(Rows),
    /// What needs tables.
    PostData,
    /// Settings put back.
    Trailer,
}

/// Rows of one table, or a part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rows {
    table: usize,
    part: Part,
    /// Their share of the table's bytes.
    bytes: u64,
}

/// Which rows of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// The range of the primary key; none: all of it.
    pub(super) range: Option<Range>,
    /// Whether the time since when a row is belongs to it.
    pub(super) has_start: bool,
    /// Whether it is the rows of the past, with the time until when they were, instead of those of the present.
    pub(super) is_history: bool,
    /// The number of its first frame.
    pub(super) first: u64,
}

/// A range of a whole-numbered column; its borders do not depend on the number of connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub(super) column: String,
    /// The first number; none: from the beginning.
    pub(super) from: Option<i128>,
    /// The number after the last one; none: to the end.
    pub(super) to: Option<i128>,
}

impl Rows {
    /// The table.
    pub(crate) fn table<'a>(&self, view: &'a View) -> Result<&'a Table> {
        view.relations
            .tables
            .get(self.table)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a unit names a table that is not in the view"))
    }

    /// Which rows of it.
    pub(crate) fn part(&self) -> &Part {
        &self.part
    }

    /// Bytes on the server's disk, as an estimate of what will be dumped.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the table has no transactions, so that it may be locked.
    pub(crate) fn is_locked(&self, view: &View) -> bool {
        self.table(view).is_ok_and(|table| !table.transactional)
    }
}

/// Lists all units of a dump with what they are made of; settings are put back behind the last part of several alone.
pub(super) fn list(
    view: &View,
    selection: &Selection,
    rows: Vec<Rows>,
    is_part: bool,
) -> (Vec<Unit>, Vec<Work>) {
    let definitions = || (ObjectName::new("definitions"), ObjectKind::DEFINITIONS);
    let mut list = vec![(Section::Header, definitions(), Work::Header)];
    let tables = &view.relations.tables;
    if !selection.data_only {
        if !view.relations.sequences.is_empty() {
            list.push((Section::PreData, definitions(), Work::Sequences));
        }
        for (place, table) in tables.iter().enumerate() {
            list.push((Section::PreData, (table.name.clone(), ObjectKind::TABLE), Work::Table(place)));
        }
    }
    for rows in rows {
        if let Some(table) = tables.get(rows.table) {
            list.push((Section::Data, (table.name.clone(), ObjectKind::TABLE), Work::Rows(rows)));
        }
    }
    list.push((Section::PostData, definitions(), Work::PostData));
    if !is_part {
        list.push((Section::Trailer, definitions(), Work::Trailer));
    }
    list.into_iter()
        .enumerate()
        .map(|(number, (section, (object, kind), work))| (Unit { number, section, object, kind }, work))
        .unzip()
}

/// Splits the rows of the selected tables into units: first those that keep writers waiting, then the largest.
pub(crate) fn ranges(view: &View, selection: &Selection, control: &Control<'_>) -> Result<Vec<Rows>> {
    let mut rows = Vec::new();
    for place in order(&view.relations.tables, selection) {
        let Some(table) = view.relations.tables.get(place) else { continue };
        let bounds = match wanted(table) {
            0 | 1 => None,
            _ => view.coordinate(|connection| bounds(connection, table, control))?,
        };
        rows.extend(parts(place, table, bounds, keeps_history(table, &view.version)));
    }
    Ok(rows)
}

/// The places of the tables whose rows are meant, in the order in which they are dumped.
pub(super) fn order(tables: &[Table], selection: &Selection) -> Vec<usize> {
    let mut chosen: Vec<_> = tables
        .iter()
        .enumerate()
        .filter(|(_, table)| table.has_rows() && selection.has_rows(&table.name))
        .collect();
    // Sizes are estimates, which change a little from one look to the next.
    let size = |table: &Table| std::cmp::Reverse(table.bytes / GRAIN);
    chosen.sort_by_key(|(place, table)| (table.transactional, size(table), *place));
    chosen.into_iter().map(|(place, _)| place).collect()
}

/// Whether rows of the past can be put back: from MariaDB 10.11 on, and not where numbers of transactions stand for
/// times.
pub(super) fn keeps_history(table: &Table, version: &Version) -> bool {
    table.versioned
        && version.flavor == Flavor::MariaDb
        && version.number >= (10, 11, 0)
        && table.period.as_ref().is_none_or(|period| !period.of_transactions)
}

/// How many ranges a table should have; one where only reading all of it could tell where they end.
fn wanted(table: &Table) -> u64 {
    const WHOLE: &[&str] = &["tinyint", "smallint", "mediumint", "int", "bigint"];
    let is_first = |name: &str| table.key.as_ref().is_some_and(|key| key.first == name);
    let is_whole =
        table.columns.iter().any(|column| is_first(&column.name) && WHOLE.contains(&column.kind.as_str()));
    let is_clustered = table.engine.eq_ignore_ascii_case("InnoDB");
    if is_whole && is_clustered { (table.bytes / RANGE_BYTES).max(1) } else { 1 }
}

/// The least and the greatest number in the first column of the primary key.
fn bounds(connection: &mut Connection, table: &Table, control: &Control<'_>) -> Result<Option<(i128, i128)>> {
    let Some(key) = &table.key else { return Ok(None) };
    let column = identifier(&key.first);
    let sql = format!("SELECT{} MIN({column}), MAX({column}) FROM {}", table.priority(), table.quoted);
    let row = connection.query(&sql, control)?.into_iter().next().unwrap_or_default();
    let mut numbers = row.into_iter().map(|value| value.and_then(|text| text.parse::<i128>().ok()));
    Ok(numbers.next().flatten().zip(numbers.next().flatten()))
}

/// Cuts a table into ranges.
fn parts(place: usize, table: &Table, bounds: Option<(i128, i128)>, history: bool) -> Vec<Rows> {
    let column = table.key.as_ref().map(|key| key.first.clone()).unwrap_or_default();
    let borders = bounds.map(|(least, greatest)| borders(least, greatest, wanted(table))).unwrap_or_default();
    let count = borders.len() as u64 + 1;
    let begins = std::iter::once(None).chain(borders.iter().copied().map(Some));
    let ends = borders.iter().copied().map(Some).chain([None]);
    let mut rows: Vec<Rows> = (0..)
        .zip(begins.zip(ends))
        .map(|(number, (from, to)): (u64, _)| Rows {
            table: place,
            part: Part {
                range: (count > 1).then(|| Range { column: column.clone(), from, to }),
                has_start: history,
                is_history: false,
                first: number * PARTS_PER_RANGE,
            },
            bytes: table.bytes / count,
        })
        .collect();
    if history {
        let part = Part { range: None, has_start: true, is_history: true, first: count * PARTS_PER_RANGE };
        rows.push(Rows { table: place, part, bytes: 0 });
    }
    rows
}

/// The first numbers of all ranges but the first: multiples of a power of two, so that most stay where they are when
/// the table grows.
fn borders(least: i128, greatest: i128, wanted: u64) -> Vec<i128> {
    let span = greatest.saturating_sub(least).saturating_add(1);
    let even = span / i128::from(wanted.max(1));
    if wanted < 2 || even < 1 && span < 2 {
        return Vec::new();
    }
    let width = 1_i128 << even.max(1).ilog2();
    let first = (least.div_euclid(width) + 1) * width;
    (0..).map(|number| first + number * width).take_while(|border| *border <= greatest).collect()
}

#[cfg(test)]
mod tests;
