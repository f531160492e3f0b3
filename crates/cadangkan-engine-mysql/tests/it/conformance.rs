use std::cell::RefCell;

use cadangkan_engine::{Engine, conformance};
use cadangkan_testkit::mysql::{TestDatabase, servers};

use crate::support::engine;

struct Subject {
    source: TestDatabase,
    targets: RefCell<Vec<TestDatabase>>,
}

/// Numbers from 1 to 15,625.
const NUMBERS: &str = "SET @a = 0;
CREATE TABLE five (x int); INSERT INTO five VALUES (1), (2), (3), (4), (5);
CREATE TABLE numbers (i int PRIMARY KEY) AS
  SELECT (@a := @a + 1) AS i FROM five a, five b, five c, five d, five e, five f;
DROP TABLE five;";

impl conformance::Subject for Subject {
    fn source(&self) -> Box<dyn Engine> {
        engine(&self.source)
    }

    fn fill(&self, seed: u64) {
        self.source.run(&format!(
            "SET foreign_key_checks = 0;
             DROP VIEW IF EXISTS totals; DROP TABLE IF EXISTS customers, orders, `lines`, `empty`, numbers, five;
             {NUMBERS}
             CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, note text);
             CREATE TABLE orders (id int AUTO_INCREMENT PRIMARY KEY, customer int, total decimal(10,2),
               FOREIGN KEY (customer) REFERENCES customers (id));
             CREATE TABLE `lines` (order_id int, line int, what json, KEY (order_id), PRIMARY KEY (line, order_id));
             CREATE TABLE `empty` (x int);
             INSERT INTO customers SELECT i, CONCAT('customer ', i, '-{seed}'), REPEAT(SHA2(i * {seed}, 256), i % 20)
               FROM numbers WHERE i <= 3000;
             INSERT INTO orders (customer, total) SELECT 1 + i % 3000, i * {seed} / 100.0 FROM numbers WHERE i <= 5000;
             INSERT INTO `lines` SELECT 1 + i DIV 3, i % 3, JSON_OBJECT('sku', SHA2(i + {seed}, 256), 'n', i)
               FROM numbers WHERE i <= 12000;
             DROP TABLE numbers;
             CREATE VIEW totals AS SELECT customer, SUM(total) FROM orders GROUP BY customer;"
        ));
    }

    fn change(&self) {
        self.source.run("UPDATE orders SET total = total + 1; DELETE FROM `lines` WHERE order_id > 3000");
    }

    fn empty_target(&self) -> Box<dyn Engine> {
        let target = self.source.server.database();
        let engine = engine(&target);
        self.targets.borrow_mut().push(target);
        engine
    }
}

#[test]
fn the_engine_holds_to_its_contract() {
    // Much of it is waiting for the server.
    std::thread::scope(|scope| {
        for server in servers() {
            scope.spawn(move || {
                let source = server.database();
                conformance::run(&Subject { source, targets: RefCell::default() });
            });
        }
    });
}
