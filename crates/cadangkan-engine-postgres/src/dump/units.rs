use std::cmp::Reverse;
use std::collections::HashMap;

use cadangkan_core::{ObjectKind, ObjectName, Section, Selection};
use cadangkan_engine::Unit;

use crate::catalog::Table;
use crate::probe::definitions;

/// Heap and TOAST bytes of one range of a big table.
///
/// Small enough that all connections are busy to the end, large enough that the last frame of each range, which is
/// shorter than the others, costs nothing.
const RANGE_BYTES: u64 = 128 << 20;

/// The part number with which a range begins: so many frames no range has.
const PARTS_PER_RANGE: u64 = 1 << 24;

/// What one unit is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Settings of the session.
    Header,
    /// Roles.
    Globals,
    /// Definitions that rows need.
    PreData,
    /// Rows of a table, by its place in the list.
    Rows {
        /// The table.
        table: usize,
        /// The range of it; none: all of it.
        range: Option<Range>,
    },
    /// Values of sequences.
    Sequences,
    /// Large objects.
    LargeObjects,
    /// Definitions that need rows.
    PostData,
}

/// A range of a table's blocks; borders are fixed, whatever the number of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first block.
    pub(crate) from: u64,
    /// The block after the last one; none: to the end.
    pub(crate) to: Option<u64>,
    /// The number of its first frame.
    pub(crate) first_part: u64,
    /// Its share of the table's bytes.
    pub(crate) bytes: u64,
}

/// What there is to dump.
pub(super) struct Contents<'a> {
    pub(super) tables: &'a [Table],
    pub(super) selection: &'a Selection,
    pub(super) version: u32,
    pub(super) globals: bool,
    pub(super) sequences: bool,
    pub(super) large_objects: bool,
}

impl Work {
    /// Bytes on the server's disk, as an estimate of what will be dumped.
    pub(crate) fn bytes(&self, tables: &[Table]) -> u64 {
        match self {
            Work::Rows { range: Some(range), .. } => range.bytes,
            Work::Rows { table, range: None } => tables.get(*table).map_or(0, |table| table.bytes),
            _ => 0,
        }
    }
}

/// Lists all units of a dump with what they are made of.
pub(super) fn list(contents: &Contents<'_>) -> (Vec<Unit>, Vec<Work>) {
    let selection = contents.selection;
    let mut list = vec![(Section::Header, definitions(), ObjectKind::DEFINITIONS, Work::Header)];
    let mut add = |section, (object, kind), work| list.push((section, object, kind, work));
    if contents.globals {
        add(Section::Header, (ObjectName::new("globals"), ObjectKind::DEFINITIONS), Work::Globals);
    }
    if !selection.data_only {
        add(Section::PreData, (definitions(), ObjectKind::DEFINITIONS), Work::PreData);
    }
    for work in works(contents.tables, selection, contents.version) {
        if let Work::Rows { table, .. } = work
            && let Some(table) = contents.tables.get(table)
        {
            add(Section::Data, (table.name.clone(), ObjectKind::TABLE), work);
        }
    }
    if contents.large_objects && !selection.schema_only {
        add(Section::Data, (ObjectName::new("large objects"), ObjectKind::LARGE_OBJECTS), Work::LargeObjects);
    }
    if contents.sequences && !selection.schema_only {
        add(Section::Data, (ObjectName::new("sequence values"), ObjectKind::SEQUENCES), Work::Sequences);
    }
    if !selection.data_only {
        add(Section::PostData, (definitions(), ObjectKind::DEFINITIONS), Work::PostData);
    }
    list.into_iter()
        .enumerate()
        .map(|(number, (section, object, kind, work))| (Unit { number, section, object, kind }, work))
        .unzip()
}

/// Splits the rows of the selected tables into units: those tables first of whose rows most is to be made, with those
/// that their foreign keys lead to. A load makes it while the rows of others still come.
pub(crate) fn works(tables: &[Table], selection: &Selection, version: u32) -> Vec<Work> {
    let mut chosen: Vec<_> = tables
        .iter()
        .enumerate()
        .filter(|(_, table)| table.is_dumped() && selection.has_rows(&table.name))
        .collect();
    // Loading the rows is about as much work as two indexes.
    let work = |table: &Table| table.bytes.saturating_mul(2 + table.indexes + table.refers_to.len() as u64);
    let mut urgent: HashMap<u32, u64> = HashMap::new();
    for (_, table) in &chosen {
        for oid in table.refers_to.iter().chain([&table.oid]) {
            let most = urgent.entry(*oid).or_default();
            *most = work(table).max(*most);
        }
    }
    chosen.sort_by_key(|(place, table)| (Reverse(urgent.get(&table.oid)), Reverse(work(table)), *place));
    chosen.into_iter().flat_map(|(place, table)| ranges(place, table, version)).collect()
}

/// Cuts a big table into ranges of ctid, which servers scan alone from version 14 on (release notes of 14, TID Range
/// Scan); older ones would read the whole table for each.
fn ranges(place: usize, table: &Table, version: u32) -> Vec<Work> {
    let count = table.bytes / RANGE_BYTES;
    if version < 140_000 || !table.is_heap || count < 2 || table.blocks < count {
        return vec![Work::Rows { table: place, range: None }];
    }
    let blocks = table.blocks.div_ceil(count);
    (0..count)
        .map(|number| Work::Rows {
            table: place,
            range: Some(Range {
                from: number * blocks,
                to: (number + 1 < count).then_some((number + 1) * blocks),
                first_part: number * PARTS_PER_RANGE,
                bytes: table.bytes / count,
            }),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, bytes: u64) -> Table {
        Table {
            oid: 1,
            name: ObjectName { schema: Some("public".into()), ..ObjectName::new(name) },
            quoted: format!("public.{name}"),
            columns: "id".into(),
            blocks: bytes.div_ceil(8192),
            bytes,
            indexes: 0,
            refers_to: Vec::new(),
            estimated_rows: None,
            has_rows: true,
            is_heap: true,
            condition: None,
            of_extension: false,
            readable: true,
            row_security: false,
        }
    }

    #[test]
    fn ranges_cover_every_block_once() {
        let tables = [table("small", 8192), table("big", 5 * RANGE_BYTES + 1)];
        let works = works(&tables, &Selection::default(), 150_000);
        assert_eq!(works.len(), 6);
        let mut next = Some(0);
        for work in &works[..5] {
            let Work::Rows { table: 1, range: Some(range) } = work else { panic!("{work:?}") };
            assert_eq!(Some(range.from), next);
            next = range.to;
        }
        assert_eq!(next, None);
        assert_eq!(works[5], Work::Rows { table: 0, range: None });
    }

    #[test]
    fn tables_with_more_indexes_and_foreign_keys_come_first_with_what_these_lead_to() {
        let keyed = Table { oid: 2, indexes: 2, refers_to: vec![3], ..table("keyed", 100) };
        let parent = Table { oid: 3, ..table("parent", 5) };
        let tables = [table("small", 10), table("large", 200), parent, keyed];
        let works = works(&tables, &Selection::default(), 150_000);
        let order: Vec<_> = works.iter().map(|work| work.bytes(&tables)).collect();
        assert_eq!(order, [100, 5, 200, 10]);
    }

    #[test]
    fn old_servers_and_other_storage_are_not_split() {
        let mut big = table("big", 5 * RANGE_BYTES);
        assert_eq!(works(&[big.clone()], &Selection::default(), 130_000).len(), 1);
        big.is_heap = false;
        assert_eq!(works(&[big], &Selection::default(), 150_000).len(), 1);
    }

    #[test]
    fn rows_in_few_blocks_are_split_as_far_as_there_are_blocks() {
        let toasted = Table { blocks: 1, ..table("toasted", 50 * RANGE_BYTES) };
        assert_eq!(works(&[toasted], &Selection::default(), 150_000).len(), 1);
    }
}
