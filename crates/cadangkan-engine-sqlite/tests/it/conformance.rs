//! The contract of all engines, on real files.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use cadangkan_engine::Engine;
use cadangkan_engine::conformance::{self, Subject};
use rusqlite::Connection;

use crate::support::{engine, make};

struct Files {
    folder: tempfile::TempDir,
    targets: AtomicU64,
}

impl Files {
    fn path(&self) -> PathBuf {
        self.folder.path().join("source.db")
    }
}

impl Subject for Files {
    fn source(&self) -> Box<dyn Engine> {
        engine(&self.path())
    }

    fn fill(&self, seed: u64) {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.folder.path().join(format!("source.db{suffix}")));
        }
        let sql = format!(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
             CREATE TABLE orders(id INTEGER PRIMARY KEY, what TEXT); CREATE TABLE customers(name TEXT PRIMARY KEY, n);
             CREATE VIEW names AS SELECT name FROM customers;
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000)
             INSERT INTO orders SELECT i, printf('%d order %.*c', {seed}, i % 300, 'x') FROM n;
             INSERT INTO customers SELECT 'customer ' || id, {seed} * id FROM orders WHERE id < 2000;"
        );
        drop(make(&self.path(), &sql));
    }

    fn change(&self) {
        let connection = Connection::open(self.path()).unwrap();
        let sql =
            "INSERT INTO orders(what) VALUES (hex(randomblob(50))); DELETE FROM customers WHERE n % 7 = 0;
                   UPDATE orders SET what = hex(randomblob(9)) WHERE id = 17";
        connection.execute_batch(sql).unwrap();
    }

    fn empty_target(&self) -> Box<dyn Engine> {
        let number = self.targets.fetch_add(1, Ordering::SeqCst);
        engine(&self.folder.path().join(format!("target{number}.db")))
    }
}

#[test]
fn sqlite_holds_to_the_contract() {
    conformance::run(&Files { folder: tempfile::tempdir().unwrap(), targets: AtomicU64::new(0) });
}
