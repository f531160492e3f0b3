//! What is loaded into MySQL and MariaDB.

use crate::mysql::{MysqlServer, TestDatabase};

/// Which servers understand a part.
enum For {
    Both,
    Mysql,
    /// From this major version on.
    Mariadb(u32),
}

impl For {
    fn includes(&self, server: &MysqlServer) -> bool {
        match self {
            Self::Both => true,
            Self::Mysql => !server.is_mariadb(),
            Self::Mariadb(major) => server.is_mariadb() && server.number().0 >= *major,
        }
    }
}

/// The parts in order.
const PARTS: &[(For, &str)] = &[
    (For::Both, include_str!("mysql-users.sql")),
    (For::Both, include_str!("mysql-values.sql")),
    (For::Both, include_str!("mysql-charsets.sql")),
    (For::Both, include_str!("mysql-tables.sql")),
    (For::Both, include_str!("mysql-names.sql")),
    (For::Both, include_str!("mysql-programs.sql")),
    (For::Mysql, include_str!("mysql-of-mysql.sql")),
    (For::Mariadb(10), include_str!("mysql-of-mariadb.sql")),
    (For::Mariadb(11), include_str!("mysql-of-mariadb-11.sql")),
];

/// What stock tools do not give back.
const BEYOND_STOCK: &[(For, &str)] = &[
    (For::Both, include_str!("mysql-beyond-stock.sql")),
    (For::Mariadb(10), include_str!("mysql-beyond-stock-mariadb.sql")),
];

/// Fills an empty database with every kind of object and value that its server knows.
///
/// Users are named `cadangkan_torture_*` and stay on the server. Loading takes some seconds; the database has about
/// 30 MB, one row of 20 MB.
///
/// # Panics
/// When a statement fails.
pub fn load_mysql(database: &TestDatabase) {
    load(database, PARTS);
    load(database, BEYOND_STOCK);
}

fn load(database: &TestDatabase, parts: &[(For, &str)]) {
    for (wanted, sql) in parts {
        if wanted.includes(&database.server) {
            database.run(sql);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mysql::servers;

    #[test]
    fn loads_into_every_server() {
        for server in servers() {
            let database = server.database();
            load_mysql(&database);
            let contents = database.contents();
            assert!(contents.lines().any(|line| line.starts_with("many_rows\t5000\t")), "{server}");
            let (definitions, copy) = (database.definitions(), database.definitions());
            assert_eq!(definitions, copy, "{server}");
            assert!(definitions.contains("PROCEDURE `looks_like_a_script`"), "{server}");
        }
    }

    /// Names what stock tools change: FLOAT, of which they write six digits; bytes that a character set has but
    /// utf8mb4 has not, since they write all texts in that; and how often a sequence began again.
    fn lost_by_stock_tools(server: &MysqlServer) -> &'static [&'static str] {
        if server.is_mariadb() {
            &["broken_numbers", "single_bytes", "s_cycle"]
        } else {
            &["broken_numbers", "single_bytes"]
        }
    }

    #[test]
    fn the_stock_tools_give_the_same_definitions_back() {
        for server in servers() {
            let (database, copy) = (server.database(), server.database());
            load(&database, PARTS);
            let dump = server.dump_tool().arg(&database.name).output().unwrap();
            assert!(dump.status.success(), "{server}: {}", String::from_utf8_lossy(&dump.stderr));
            server.feed(&copy.name, &dump.stdout).unwrap_or_else(|said| panic!("{server}: {said}"));
            let (before, after) = (database.definitions(), copy.definitions());
            let differs = before.lines().zip(after.lines()).find(|(before, after)| before != after);
            assert!(before == after, "{server}: definitions differ: {differs:?}");
            let (before, after) = (database.contents(), copy.contents());
            let differ = before.lines().zip(after.lines()).filter(|(before, after)| before != after);
            let tables: Vec<&str> = differ.filter_map(|(before, _)| before.split('\t').next()).collect();
            assert_eq!(tables, lost_by_stock_tools(&server), "{server}");
        }
    }
}
