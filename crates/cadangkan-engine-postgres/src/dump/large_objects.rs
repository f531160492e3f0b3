use cadangkan_core::{Control, ObjectName, Result, Section, Selection};
use cadangkan_engine::{FrameBuilder, FrameSink, FrameSizes, Unit, UnitReport};
use cadangkan_pgwire::Connection;

use crate::catalog::{Row, one_row};

/// So many bytes of a large object stand in one statement; as text they are twice as long.
const PIECE: usize = 1 << 20;

/// So many numbers of large objects are asked for at once.
const AT_ONCE: usize = 1000;

/// From this version on `pg_dump` counts the definitions of large objects among the rows.
pub(super) const LEFT_TO_US: u32 = 17;

/// Tells whether there are large objects to dump. They belong to no table, so a selection of tables has none; rows
/// alone have none either, since there is nothing yet that they could be put into.
pub(super) fn any(connection: &mut Connection, selection: &Selection, control: &Control<'_>) -> Result<bool> {
    if selection.is_of_tables() || selection.data_only {
        return Ok(false);
    }
    let sql = "SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)";
    Ok(one_row(connection, sql, control)?.flag())
}

/// Dumps the content of all large objects as `lo_put` statements, each a row; empty ones are there by their
/// definition already.
pub(super) fn dump(
    connection: &mut Connection,
    unit: &Unit,
    sink: &dyn FrameSink,
    control: &Control<'_>,
) -> Result<UnitReport> {
    let name = ObjectName::clone(&unit.object);
    let mut builder = FrameBuilder::new(Section::Data, name, FrameSizes::default(), sink);
    let mut last = 0_u64;
    loop {
        let sql = format!(
            "SELECT oid FROM pg_catalog.pg_largeobject_metadata WHERE oid > {last} ORDER BY oid LIMIT {AT_ONCE}"
        );
        let rows = connection.query(&sql, control)?;
        if rows.is_empty() {
            return builder.finish();
        }
        for row in rows {
            last = Row(row.into_iter()).number()?;
            dump_one(connection, last, &mut builder, control)?;
        }
    }
}

/// Writes what `pg_dump` from version 17 on does not count among the definitions before the rows: that the large
/// objects exist, whose they are, who may use them, what is said of them.
pub(super) fn definitions(connection: &mut Connection, control: &Control<'_>) -> Result<Vec<Vec<u8>>> {
    let mut texts = Vec::new();
    let mut last = 0_u64;
    loop {
        let sql = format!("SELECT m.oid, {DEFINITIONS} WHERE m.oid > {last} ORDER BY m.oid LIMIT {AT_ONCE}");
        let rows = connection.query(&sql, control)?;
        if rows.is_empty() {
            return Ok(texts);
        }
        let (mut made, mut granted) = (entry("BLOB METADATA"), entry("ACL"));
        let empty = granted.len();
        for row in rows {
            let mut row = Row(row.into_iter());
            last = row.number()?;
            made.push_str(&row.text()?);
            made.push_str(&row.next().unwrap_or_default());
            granted.push_str(&row.next().unwrap_or_default());
        }
        made.push_str("\n\n");
        if granted.len() > empty {
            made.push_str(&granted);
            made.push_str("\n\n");
        }
        texts.push(made.into_bytes());
    }
}

fn entry(kind: &str) -> String {
    format!("--\n-- Name: LARGE OBJECTS; Type: {kind}; Schema: -; Owner: -\n--\n\n")
}

/// The statements of one large object: making it, its comment, its privileges.
const DEFINITIONS: &str = "pg_catalog.format(E'SELECT pg_catalog.lo_create(''%s'');\nALTER LARGE OBJECT %s OWNER TO %I;\n',
      m.oid, m.oid, pg_catalog.pg_get_userbyid(m.lomowner)),
    (SELECT pg_catalog.format(E'COMMENT ON LARGE OBJECT %s IS %L;\n', m.oid, d.description)
       FROM pg_catalog.pg_description d
      WHERE d.classoid = 'pg_catalog.pg_largeobject'::pg_catalog.regclass AND d.objoid = m.oid AND d.objsubid = 0),
    CASE WHEN m.lomacl IS NOT NULL THEN
      pg_catalog.format(E'REVOKE ALL ON LARGE OBJECT %s FROM %I;\n', m.oid, pg_catalog.pg_get_userbyid(m.lomowner))
      || coalesce((SELECT pg_catalog.string_agg(pg_catalog.format(E'GRANT %s ON LARGE OBJECT %s TO %s%s;\n',
            a.privilege_type, m.oid,
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END,
            CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), '' ORDER BY a.ordinality)
          FROM pg_catalog.aclexplode(m.lomacl) WITH ORDINALITY a), '') END
  FROM pg_catalog.pg_largeobject_metadata m";

fn dump_one(
    connection: &mut Connection,
    oid: u64,
    builder: &mut FrameBuilder<'_>,
    control: &Control<'_>,
) -> Result<()> {
    for piece in 0_u64.. {
        control.check()?;
        let offset = piece * PIECE as u64;
        let sql = format!("SELECT pg_catalog.encode(pg_catalog.lo_get({oid}, {offset}, {PIECE}), 'hex')");
        let hex = one_row(connection, &sql, control)?.text()?;
        if !hex.is_empty() {
            builder.row(format!("SELECT pg_catalog.lo_put({oid}, {offset}, '\\x{hex}');\n").as_bytes())?;
        }
        if hex.len() < 2 * PIECE {
            break;
        }
    }
    Ok(())
}
