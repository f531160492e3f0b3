//! Servers that do not mind the case of names (`lower_case_table_names = 1`), as sources and as targets.

use cadangkan_core::{ErrorKind, ObjectName, Pattern, Selection};
use cadangkan_engine::{DumpRequest, Engine, LoadMode};
use cadangkan_testkit::mysql::{MysqlServer, OwnServer, servers};
use serde_json::json;

use crate::load_support::{Absent, at, controlled, plan, told};
use crate::support::{Dump, dump, dump_snapshot, engine_with, fingerprints, load};

/// Names in capitals, in everything that leads to a table.
const SHOP: &str = "
CREATE TABLE Customers (Id int PRIMARY KEY, Name varchar(20), KEY ByName (Name));
CREATE TABLE ORDERS (Id int PRIMARY KEY, Customer int, CONSTRAINT Known FOREIGN KEY (Customer) REFERENCES Customers (Id));
INSERT INTO Customers VALUES (1, 'Ann'), (2, 'Bob');
INSERT INTO ORDERS VALUES (10, 1), (11, 2), (12, 2);
CREATE VIEW Bought AS SELECT c.Name, COUNT(*) AS n FROM Customers c JOIN ORDERS o ON o.Customer = c.Id GROUP BY c.Name;
CREATE VIEW Again AS SELECT * FROM Bought;
CREATE TRIGGER Loud BEFORE INSERT ON Customers FOR EACH ROW SET NEW.Name = UPPER(NEW.Name);
CREATE FUNCTION HowMany() RETURNS int READS SQL DATA RETURN (SELECT COUNT(*) FROM ORDERS);
";

/// What the shop answers, by names in their first case.
const ASKED: &str = "SELECT * FROM {0}.Again ORDER BY 1; SELECT * FROM {0}.ORDERS ORDER BY 1;
  START TRANSACTION; INSERT INTO {0}.Customers VALUES (3, 'Eve'); SELECT Name FROM {0}.Customers WHERE Id = 3; ROLLBACK;";

const ANSWERS: &str = "Ann\t1\nBob\t2\n10\t1\n11\t2\n12\t2\nEVE\n";

fn lowering(server: &MysqlServer) -> Option<OwnServer> {
    server.another_with(&["--lower-case-table-names=1"])
}

/// The answers of a shop; names in lower case, where the server has them so.
fn answers(server: &MysqlServer, name: &str, lowered: bool) -> String {
    let sql = ASKED.replace("{0}", name);
    let lower = |sql: String| {
        ["Again", "ORDERS", "Customers"].iter().fold(sql, |sql, name| sql.replace(name, &name.to_lowercase()))
    };
    server.run("", &if lowered { lower(sql) } else { sql })
}

/// Rows and fingerprints by table, in lower case.
fn rows(engine: &dyn Engine) -> Vec<(String, Option<u64>, String)> {
    let mut rows: Vec<_> = fingerprints(engine)
        .into_iter()
        .map(|table| (table.name.name.to_lowercase(), table.rows, format!("{:?}", table.fingerprint)))
        .collect();
    rows.sort();
    rows
}

fn must<T>(server: &MysqlServer, result: cadangkan_core::Result<T>) -> T {
    result.unwrap_or_else(|error| panic!("{server}: {}", told(&error)))
}

#[test]
fn names_go_into_a_server_that_lowers_them_and_back() {
    for server in servers() {
        let Some(own) = lowering(&server) else { return };
        let source = server.database();
        source.run(SHOP);
        let made = dump(&*at(&source.url), &DumpRequest::default()).unwrap();
        // A database whose name is written in another case than the server has it.
        let mixed = at(&own.server.url_of("Mixed_Shop"));
        must(&server, load(&*mixed, &made, &made.request(LoadMode::Fresh)));
        assert_eq!(answers(&own.server, "MIXED_SHOP", false), ANSWERS, "{server}");
        assert_eq!(rows(&*mixed), rows(&*at(&source.url)), "{server}");

        // In place of itself, and one of its tables alone.
        for mode in [LoadMode::Replace, LoadMode::Recreate, LoadMode::Clean] {
            own.server.run("Mixed_Shop", "DELETE FROM Orders");
            must(&server, load(&*mixed, &made, &made.request(mode)));
            assert_eq!(answers(&own.server, "mixed_shop", false), ANSWERS, "{server}, {mode:?}");
        }
        own.server.run("mixed_shop", "DELETE FROM Orders");
        let mut one = made.request(LoadMode::Clean);
        one.selection = Selection { tables: vec![Pattern("ORDERS".into())], ..Selection::default() };
        must(&server, load(&*mixed, &made, &one));
        assert_eq!(answers(&own.server, "mixed_shop", false), ANSWERS, "{server}");

        assert_eq!(own.server.run("mixed_shop", "SELECT howmany()"), "3\n", "{server}");

        // Out of it again, also as one of many.
        let back = dump(&*at(&own.server.url_of("MIXED_shop")), &DumpRequest::default()).unwrap();
        let many = engine_with(&own.server.url_of(""), json!({ "databases": "*" }));
        let many = must(
            &server,
            controlled(|control| -> cadangkan_core::Result<Dump> {
                let names = many.server().unwrap().databases(control)?;
                assert_eq!(names, ["mixed_shop"], "{server}");
                let wanted = [(names[0].clone(), DumpRequest::default())];
                let snapshot = many.server().unwrap().begin_snapshot(&wanted, control)?.unwrap();
                dump_snapshot(snapshot.open("mixed_shop", control)?, control)
            }),
        );
        for made in [back, many] {
            let copy = Absent::new(&server, "lowered");
            let planned = must(&server, plan(&*copy.engine(), &made.request(LoadMode::Fresh)));
            assert!(
                planned.warnings.iter().any(|warning| warning.contains("mind the case")),
                "{server}: {:?}",
                planned.warnings
            );
            must(&server, load(&*copy.engine(), &made, &made.request(LoadMode::Fresh)));
            assert_eq!(answers(&server, &copy.name, true), ANSWERS, "{server}");
            let again = at(&own.server.url_of("Again_Shop"));
            must(&server, load(&*again, &made, &made.request(LoadMode::Fresh)));
            assert_eq!(answers(&own.server, "again_shop", false), ANSWERS, "{server}");
            own.server.drop_database("again_shop").unwrap();
        }
    }
}

#[test]
fn tables_that_would_have_one_name_are_refused() {
    for server in servers() {
        let Some(own) = lowering(&server) else { return };
        let source = server.database();
        source.run("CREATE TABLE Twin (a int); CREATE TABLE twin (a int); CREATE TABLE Other (a int); INSERT INTO Other VALUES (1);");
        let made = dump(&*at(&source.url), &DumpRequest::default()).unwrap();
        let target = at(&own.server.url_of("target"));
        let error = plan(&*target, &made.request(LoadMode::Fresh)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{server}");
        assert!(told(&error).contains("Twin") && told(&error).contains("twin"), "{server}: {}", told(&error));
        let mut one = made.request(LoadMode::Fresh);
        one.selection.exclude_tables = vec![Pattern("twin".into())];
        must(&server, load(&*target, &made, &one));
        assert_eq!(own.server.run("target", "SHOW TABLES"), "other\ntwin\n", "{server}");
        let names: Vec<ObjectName> = fingerprints(&*target).into_iter().map(|table| table.name).collect();
        assert_eq!(names.len(), 2, "{server}: {names:?}");
    }
}
