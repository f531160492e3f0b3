//! Single tables and definitions out of a whole image.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use cadangkan_core::{ErrorKind, Fingerprint, Selection};
use cadangkan_engine::{LoadMode, LoadRequest};
use cadangkan_engine_sqlite::sample;
use rusqlite::Connection;

use crate::support::*;

struct Shop {
    folder: tempfile::TempDir,
    path: PathBuf,
    image: &'static [u8],
}

/// The sample, made once; the dump of a closed database is its file, as other tests prove.
static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    sample::create(&path, 1).unwrap();
    std::fs::read(path).unwrap()
});

fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.db");
    let image: &[u8] = &IMAGE;
    std::fs::write(&path, image).unwrap();
    Shop { folder, path, image }
}

fn selected(mode: LoadMode, tables: &[&str]) -> LoadRequest {
    LoadRequest { selection: select(tables), ..request(mode) }
}

fn of(all: &[(String, Option<Fingerprint>)], table: &str) -> Option<Fingerprint> {
    all.iter().find(|(name, _)| name == table).and_then(|(_, fingerprint)| *fingerprint)
}

fn schema(path: &Path, kind: &str) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = ?1 AND sql NOTNULL AND name NOT LIKE 'sqlite%' ORDER BY name")
        .unwrap();
    let names = statement.query_map([kind], |row| row.get(0)).unwrap();
    names.map(|name| name.unwrap()).collect()
}

#[test]
fn selected_tables_make_a_new_database() {
    let shop = shop();
    let target = shop.folder.path().join("part.db");
    let tables = ["orders", "order_items", "product_search", sample::ODD_TABLE, "products"];
    let (report, _) = restore(shop.image, &target, &selected(LoadMode::Fresh, &tables)).unwrap();
    assert_eq!(report.tables, 5);
    assert_eq!(report.image, Some(dump(&shop.path).unwrap().fingerprint));
    let (before, after) = (fingerprints(&shop.path), fingerprints(&target));
    for table in ["orders", "order_items", "products", sample::ODD_TABLE, "product_search_data"] {
        assert!(
            of(&before, table).is_some_and(|fingerprint| of(&after, table) == Some(fingerprint)),
            "{table}"
        );
    }
    assert_eq!(schema(&target, "index"), ["cheap_products", "items_by_product", "orders_by_customer"]);
    assert_eq!(schema(&target, "trigger"), ["product_added", "product_price_changed"]);
    assert_eq!(schema(&target, "view"), [""; 0]);
    for pragma in ["application_id", "user_version", "page_size", "auto_vacuum"] {
        let sql = format!("PRAGMA {pragma}");
        assert_eq!(number(&target, &sql), number(&shop.path, &sql), "{pragma}");
    }
    let found = "SELECT count(*) FROM product_search('delivery')";
    assert_eq!(number(&target, found), number(&shop.path, found));
    let connection = Connection::open(&target).unwrap();
    connection
        .execute_batch("INSERT INTO product_search(product_search) VALUES ('integrity-check')")
        .unwrap();
    assert_eq!(number(&target, "SELECT seq FROM sqlite_sequence WHERE name = 'orders'"), 20_000);
    assert_eq!(integrity(&target), "ok");
    drop(connection);
    assert_eq!(names_in(shop.folder.path()), ["part.db", "shop.db"]);
}

#[test]
fn settings_of_the_file_come_along() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    drop(make(
        &path,
        "PRAGMA page_size = 1024; PRAGMA encoding = 'UTF-16be'; PRAGMA auto_vacuum = 2; PRAGMA user_version = 9;
         CREATE TABLE t(a, b TEXT); INSERT INTO t(rowid, a, b) VALUES (77, 1, 'ß日本'), (99, x'00', NULL);
         CREATE TABLE left(a)",
    ));
    let image = dump(&path).unwrap().image();
    let target = folder.path().join("part.db");
    restore(&image, &target, &selected(LoadMode::Fresh, &["t"])).unwrap();
    assert_eq!(number(&target, "PRAGMA page_size"), 1024);
    assert_eq!(number(&target, "PRAGMA auto_vacuum"), 2);
    assert_eq!(number(&target, "PRAGMA user_version"), 9);
    assert_eq!(number(&target, "SELECT encoding = 'UTF-16be' FROM pragma_encoding"), 1);
    assert_eq!(number(&target, "SELECT sum(rowid) FROM t"), 176, "rowids that nothing names are kept too");
}

#[test]
fn definitions_alone_bring_everything_but_rows() {
    let shop = shop();
    let target = shop.folder.path().join("schema.db");
    let selection = Selection { schema_only: true, ..Selection::default() };
    let request = LoadRequest { selection, ..request(LoadMode::Fresh) };
    restore(shop.image, &target, &request).unwrap();
    for kind in ["table", "index", "view", "trigger"] {
        assert_eq!(schema(&target, kind), schema(&shop.path, kind), "{kind}");
    }
    assert_eq!(number(&target, "SELECT count(*) FROM customers"), 0);
    assert_eq!(number(&target, "SELECT count(*) FROM product_search('delivery')"), 0);
    let connection = Connection::open(&target).unwrap();
    connection
        .execute_batch(
            "INSERT INTO categories VALUES ('a', 'A', NULL);
            INSERT INTO products VALUES (1, 's', 'a', 'fresh delivery', '', 1, NULL, 1, NULL)",
        )
        .unwrap();
    assert_eq!(number(&target, "SELECT count(*) FROM product_search('delivery')"), 1);
}

#[test]
fn excluded_tables_stay_away() {
    let shop = shop();
    let target = shop.folder.path().join("part.db");
    let mut request = selected(LoadMode::Fresh, &["order*", "c*"]);
    request.selection.exclude_tables = select(&["customers"]).tables;
    restore(shop.image, &target, &request).unwrap();
    assert_eq!(schema(&target, "table"), ["categories", "order_items", "orders"]);
}

#[test]
fn clean_puts_tables_back_and_leaves_the_others() {
    let shop = shop();
    let before = fingerprints(&shop.path);
    let live = Connection::open(&shop.path).unwrap();
    live.execute_batch(
        "PRAGMA foreign_keys = OFF; DROP TABLE order_items; UPDATE products SET price_cents = 0;
         UPDATE customers SET notes = 'later'; DELETE FROM product_search",
    )
    .unwrap();
    let request = selected(LoadMode::Clean, &["order_items", "products", "product_search"]);
    let plan = plan(&shop.path, &request).unwrap();
    assert!(plan.destructive, "{:?}", plan.steps);
    let (report, _) = restore(shop.image, &shop.path, &request).unwrap();
    assert_eq!(report.tables, 3);
    let after = fingerprints(&shop.path);
    for table in ["order_items", "products", "product_search_content", "orders", "reviews"] {
        assert_eq!(of(&after, table), of(&before, table), "{table}");
    }
    assert_ne!(of(&after, "customers"), of(&before, "customers"), "not selected, not touched");
    assert_eq!(schema(&shop.path, "index").len(), 5);
    assert_eq!(schema(&shop.path, "trigger").len(), 3);
    assert_eq!(integrity(&shop.path), "ok");
    // The connection that was open all the time goes on.
    let found: i64 = live.query_row("SELECT count(*) FROM order_items", [], |row| row.get(0)).unwrap();
    assert!(found > 20_000);
    assert!(!names_in(shop.folder.path()).iter().any(|name| name.contains("restor")));
}

#[test]
fn clean_that_would_break_references_changes_nothing() {
    let shop = shop();
    let live = Connection::open(&shop.path).unwrap();
    live.execute_batch("PRAGMA foreign_keys = ON; DELETE FROM customers WHERE id <= 20").unwrap();
    drop(live);
    let before = fingerprints(&shop.path);
    let error = restore(shop.image, &shop.path, &selected(LoadMode::Clean, &["orders"])).unwrap_err();
    assert_eq!(with_hint(error).kind(), ErrorKind::Conflict);
    assert_eq!(fingerprints(&shop.path), before);
    restore(shop.image, &shop.path, &selected(LoadMode::Clean, &["orders", "order_items", "customers"]))
        .unwrap();
}

#[test]
fn clean_waits_for_no_writer_and_aborts_whole() {
    let shop = shop();
    let before = fingerprints(&shop.path);
    let writer = Connection::open(&shop.path).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    let request = selected(LoadMode::Clean, &["reviews"]);
    let error = with_hint(restore(shop.image, &shop.path, &request).unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Locked);
    writer.execute_batch("ROLLBACK").unwrap();
    controlled(|control| {
        let engine = engine(&shop.path);
        for drop_only in [true, false] {
            let plan = engine.plan_load(&selected(LoadMode::Clean, &["reviews"]), control).unwrap();
            let mut load = engine.begin_load(&plan, control).unwrap();
            let piece =
                cadangkan_engine::Piece { raw_offset: 0, section: None, object: None, data: shop.image };
            load.load(&piece, control).unwrap();
            load.finish(control).unwrap();
            if drop_only {
                drop(load)
            } else {
                load.abort().unwrap()
            }
            assert_eq!(fingerprints(&shop.path), before);
        }
    });
    assert!(!names_in(shop.folder.path()).iter().any(|name| name.contains("restor")));
}

#[test]
fn wishes_that_cannot_be_granted_are_refused_before_anything() {
    let shop = shop();
    let target = shop.folder.path().join("new.db");
    let objects = dump(&shop.path).unwrap().end.objects;
    let refused = |request: LoadRequest| with_hint(plan(&target, &request).err().unwrap());
    let known = LoadRequest { objects, ..selected(LoadMode::Fresh, &["ordrs"]) };
    let error = refused(known);
    assert_eq!((error.kind(), error.advice()), (ErrorKind::NotFound, Some("did you mean \"orders\"?")));
    assert_eq!(refused(selected(LoadMode::Replace, &["orders"])).kind(), ErrorKind::Usage);
    let data_only = Selection { data_only: true, ..Selection::default() };
    let request = LoadRequest { selection: data_only, ..request(LoadMode::Fresh) };
    assert_eq!(refused(request).kind(), ErrorKind::Unsupported);
    // Without knowing the tables before, the image tells; the target is not there either way.
    for (name, kind) in [("ordrs", ErrorKind::NotFound), ("product_search_data", ErrorKind::Unsupported)] {
        let error = restore(shop.image, &target, &selected(LoadMode::Fresh, &[name])).unwrap_err();
        assert_eq!(with_hint(error).kind(), kind);
        assert_eq!(names_in(shop.folder.path()), ["shop.db"]);
    }
}
