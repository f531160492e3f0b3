use super::*;

const GUARD: ShrinkGuard = ShrinkGuard { rows: 50, size: 50, tables: true };

fn of(raw_bytes: u64, tables: &[(&str, Option<u64>)]) -> Before {
    Before {
        raw_bytes,
        tables_count: tables.len() as u64,
        tables: Some(tables.iter().map(|(name, rows)| (ObjectName::new(*name), *rows)).collect()),
    }
}

fn hidden(raw_bytes: u64, tables_count: u64) -> Before {
    Before { raw_bytes, tables_count, tables: None }
}

fn said(guard: ShrinkGuard, before: &Before, now: &Before) -> Vec<String> {
    sentences(&compare(guard, before, now), true)
}

#[test]
fn what_stays_or_grows_is_right() {
    let before = of(5_000_000, &[("orders", Some(9000)), ("customers", Some(800))]);
    for now in [
        of(5_000_000, &[("orders", Some(9000)), ("customers", Some(800))]),
        of(2_500_000, &[("orders", Some(4500)), ("customers", Some(800))]),
        of(9_000_000, &[("orders", Some(9001)), ("customers", Some(0)), ("more", Some(1))]),
        of(9_000_000, &[("orders", None), ("customers", None)]),
    ] {
        assert_eq!(said(GUARD, &before, &now), [""; 0], "{now:?}");
    }
}

#[test]
fn every_reason_is_found_by_itself_and_can_be_switched_off() {
    let before = of(5_000_000, &[("orders", Some(9000)), ("customers", Some(8000)), ("log", Some(1500))]);
    let gone = of(5_000_000, &[("orders", Some(9000)), ("customers", Some(8000))]);
    assert_eq!(said(GUARD, &before, &gone), ["table log is gone"]);
    assert_eq!(said(ShrinkGuard { tables: false, ..GUARD }, &before, &gone), [""; 0]);
    let lost = of(5_000_000, &[("orders", Some(4499)), ("customers", Some(8000)), ("log", Some(1500))]);
    assert_eq!(said(GUARD, &before, &lost), ["table orders has 4499 rows, not 9000 as before"]);
    assert_eq!(said(ShrinkGuard { rows: 49, ..GUARD }, &before, &lost), [""; 0]);
    let all = of(5_000_000, &[("orders", Some(4600)), ("customers", Some(4100)), ("log", Some(100))]);
    assert_eq!(said(GUARD, &before, &all), ["all tables together have 8800 rows, not 18500 as before"]);
    let small = of(2_499_999, &[("orders", Some(9000)), ("customers", Some(8000)), ("log", Some(1500))]);
    assert_eq!(said(GUARD, &before, &small), ["it is 2.5 MB before compression, not 5.0 MB as the last one"]);
    assert_eq!(said(ShrinkGuard { size: 0, ..GUARD }, &before, &small), [""; 0]);
}

#[test]
fn a_small_table_counts_only_when_nothing_is_left_of_it() {
    let before = of(90_000_000, &[("events", Some(900_000)), ("sessions", Some(2000)), ("few", Some(999))]);
    let of = |sessions, few| {
        of(90_000_000, &[("events", Some(900_000)), ("sessions", Some(sessions)), ("few", Some(few))])
    };
    assert_eq!(said(GUARD, &before, &of(1, 0)), [""; 0]);
    assert_eq!(said(GUARD, &before, &of(0, 999)), ["table sessions has 0 rows, not 2000 as before"]);
}

#[test]
fn little_databases_come_and_go_but_for_their_tables() {
    let before = of(999_999, &[("a", Some(499)), ("b", Some(500))]);
    assert_eq!(said(GUARD, &before, &of(10, &[("a", Some(0)), ("b", Some(0))])), [""; 0]);
    assert_eq!(said(GUARD, &before, &of(10, &[("a", Some(0))])), ["table b is gone"]);
    assert_eq!(said(GUARD, &before, &of(0, &[])), ["table a is gone", "table b is gone"]);
}

#[test]
fn a_table_with_another_name_loses_no_rows() {
    let before = of(5_000_000, &[("orders_old", Some(9000))]);
    let now = of(5_000_000, &[("orders", Some(9000))]);
    assert_eq!(said(GUARD, &before, &now), ["table orders_old is gone"]);
}

#[test]
fn where_names_are_hidden_what_is_there_is_compared() {
    let (before, now) = (hidden(5_000_000, 7), of(5_000_000, &[("a", Some(1)), ("b", Some(1))]));
    assert_eq!(said(GUARD, &before, &now), ["5 tables are gone"]);
    assert_eq!(said(GUARD, &hidden(5_000_000, 2), &now), [""; 0]);
    assert_eq!(
        said(GUARD, &now, &hidden(1_000_000, 1)),
        ["1 table is gone", "it is 1.0 MB before compression, not 5.0 MB as the last one"]
    );
}

#[test]
fn names_and_rows_are_not_told_where_they_are_hidden() {
    let before = of(5_000_000, &[("secret_a", Some(9000)), ("secret_b", Some(9000))]);
    let now = of(5_000_000, &[("secret_a", Some(7))]);
    let told = sentences(&compare(GUARD, &before, &now), false);
    assert_eq!(
        told,
        [
            "all tables together have far fewer rows than before",
            "1 table is gone",
            "1 table is far smaller than before"
        ]
    );
}

#[test]
fn of_many_tables_some_are_named() {
    let names: Vec<_> = (0..9).map(|number| format!("t{number}")).collect();
    let before: Vec<_> = names.iter().map(|name| (name.as_str(), None)).collect();
    let told = said(GUARD, &of(0, &before), &of(0, &[("t0", None)]));
    assert_eq!(told.len(), 6);
    assert_eq!(told[0], "table t1 is gone");
    assert_eq!(told[5], "3 more tables are gone");
}
