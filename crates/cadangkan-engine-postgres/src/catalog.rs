//! What the system catalogs say of tables and sequences.

use std::collections::HashMap;

use cadangkan_core::{Control, Error, ErrorKind, ObjectName, Pattern, Result, Selection};
use cadangkan_pgwire::Connection;

/// One table, as one view of the catalogs shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    /// Its number in pg_class.
    pub(crate) oid: u32,
    /// Its schema and name.
    pub(crate) name: ObjectName,
    /// Both, quoted for statements.
    pub(crate) quoted: String,
    /// Columns that have values of their own, quoted and joined by commas: generated ones are left out.
    pub(crate) columns: String,
    /// Blocks of its heap, and how long one is.
    pub(crate) blocks: u64,
    /// Bytes of heap and TOAST.
    pub(crate) bytes: u64,
    /// Number of its indexes.
    pub(crate) indexes: u64,
    /// The tables that its foreign keys lead to.
    pub(crate) refers_to: Vec<u32>,
    /// Rows, estimated by the server; none when it never counted.
    pub(crate) estimated_rows: Option<u64>,
    /// Whether it has rows of its own: a partitioned table has none.
    pub(crate) has_rows: bool,
    /// Whether its rows lie in a heap, where ctid ranges can be scanned.
    pub(crate) is_heap: bool,
    /// The rows that belong to the user, where it belongs to an extension: `WHERE …`, or empty for all.
    pub(crate) condition: Option<String>,
    /// Whether it belongs to an extension.
    pub(crate) of_extension: bool,
    /// Whether this user may read it.
    pub(crate) readable: bool,
    /// Whether row security hides rows of it from this user.
    pub(crate) row_security: bool,
}

/// One sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sequence {
    /// Its schema and name.
    pub(crate) name: ObjectName,
    /// Both, quoted for statements.
    pub(crate) quoted: String,
    /// The table whose column it belongs to.
    pub(crate) owner: Option<ObjectName>,
    /// Whether this user may read it.
    pub(crate) readable: bool,
}

impl Table {
    /// Tells whether its rows belong into a dump: those of extensions only where the extension says so.
    pub(crate) fn is_dumped(&self) -> bool {
        self.has_rows && (!self.of_extension || self.condition.is_some())
    }
}

/// Things of these schemas belong to the server.
const OURS: &str = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";

/// Lists the tables that are meant, those without rows of their own included, by schema and name; how large they are
/// is not known yet. Waits for no lock.
pub(crate) fn tables(
    connection: &mut Connection,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<Vec<Table>> {
    let sql = format!(
        "SELECT c.oid, n.nspname, c.relname,
          pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
          (SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' ORDER BY a.attnum)
             FROM pg_catalog.pg_attribute a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''),
          c.reltuples::pg_catalog.int8, c.relkind = 'r',
          coalesce(am.amname = 'heap', false),
          e.oid IS NOT NULL, e.extcondition[pg_catalog.array_position(e.extconfig, c.oid)],
          e.extconfig @> ARRAY[c.oid],
          pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
          pg_catalog.row_security_active(c.oid)
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
        LEFT JOIN pg_catalog.pg_depend d
          ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.objsubid = 0
             AND d.deptype = 'e' AND d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
        LEFT JOIN pg_catalog.pg_extension e ON e.oid = d.refobjid
        WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't' AND {OURS}
        ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
    );
    let tables = connection.query(&sql, control)?.into_iter().map(table).collect::<Result<Vec<_>>>()?;
    Ok(tables.into_iter().filter(|table| selection.has_table(&table.name)).collect())
}

/// Finds out how large tables are, and how much hangs on them. The server locks each for it, so it waits for those that others hold.
pub(crate) fn measure(
    connection: &mut Connection,
    tables: &mut [Table],
    control: &Control<'_>,
) -> Result<()> {
    let oids: Vec<_> = tables.iter().map(|table| table.oid.to_string()).collect();
    let sql = format!(
        "SELECT c.oid, pg_catalog.pg_relation_size(c.oid),
           CASE WHEN c.reltoastrelid <> 0 THEN pg_catalog.pg_relation_size(c.reltoastrelid) END,
           (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid),
           (SELECT pg_catalog.string_agg(k.confrelid::pg_catalog.text, ',') FROM pg_catalog.pg_constraint k
             WHERE k.conrelid = c.oid AND k.contype = 'f'),
           pg_catalog.current_setting('block_size')
         FROM pg_catalog.pg_class c
         WHERE c.relkind = 'r' AND c.oid = ANY ('{{{}}}'::pg_catalog.oid[])",
        oids.join(",")
    );
    let mut sizes = HashMap::new();
    for row in connection.query(&sql, control)? {
        let mut row = Row(row.into_iter());
        // Without a number when it was dropped meanwhile.
        let (oid, heap, toast, indexes) =
            (row.number()?, row.number_or(0)?, row.number_or(0)?, row.number()?);
        let refers_to = row.next().unwrap_or_default();
        let refers_to: Vec<u32> = refers_to.split(',').filter_map(|oid| oid.parse().ok()).collect();
        sizes.insert(oid, (heap, toast, indexes, refers_to, row.number()?.max(1)));
    }
    for table in tables {
        if let Some((heap, toast, indexes, refers_to, block)) = sizes.remove(&u64::from(table.oid)) {
            (table.indexes, table.refers_to) = (indexes, refers_to);
            (table.blocks, table.bytes) = (heap.div_ceil(block), heap.saturating_add(toast));
        }
    }
    Ok(())
}

/// What changes with a table: its name, and the versions of the rows that the catalogs have of it and of its columns.
/// Emptying a table gives it new files, which is a new version too.
pub(crate) fn states(
    connection: &mut Connection,
    tables: &[&Table],
    control: &Control<'_>,
) -> Result<Vec<Vec<Option<String>>>> {
    let oids: Vec<_> = tables.iter().map(|table| table.oid.to_string()).collect();
    let sql = format!(
        "SELECT c.oid, c.relnamespace, c.relname, c.xmin,
           (SELECT pg_catalog.string_agg(a.xmin::pg_catalog.text, ' ' ORDER BY a.attnum)
              FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid)
         FROM pg_catalog.pg_class c WHERE c.oid = ANY ('{{{}}}'::pg_catalog.oid[]) ORDER BY c.oid",
        oids.join(",")
    );
    connection.query(&sql, control)
}

fn table(row: Vec<Option<String>>) -> Result<Table> {
    let mut row = Row(row.into_iter());
    let (oid, schema, name, quoted) = (row.number()?, row.text()?, row.text()?, row.text()?);
    let columns = row.next().unwrap_or_default();
    let estimated_rows = row.text()?.parse().ok();
    let (has_rows, is_heap) = (row.flag(), row.flag());
    let of_extension = row.flag();
    let condition = row.next();
    Ok(Table {
        oid: u32::try_from(oid).map_err(|_| unexpected())?,
        name: ObjectName { database: None, schema: Some(schema), name },
        quoted,
        columns,
        blocks: 0,
        bytes: 0,
        indexes: 0,
        refers_to: Vec::new(),
        estimated_rows,
        has_rows,
        is_heap,
        of_extension,
        condition: row.flag().then(|| condition.unwrap_or_default()),
        readable: row.flag(),
        row_security: row.flag(),
    })
}

/// Lists the sequences that belong to what is meant: those of selected tables, and those that match themselves.
pub(crate) fn sequences(
    connection: &mut Connection,
    selection: &Selection,
    control: &Control<'_>,
) -> Result<Vec<Sequence>> {
    let sql = format!(
        "SELECT n.nspname, c.relname,
          pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
          tn.nspname, t.relname,
          pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_sequence_privilege(c.oid, 'SELECT')
        FROM pg_catalog.pg_class c
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_depend d
          ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.objsubid = 0
             AND d.refclassid = d.classid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
        LEFT JOIN pg_catalog.pg_class t ON t.oid = d.refobjid
        LEFT JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
        LEFT JOIN pg_catalog.pg_depend m
          ON m.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND m.objid = c.oid AND m.objsubid = 0
             AND m.deptype = 'e'
        LEFT JOIN pg_catalog.pg_extension e ON e.oid = m.refobjid
        WHERE c.relkind = 'S' AND c.relpersistence <> 't' AND {OURS}
          AND (e.oid IS NULL OR e.extconfig @> ARRAY[c.oid])
        ORDER BY n.nspname COLLATE \"C\", c.relname COLLATE \"C\""
    );
    let sequence = |row: Vec<Option<String>>| -> Result<Sequence> {
        let mut row = Row(row.into_iter());
        let (schema, name, quoted) = (row.text()?, row.text()?, row.text()?);
        let owner = match (row.next(), row.next()) {
            (schema, Some(name)) => Some(ObjectName { database: None, schema, name }),
            _ => None,
        };
        let name = ObjectName { database: None, schema: Some(schema), name };
        Ok(Sequence { name, quoted, owner, readable: row.flag() })
    };
    let found = connection.query(&sql, control)?.into_iter().map(sequence).collect::<Result<Vec<_>>>()?;
    let meant = |sequence: &Sequence| {
        let named = &sequence.name;
        sequence.owner.as_ref().map_or_else(|| selection.has_table(named), |table| selection.has_table(table))
    };
    Ok(found.into_iter().filter(meant).collect())
}

/// Fails with `NotFound` when a plain name of the selection matches nothing, or all of it neither a table nor a schema
/// that is named.
pub(crate) fn check_names(
    connection: &mut Connection,
    tables: &[Table],
    selection: &Selection,
    control: &Control<'_>,
) -> Result<()> {
    for pattern in selection.tables.iter().filter(|pattern| !pattern.is_glob()) {
        let only = Selection { tables: vec![pattern.clone()], ..Selection::default() };
        if !tables.iter().any(|table| only.has_table(&table.name)) {
            return Err(not_found("table", pattern));
        }
    }
    // A schema need not have tables: it may be one of functions.
    let schemas = if selection.schemas.is_empty() { Vec::new() } else { schemas(connection, control)? };
    for pattern in selection.schemas.iter().filter(|pattern| !pattern.is_glob()) {
        if !schemas.iter().any(|schema| pattern.matches(schema)) {
            return Err(not_found("schema", pattern));
        }
    }
    let has_schema = selection.tables.is_empty() && schemas.iter().any(|schema| selection.has_schema(schema));
    if selection.is_of_tables() && tables.is_empty() && !has_schema {
        return Err(Error::new(ErrorKind::NotFound, "the selection matches no table")
            .hint("names are matched to the letter, `*` stands for any run of characters; with a schema write `schema.table`"));
    }
    Ok(())
}

/// Lists the schemas that are not the server's own.
fn schemas(connection: &mut Connection, control: &Control<'_>) -> Result<Vec<String>> {
    let sql = format!("SELECT n.nspname FROM pg_catalog.pg_namespace n WHERE {OURS}");
    connection.query(&sql, control)?.into_iter().map(|row| Row(row.into_iter()).text()).collect()
}

fn not_found(what: &str, pattern: &Pattern) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no {what} \"{}\"", pattern.0))
        .hint("names are matched to the letter, with or without the schema before: `public.orders`")
}

/// The columns of one row, taken from left to right.
pub(crate) struct Row(pub(crate) std::vec::IntoIter<Option<String>>);

impl Row {
    /// The next column; none when it is NULL.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.0.next().flatten()
    }

    /// The next column, which is not NULL.
    pub(crate) fn text(&mut self) -> Result<String> {
        self.next().ok_or_else(unexpected)
    }

    /// The next column, a number that is not negative.
    pub(crate) fn number(&mut self) -> Result<u64> {
        self.text()?.parse().map_err(|_| unexpected())
    }

    /// The next column, a number, or `default` when it is NULL.
    pub(crate) fn number_or(&mut self, default: u64) -> Result<u64> {
        self.next().map_or(Ok(default), |text| text.parse().map_err(|_| unexpected()))
    }

    /// Whether the next column is true.
    pub(crate) fn flag(&mut self) -> bool {
        self.next().as_deref() == Some("t")
    }
}

/// The error for an answer that no PostgreSQL server gives.
pub(crate) fn unexpected() -> Error {
    Error::new(ErrorKind::Unsupported, "the server gave an answer that PostgreSQL would not give")
        .hint("check that it is PostgreSQL 12 or newer, and no other product that speaks its protocol")
}

/// Runs a query that gives one row.
pub(crate) fn one_row(connection: &mut Connection, sql: &str, control: &Control<'_>) -> Result<Row> {
    let rows = connection.query(sql, control)?;
    rows.into_iter().next().map(|row| Row(row.into_iter())).ok_or_else(unexpected)
}
