//! What tests of restores need besides.

use std::hash::{BuildHasher as _, RandomState};
use std::mem::ManuallyDrop;

use cadangkan_engine::{Engine, LoadMode, LoadRequest};
use cadangkan_testkit::mysql::{MysqlServer, TestDatabase};
pub(crate) use cadangkan_testkit::runs::{
    Heard, controlled, leftovers, plan, restore_stream, restore_stream_to, tables, told,
};
use serde_json::json;

use crate::support::engine_with;

/// Opens a database by its URL.
pub(crate) fn at(url: &str) -> Box<dyn Engine> {
    engine_with(url, json!({ "jobs": 3, "lock_timeout": "10s" }))
}

/// The name of a database that does not exist yet; dropped at the end with all that restores made beside it.
pub(crate) struct Absent {
    pub(crate) name: String,
    pub(crate) server: MysqlServer,
}

impl Absent {
    pub(crate) fn new(server: &MysqlServer, name: &str) -> Absent {
        let name = format!("{name}{:08x}", RandomState::new().hash_one(1) & 0xffff_ffff);
        Absent { name, server: server.clone() }
    }

    pub(crate) fn engine(&self) -> Box<dyn Engine> {
        at(&self.server.url_of(&self.name))
    }

    /// All databases whose names begin with its own.
    pub(crate) fn family(&self) -> Vec<String> {
        family(&self.server, &self.name)
    }

    pub(crate) fn run(&self, sql: &str) -> String {
        self.server.run(&self.name, sql)
    }

    /// The database that is there by now, for what tests ask of one. It is dropped by this value.
    pub(crate) fn database(&self) -> ManuallyDrop<TestDatabase> {
        let url = self.server.url_of(&self.name);
        ManuallyDrop::new(TestDatabase { name: self.name.clone(), url, server: self.server.clone() })
    }
}

impl Drop for Absent {
    fn drop(&mut self) {
        for name in self.family() {
            self.server.drop_database(&name).unwrap();
        }
    }
}

/// All databases whose names begin with another's, that one included.
pub(crate) fn family(server: &MysqlServer, name: &str) -> Vec<String> {
    let all = server.run("", "SELECT SCHEMA_NAME FROM information_schema.SCHEMATA ORDER BY 1");
    all.lines().filter(|line| line.starts_with(name)).map(str::to_owned).collect()
}

/// Drops what restores made beside a database, and the database.
pub(crate) fn drop_family(database: &TestDatabase) {
    for name in family(&database.server, &database.name) {
        database.server.drop_database(&name).unwrap();
    }
}

pub(crate) fn request(mode: LoadMode) -> LoadRequest {
    LoadRequest { mode, ..LoadRequest::default() }
}

/// What the stock program dumps of a database.
pub(crate) fn stock_dump(database: &TestDatabase, options: &[&str]) -> Vec<u8> {
    let output = database.server.dump_tool().args(options).arg(&database.name).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A shop with every kind of thing that a load must treat on its own.
pub(crate) const SHOP: &str = r#"
CREATE TABLE customers (id int NOT NULL AUTO_INCREMENT, name varchar(50) NOT NULL, mail varchar(80),
  PRIMARY KEY (id), UNIQUE KEY mail (mail), KEY name (name(10), id), FULLTEXT KEY words (name)) ENGINE=InnoDB COMMENT='it''s; `odd`';
CREATE TABLE `or;ders ``x` (id bigint NOT NULL, customer int NOT NULL, `no``te` text, twice int GENERATED ALWAYS AS (id * 2) STORED,
  place point NOT NULL, PRIMARY KEY (id), KEY customer (customer), SPATIAL KEY place (place),
  CONSTRAINT known FOREIGN KEY (customer) REFERENCES customers (id) ON DELETE CASCADE) ENGINE=InnoDB;
CREATE TABLE numbers (a int NOT NULL AUTO_INCREMENT, b bit(9), c binary(4), d double, e date, KEY a (a), KEY b (b)) ENGINE=MyISAM;
CREATE TABLE parts (id int NOT NULL, y int NOT NULL, PRIMARY KEY (id, y), KEY y (y)) ENGINE=InnoDB
  PARTITION BY RANGE (y) (PARTITION p0 VALUES LESS THAN (10), PARTITION p1 VALUES LESS THAN MAXVALUE);
CREATE TABLE nothing (a int) ENGINE=InnoDB;
INSERT INTO customers (name, mail) VALUES ('a;''\\"`\n', 'a'), ('ü€😀', NULL);
INSERT INTO customers (name, mail) SELECT CONCAT(a.name, b.name, 'x'), NULL FROM customers a, customers b;
INSERT INTO `or;ders ``x` (id, customer, `no``te`, place) SELECT id, 1 + id % 2, REPEAT('ab\'\n', 50 + id), POINT(id, 1) FROM customers;
INSERT INTO numbers (b, c, d, e) VALUES (b'100000001', 0x00ff2700, -1.5e300, '0001-01-01'), (NULL, '', 0.1, NULL);
INSERT INTO parts VALUES (1, 1), (2, 20);
CREATE VIEW second AS SELECT n.name FROM customers n;
CREATE VIEW first AS SELECT COUNT(*) AS n FROM second;
DELIMITER ;;
CREATE FUNCTION plus(a int) RETURNS int DETERMINISTIC BEGIN DECLARE b int DEFAULT 1; RETURN a + b; END;;
CREATE PROCEDURE fill() BEGIN INSERT INTO nothing VALUES (plus(1)); SELECT ';'; END;;
CREATE TRIGGER upper BEFORE INSERT ON nothing FOR EACH ROW BEGIN SET NEW.a = plus(NEW.a); END;;
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DISABLE DO BEGIN DELETE FROM nothing; END;;
DELIMITER ;
"#;

/// A database with the shop.
pub(crate) fn shop(server: &MysqlServer) -> TestDatabase {
    let database = server.database();
    server.feed(&database.name, SHOP.as_bytes()).unwrap();
    database
}
