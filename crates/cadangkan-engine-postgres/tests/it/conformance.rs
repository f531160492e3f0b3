use std::cell::RefCell;

use cadangkan_engine::{Engine, conformance};
use cadangkan_testkit::servers::{TestDatabase, postgres};

use crate::support::engine;

struct Subject {
    source: TestDatabase,
    targets: RefCell<Vec<TestDatabase>>,
}

impl conformance::Subject for Subject {
    fn source(&self) -> Box<dyn Engine> {
        engine(&self.source)
    }

    fn fill(&self, seed: u64) {
        self.source.psql(&format!(
            "DROP SCHEMA IF EXISTS app CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE SCHEMA app;
             CREATE TABLE app.customers (id int PRIMARY KEY, name text NOT NULL, note text);
             CREATE TABLE orders (id serial PRIMARY KEY, customer int REFERENCES app.customers, total numeric(10,2));
             CREATE TABLE lines (order_id int REFERENCES orders, line int, what jsonb, PRIMARY KEY (order_id, line));
             CREATE TABLE empty (x int);
             INSERT INTO app.customers SELECT i, 'customer ' || i || '-{seed}', repeat(md5((i * {seed})::text), i % 20)
               FROM generate_series(1, 3000) i;
             INSERT INTO orders (customer, total) SELECT 1 + i % 3000, i * {seed} / 100.0 FROM generate_series(1, 5000) i;
             INSERT INTO lines SELECT 1 + i / 3, i % 3, jsonb_build_object('sku', md5((i + {seed})::text), 'n', i)
               FROM generate_series(0, 12000) i;
             CREATE INDEX ON lines USING gin (what);
             CREATE VIEW totals AS SELECT customer, sum(total) FROM orders GROUP BY customer;"
        ));
    }

    fn change(&self) {
        self.source.psql("UPDATE orders SET total = total + 1; DELETE FROM lines WHERE order_id > 3000");
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
    for server in postgres() {
        let source = server.database();
        conformance::run(&Subject { source, targets: RefCell::default() });
    }
}
