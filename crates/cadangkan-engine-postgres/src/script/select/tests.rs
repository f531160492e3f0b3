use cadangkan_core::Pattern;

use super::*;
use crate::script::parse;

const PRE: &str = include_str!("../fixtures/rich-pre.sql");
const POST: &str = include_str!("../fixtures/rich-post.sql");

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern((*text).to_owned())).collect()
}

fn tables(texts: &[&str]) -> Selection {
    Selection { tables: patterns(texts), ..Selection::default() }
}

fn run(selection: &Selection) -> (Selected, Selected) {
    let (pre, post) = (parse(PRE).unwrap(), parse(POST).unwrap());
    let mut selector = Selector::new(selection);
    selector.look_ahead(&post);
    let first = selector.pre_data(&pre).unwrap();
    (first, selector.post_data(&post))
}

fn names(selected: &Selected) -> Vec<String> {
    selected.entries.iter().map(|entry| format!("{} {}", entry.header.kind, entry.header.name)).collect()
}

#[track_caller]
fn assert_has(selected: &Selected, has: &[&str], lacks: &[&str]) {
    let names = names(selected);
    for name in has {
        assert!(names.iter().any(|found| found == name), "{name} is not in {names:#?}");
    }
    for name in lacks {
        assert!(!names.iter().any(|found| found == name), "{name} is in {names:#?}");
    }
}

#[test]
fn everything_is_everything() {
    let (pre, post) = run(&Selection::default());
    assert_eq!(pre.entries, parse(PRE).unwrap().entries);
    assert_eq!(post.entries, parse(POST).unwrap().entries);
    assert_eq!((pre.warnings.len(), post.warnings.len()), (0, 0));
}

#[test]
fn a_table_brings_what_it_needs() {
    let (pre, post) = run(&tables(&["app.customers"]));
    let found: Vec<_> = pre.tables.iter().map(ToString::to_string).collect();
    assert_eq!(found, ["app.free", "app.customers", "app.customers_id_seq"]);
    assert_has(
        &pre,
        &[
            "SCHEMA app",
            "COMMENT SCHEMA app",
            "EXTENSION citext",
            "COMMENT EXTENSION citext",
            "EXTENSION pg_trgm",
            "COLLATION numeric_order",
            "DOMAIN email",
            "COMMENT CONSTRAINT has_at ON DOMAIN email",
            "TYPE mood",
            "ACL TYPE mood",
            "SEQUENCE free",
            "TABLE customers",
            "COMMENT COLUMN customers.email",
            "SEQUENCE customers_id_seq",
            "SEQUENCE OWNED BY customers_id_seq",
            "DEFAULT customers id",
            "ACL TABLE customers",
            "FUNCTION touch()",
            "FUNCTION add(integer, integer)",
        ],
        &[
            "SCHEMA we;ird",
            "TABLE orders",
            "VIEW happy",
            "SERVER far",
            "PROCEDURE proc(integer)",
            "DOMAIN positive",
        ],
    );
    assert_has(
        &post,
        &[
            "CONSTRAINT customers customers_pkey",
            "INDEX customers_trgm",
            "COMMENT INDEX customers_trgm",
            "TRIGGER customers touch",
            "COMMENT TRIGGER touch ON customers",
            "POLICY customers mine",
            "COMMENT POLICY mine ON customers",
            "ROW SECURITY customers",
            "STATISTICS depends",
        ],
        &[
            "FK CONSTRAINT orders orders_customer_fkey",
            "RULE happy redirect",
            "COMMENT RULE redirect ON happy",
            "PUBLICATION pub",
            "PUBLICATION TABLE pub customers",
            "EVENT TRIGGER ddl",
            "SUBSCRIPTION sub",
            "MATERIALIZED VIEW DATA stats",
            "TRIGGER app later",
        ],
    );
    assert_eq!((pre.warnings.len(), post.warnings.len()), (0, 0), "{:?} {:?}", pre.warnings, post.warnings);
}

#[test]
fn what_needs_a_table_left_out_is_left_out_with_a_warning() {
    let (pre, post) = run(&tables(&["app.orders*", "app.happy", "app.stats2"]));
    assert_has(
        &pre,
        &[
            "TABLE orders",
            "TABLE orders_2025",
            "TABLE ATTACH orders_2025",
            "SEQUENCE orders_id_seq",
            "ACL COLUMN orders.id",
        ],
        &["VIEW happy", "MATERIALIZED VIEW stats2", "TABLE customers"],
    );
    assert_has(
        &post,
        &["INDEX ATTACH orders_2025_pkey", "INDEX orders_day"],
        &["FK CONSTRAINT orders orders_customer_fkey"],
    );
    let warned = pre.warnings.join("\n");
    assert!(warned.contains("view app.happy is left out: it needs app.customers"), "{warned}");
    assert!(warned.contains("materialized view app.stats2 is left out: it needs app.stats"), "{warned}");
    assert!(
        post.warnings
            .join("\n")
            .contains("orders_customer_fkey of app.orders is left out: it needs app.customers")
    );
}

#[test]
fn a_partition_without_its_parent_is_a_table_of_its_own() {
    let (pre, post) = run(&tables(&["orders_2025"]));
    assert_has(&pre, &["TABLE orders_2025"], &["TABLE ATTACH orders_2025", "TABLE orders"]);
    assert_has(&post, &["CONSTRAINT orders_2025 orders_2025_pkey"], &["INDEX ATTACH orders_2025_pkey"]);
    assert!(
        pre.warnings
            .iter()
            .any(|warning| warning.contains("app.orders_2025 becomes a table of its own: app.orders,")),
        "{:?}",
        pre.warnings
    );
}

#[test]
fn a_child_cannot_do_without_its_parent() {
    let script = parse(PRE).unwrap();
    let error = Selector::new(&tables(&["public.child"])).pre_data(&script).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.message().contains("public.child cannot be made without public.parent"), "{error}");
    assert!(Selector::new(&tables(&["public.child", "parent"])).pre_data(&script).is_ok());
}

#[test]
fn names_are_looked_for_first() {
    let script = parse(PRE).unwrap();
    for selection in [
        tables(&["app.custom"]),
        tables(&["customers", "we;ird.nothing"]),
        Selection { schemas: patterns(&["nowhere"]), ..Selection::default() },
    ] {
        assert_eq!(Selector::new(&selection).pre_data(&script).unwrap_err().kind(), ErrorKind::NotFound);
    }
    for selection in [
        tables(&["we;ird.a\"b"]),
        tables(&["a\"b"]),
        tables(&["nothing*"]),
        tables(&["we;ird.new\nDROP TABLE line; --"]),
    ] {
        assert!(Selector::new(&selection).pre_data(&script).is_ok());
    }
}

#[test]
fn a_schema_brings_all_that_is_in_it() {
    let (pre, post) = run(&Selection { schemas: patterns(&["we;ird", "app"]), ..Selection::default() });
    assert_has(
        &pre,
        &[
            "SCHEMA app",
            "SCHEMA we;ird",
            "PROCEDURE proc(integer)",
            "TYPE span",
            "VIEW happy",
            "SERVER far",
            "EXTENSION postgres_fdw",
            "CAST CAST (text AS app.pair)",
            "TEXT SEARCH CONFIGURATION conf",
        ],
        &[
            "TABLE parent",
            "TABLE app",
            "TABLE t",
            "VIEW uses_app",
            "USER MAPPING USER MAPPING fixture_owner SERVER far",
        ],
    );
    assert_has(
        &post,
        &[
            "DEFAULT ACL DEFAULT PRIVILEGES FOR TABLES",
            "MATERIALIZED VIEW DATA stats2",
            "CHECK CONSTRAINT positive is_positive",
            "RULE happy redirect",
        ],
        &["PUBLICATION pub", "EVENT TRIGGER ddl", "TRIGGER app later"],
    );
    assert_eq!((pre.warnings.len(), post.warnings.len()), (0, 0), "{:?} {:?}", pre.warnings, post.warnings);
}

#[test]
fn excluded_things_take_their_dependents_along() {
    let (pre, post) = run(&Selection { exclude_schemas: patterns(&["app"]), ..Selection::default() });
    assert_has(
        &pre,
        &["TABLE app", "SCHEMA we;ird", "EXTENSION citext", "SERVER far", "TABLE child", "VIEW uses_app"],
        &[
            "SCHEMA app",
            "COMMENT SCHEMA app",
            "ACL SCHEMA app",
            "TYPE mood",
            "ACL TYPE mood",
            "CAST CAST (text AS app.pair)",
        ],
    );
    assert_has(
        &post,
        &["PUBLICATION pub", "SUBSCRIPTION sub"],
        &["TRIGGER app later", "EVENT TRIGGER ddl", "PUBLICATION TABLE pub customers"],
    );
    assert!(
        post.warnings
            .iter()
            .any(|warning| warning.contains("trigger later of public.app is left out: it needs app")),
        "{:?}",
        post.warnings
    );
    let (pre, post) =
        run(&Selection { exclude_tables: patterns(&["app.customers"]), ..Selection::default() });
    assert_has(
        &pre,
        &["TABLE orders", "TYPE mood", "PROCEDURE proc(integer)"],
        &["TABLE customers", "SEQUENCE customers_id_seq", "VIEW happy"],
    );
    assert_has(
        &post,
        &["PUBLICATION pub", "EVENT TRIGGER ddl"],
        &["FK CONSTRAINT orders orders_customer_fkey", "TRIGGER customers touch"],
    );
}

#[test]
fn without_a_look_ahead_functions_of_triggers_and_extensions_are_kept() {
    let mut selector = Selector::new(&tables(&["app.customers"]));
    let pre = selector.pre_data(&parse(PRE).unwrap()).unwrap();
    assert_has(&pre, &["FUNCTION touch()", "EXTENSION pg_trgm"], &["FUNCTION add(integer, integer)"]);
    let post = selector.post_data(&parse(POST).unwrap());
    assert_has(&post, &["TRIGGER customers touch", "INDEX customers_trgm"], &["POLICY customers mine"]);
    assert_eq!(post.warnings.len(), 1, "{:?}", post.warnings);
}

#[test]
fn one_script_with_all_definitions() {
    let both = format!("{PRE}\n{POST}");
    let script = parse(&both).unwrap();
    let mut selector = Selector::new(&tables(&["app.customers"]));
    selector.look_ahead(&script);
    let selected = selector.pre_data(&script).unwrap();
    assert_has(
        &selected,
        &[
            "TABLE customers",
            "INDEX customers_trgm",
            "COMMENT INDEX customers_trgm",
            "TRIGGER customers touch",
        ],
        &["TABLE orders"],
    );
}

#[test]
fn values_of_sequences_go_with_their_tables() {
    let value = |name: &str| {
        format!(
            "-- Name: {name}; Type: SEQUENCE SET; Schema: app; Owner: o\nSELECT pg_catalog.setval('app.{name}', 1, true);\n"
        )
    };
    let names_of = ["free", "customers_id_seq", "orders_id_seq"];
    let values = parse(&names_of.map(value).concat()).unwrap();
    for (selection, kept) in [
        (tables(&["app.customers"]), vec!["SEQUENCE SET free", "SEQUENCE SET customers_id_seq"]),
        (tables(&["app.orders"]), vec!["SEQUENCE SET orders_id_seq"]),
        (tables(&["app.free"]), vec!["SEQUENCE SET free"]),
    ] {
        let mut selector = Selector::new(&selection);
        selector.pre_data(&parse(PRE).unwrap()).unwrap();
        assert_eq!(names(&selector.post_data(&values)), kept, "{selection:?}");
    }
}

#[test]
fn tables_of_extensions_keep_their_privileges() {
    let text = "-- Name: TABLE pg_stats2; Type: ACL; Schema: public; Owner: o\nGRANT SELECT ON TABLE public.pg_stats2 TO x;\n\
        -- Name: FUNCTION reset(); Type: ACL; Schema: public; Owner: o\nREVOKE ALL ON FUNCTION public.reset() FROM x;\n";
    let both = parse(&format!("{PRE}\n{text}")).unwrap();
    let has = ["ACL TABLE pg_stats2", "ACL FUNCTION reset()"];
    let without = Selection { exclude_tables: patterns(&["app.orders"]), ..Selection::default() };
    for selection in [Selection::default(), without] {
        assert_has(&Selector::new(&selection).pre_data(&both).unwrap(), &has, &[]);
    }
    assert_has(&Selector::new(&tables(&["app.customers"])).pre_data(&both).unwrap(), &[], &has);
}
