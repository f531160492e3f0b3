//! Databases with everything in them that may be lost on the way.
#![allow(clippy::panic, reason = "helpers of tests may fail")]

mod mysql;

use crate::servers::TestDatabase;

pub use mysql::load_mysql;

/// The parts in order, each with the first version that understands it.
const POSTGRES: &[(u32, &str)] = &[
    (0, include_str!("torture/postgres-roles.sql")),
    (0, include_str!("torture/postgres.sql")),
    (0, include_str!("torture/postgres-tables.sql")),
    (0, include_str!("torture/postgres-values.sql")),
    (0, include_str!("torture/postgres-names.sql")),
    (0, include_str!("torture/postgres-more.sql")),
    (13, include_str!("torture/postgres-13.sql")),
    (14, include_str!("torture/postgres-14.sql")),
    (15, include_str!("torture/postgres-15.sql")),
    (16, include_str!("torture/postgres-16.sql")),
    (17, include_str!("torture/postgres-17.sql")),
    (18, include_str!("torture/postgres-18.sql")),
];

/// Fills an empty database with every kind of object and value that its version of PostgreSQL knows.
///
/// Roles are named `cadangkan_torture_*` and stay on the server. Loading takes some seconds; the database has about
/// 50 MB, one row of 20 MB.
///
/// # Panics
/// When a statement fails.
pub fn load_postgres(database: &TestDatabase) {
    for (version, sql) in POSTGRES {
        if *version <= database.server.version {
            database.psql(sql);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::servers::postgres;

    #[test]
    fn loads_into_every_version() {
        for server in postgres() {
            let database = server.database();
            load_postgres(&database);
            assert_eq!(database.psql("SELECT count(*) FROM torture.events"), "1500\n");
            assert!(database.schema().contains("looks_like_a_dump"));
        }
    }

    /// By a pg_dump of the server's version: a newer one writes what an older server does not take, such as options
    /// of subscriptions.
    #[test]
    fn the_stock_tools_give_the_same_definitions_back() {
        for (server, bin) in postgres().into_iter().filter_map(|server| Some((server.clone(), server.bin?))) {
            let (database, copy) = (server.database(), server.database());
            load_postgres(&database);
            let mut dump = Command::new(bin.join("pg_dump")).arg(&database.url).output().unwrap();
            assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
            copy.psql(&String::from_utf8(std::mem::take(&mut dump.stdout)).unwrap());
            let (before, after) = (database.schema(), copy.schema());
            let differs = before.lines().zip(after.lines()).find(|(before, after)| before != after);
            assert!(before == after, "PostgreSQL {}: definitions differ: {differs:?}", server.version);
        }
    }
}
