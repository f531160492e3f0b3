//! What users made in a database, and its removal.

use std::collections::HashSet;

use cadangkan_core::{Control, Error, ErrorKind, Result};
use cadangkan_pgwire::Connection;

use crate::catalog::{Row, one_row};

/// Something that can be dropped by itself, as `pg_identify_object` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    /// The number of its catalog, and its number there.
    pub(super) id: (u64, u64),
    /// `table`, `function`, `text search parser` …
    pub(super) kind: String,
    /// Its name as statements write it: quoted, with schema and arguments.
    pub(super) identity: String,
}

impl Object {
    /// Tells whether it only holds others: a schema or an extension.
    pub(super) fn is_container(&self) -> bool {
        matches!(self.kind.as_str(), "schema" | "extension")
    }

    fn drop_statement(&self) -> String {
        let kind = match self.kind.as_str() {
            "statistics object" => "STATISTICS".to_owned(),
            other => other.replace('-', " ").to_uppercase(),
        };
        format!("DROP {kind} IF EXISTS {} CASCADE", self.identity)
    }

    /// Its turn among others: what reacts to changes first, then what pulls most along.
    fn turn(&self) -> u8 {
        match self.kind.as_str() {
            "event trigger" => 0,
            "subscription" => 1,
            "publication" => 2,
            "extension" => 3,
            "table" | "materialized view" | "view" | "foreign table" => 4,
            "schema" => 6,
            _ => 5,
        }
    }
}

/// Catalogs of things that are dropped by themselves, with a condition on the row.
const CATALOGS: &[(&str, &str)] = &[
    ("pg_class", "o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND o.relpersistence <> 't'"),
    ("pg_proc", "true"),
    ("pg_type", "true"),
    ("pg_operator", "true"),
    ("pg_opclass", "true"),
    ("pg_opfamily", "true"),
    ("pg_collation", "true"),
    ("pg_conversion", "true"),
    ("pg_ts_parser", "true"),
    ("pg_ts_dict", "true"),
    ("pg_ts_template", "true"),
    ("pg_ts_config", "true"),
    ("pg_statistic_ext", "true"),
    ("pg_namespace", "o.nspname !~ '^pg_'"),
    ("pg_extension", "true"),
    ("pg_event_trigger", "true"),
    ("pg_publication", "true"),
    (
        "pg_subscription",
        "o.subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())",
    ),
    ("pg_foreign_data_wrapper", "true"),
    ("pg_foreign_server", "true"),
    ("pg_language", "true"),
    ("pg_cast", "true"),
    ("pg_am", "true"),
];

/// Lists what users made in the connection's database, by kind and name. What belongs to the server from the start
/// has numbers below 16384 (PostgreSQL's FirstNormalObjectId); what belongs to an extension or to another object is
/// left out.
pub(super) fn list(connection: &mut Connection, control: &Control<'_>) -> Result<Vec<Object>> {
    let readable = "SELECT pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'oid', 'SELECT')
           AND pg_catalog.has_column_privilege('pg_catalog.pg_subscription', 'subdbid', 'SELECT')";
    let subscriptions = one_row(connection, readable, control)?.flag();
    let selects: Vec<_> = CATALOGS
        .iter()
        .filter(|(catalog, _)| *catalog != "pg_subscription" || subscriptions)
        .map(|(catalog, condition)| {
            let oid = format!("'pg_catalog.{catalog}'::pg_catalog.regclass::pg_catalog.oid");
            format!("SELECT {oid} AS class, o.oid FROM pg_catalog.{catalog} o WHERE o.oid >= 16384 AND {condition}")
        })
        .collect();
    let sql = format!(
        "SELECT o.class, o.oid, i.type, i.identity FROM ({}) o
          CROSS JOIN LATERAL pg_catalog.pg_identify_object(o.class, o.oid, 0) i
          WHERE i.identity IS NOT NULL AND i.schema IS DISTINCT FROM 'pg_toast' AND NOT coalesce(i.schema ~ '^pg_temp_', false)
            AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = o.class AND d.objid = o.oid
                              AND d.objsubid = 0 AND d.deptype IN ('e', 'i'))
          ORDER BY i.type, i.identity",
        selects.join(" UNION ALL ")
    );
    connection.query(&sql, control)?.into_iter().map(object).collect()
}

fn object(row: Vec<Option<String>>) -> Result<Object> {
    let mut row = Row(row.into_iter());
    Ok(Object { id: (row.number()?, row.number()?), kind: row.text()?, identity: row.text()? })
}

/// Drops whatever was made in the database since `before` was listed, large objects included when there were none.
///
/// Comments and privileges of what was there before stay as they are.
///
/// # Errors
/// Names what is left when something could not be dropped.
pub(super) fn sweep(
    connection: &mut Connection,
    before: &HashSet<(u64, u64)>,
    large_objects_before: bool,
    control: &Control<'_>,
) -> Result<()> {
    // What could not be dropped in one round may be free in the next one.
    for _ in 0..3 {
        let mut new = since(connection, before, control)?;
        if new.is_empty() {
            break;
        }
        new.sort_by_key(Object::turn);
        for object in &new {
            drop_one(connection, object, control);
        }
    }
    if !large_objects_before {
        let unlink = "SELECT pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata LIMIT 1000";
        while !connection.query(unlink, control)?.is_empty() {
            control.check()?;
        }
    }
    let left = since(connection, before, control)?;
    if left.is_empty() {
        return Ok(());
    }
    let names: Vec<_> =
        left.iter().take(5).map(|object| format!("{} {}", object.kind, object.identity)).collect();
    Err(Error::new(ErrorKind::Partial, "not all that the restore made could be removed")
        .context("left", names.join(", "))
        .context("count", left.len())
        .hint("drop what is left by hand, or the database as a whole"))
}

fn since(
    connection: &mut Connection,
    before: &HashSet<(u64, u64)>,
    control: &Control<'_>,
) -> Result<Vec<Object>> {
    Ok(list(connection, control)?.into_iter().filter(|object| !before.contains(&object.id)).collect())
}

/// Drops one object; what fails is seen by the next look.
fn drop_one(connection: &mut Connection, object: &Object, control: &Control<'_>) {
    if object.kind == "subscription" {
        let _ = forget_subscription(connection, &object.identity, control);
    }
    let _ = connection.execute(&object.drop_statement(), control);
}

/// Parts a subscription from the slot on its publisher, so that it can be dropped without a word to that server.
fn forget_subscription(connection: &mut Connection, quoted: &str, control: &Control<'_>) -> Result<()> {
    connection.execute(&format!("ALTER SUBSCRIPTION {quoted} DISABLE"), control)?;
    connection.execute(&format!("ALTER SUBSCRIPTION {quoted} SET (slot_name = NONE)"), control)?;
    Ok(())
}

/// Drops all subscriptions of the connection's database, which would otherwise keep it from being dropped.
pub(super) fn drop_subscriptions(connection: &mut Connection, control: &Control<'_>) -> Result<()> {
    let subscriptions = list(connection, control)?.into_iter().filter(|object| object.kind == "subscription");
    subscriptions.into_iter().for_each(|object| drop_one(connection, &object, control));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, identity: &str) -> Object {
        Object { id: (1, 2), kind: kind.to_owned(), identity: identity.to_owned() }
    }

    #[test]
    fn kinds_become_the_words_of_drop() {
        let statement = |kind, identity| object(kind, identity).drop_statement();
        assert_eq!(statement("table", "s.\"a b\""), "DROP TABLE IF EXISTS s.\"a b\" CASCADE");
        assert_eq!(statement("statistics object", "s.x"), "DROP STATISTICS IF EXISTS s.x CASCADE");
        assert_eq!(statement("foreign-data wrapper", "w"), "DROP FOREIGN DATA WRAPPER IF EXISTS w CASCADE");
        let class = statement("operator class", "s.c USING btree");
        assert_eq!(class, "DROP OPERATOR CLASS IF EXISTS s.c USING btree CASCADE");
    }

    #[test]
    fn what_reacts_to_changes_goes_first_and_schemas_last() {
        let mut objects: Vec<_> =
            ["schema", "function", "table", "event trigger"].map(|kind| object(kind, "x")).into();
        objects.sort_by_key(Object::turn);
        let kinds: Vec<_> = objects.iter().map(|object| object.kind.as_str()).collect();
        assert_eq!(kinds, ["event trigger", "table", "function", "schema"]);
    }
}
