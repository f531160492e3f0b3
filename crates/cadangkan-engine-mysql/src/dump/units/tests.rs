use cadangkan_core::Pattern;
use proptest::prelude::*;

use super::*;
use crate::catalog::{Column, Key, Period};

fn table(name: &str, bytes: u64) -> Table {
    Table {
        name: ObjectName::new(name),
        quoted: identifier(name),
        engine: "InnoDB".into(),
        transactional: true,
        bytes,
        columns: vec![Column { name: "id".into(), kind: "bigint".into(), ..Column::default() }],
        key: Some(Key { first: "id".into() }),
        ..Table::default()
    }
}

proptest! {
    #[test]
    fn ranges_cover_every_number_once(
        least in any::<i64>(), span in 0..u64::MAX, wanted in 2..200_u64, probe in any::<u64>(),
    ) {
        let least = i128::from(least);
        let greatest = least + i128::from(span);
        let big = table("big", wanted * RANGE_BYTES);
        let parts = parts(0, &big, Some((least, greatest)), false);
        prop_assert!(parts.len() as u64 <= wanted * 2 + 2, "{} of {}", parts.len(), wanted);
        let number = least + i128::from(probe % (span + 1));
        let has = |rows: &&Rows| rows.part.range.as_ref().is_none_or(|range| {
            range.from.is_none_or(|from| from <= number) && range.to.is_none_or(|to| number < to)
        });
        prop_assert_eq!(parts.iter().filter(has).count(), 1);
        for pair in parts.windows(2) {
            let (before, after) = (pair[0].part.range.clone().unwrap(), pair[1].part.range.clone().unwrap());
            prop_assert_eq!(before.to, after.from);
            prop_assert!(pair[0].part.first < pair[1].part.first);
        }
        prop_assert!(parts[0].part.range.as_ref().is_none_or(|range| range.from.is_none()));
        prop_assert!(parts.last().unwrap().part.range.as_ref().is_none_or(|range| range.to.is_none()));
    }
}

#[test]
fn the_edges_of_64_bits_are_numbers_like_others() {
    assert!(borders(0, i128::from(u64::MAX), 16).len() >= 15);
    assert!(borders(i128::from(i64::MIN), i128::from(i64::MAX), 16).len() >= 15);
    assert_eq!(borders(7, 7, 16), Vec::<i128>::new());
    assert_eq!(borders(0, 3, 100), [1, 2, 3]);
    assert_eq!(borders(-2, 1, 4), [-1, 0, 1]);
    assert!(borders(0, 1_000_000, 1).is_empty());
}

#[test]
fn borders_stay_when_a_table_grows() {
    let (before, after) = (borders(1, 1_000_000, 10), borders(1, 1_040_000, 10));
    assert!(after.starts_with(&before));
}

#[test]
fn other_keys_and_engines_are_not_split() {
    let big = table("big", 9 * RANGE_BYTES);
    assert_eq!(wanted(&big), 9);
    assert_eq!(wanted(&Table { engine: "MyISAM".into(), ..big.clone() }), 1);
    assert_eq!(wanted(&Table { key: None, ..big.clone() }), 1);
    let mut text = big.clone();
    text.columns[0].kind = "varchar".into();
    assert_eq!(wanted(&text), 1);
    assert_eq!(parts(0, &big, None, false).len(), 1);
}

#[test]
fn what_keeps_writers_waiting_comes_first_then_the_largest() {
    let held = Table { transactional: false, engine: "MyISAM".into(), ..table("held", 1) };
    let merge = Table { transactional: false, engine: "MRG_MyISAM".into(), ..table("merge", 1) };
    let tables = [table("a", 1), table("b", 5 * GRAIN), held, table("c", 5 * GRAIN + 1), merge];
    assert_eq!(order(&tables, &Selection::default()), [2, 1, 3, 0]);
    let without = Selection { exclude_data: vec![Pattern("b".into())], ..Selection::default() };
    assert_eq!(order(&tables, &without), [2, 3, 0]);
    assert!(order(&tables, &Selection { schema_only: true, ..Selection::default() }).is_empty());
}

#[test]
fn history_is_kept_where_it_can_be_put_back() {
    let version = |number| Version { flavor: Flavor::MariaDb, number, text: String::new() };
    let versioned = Table { versioned: true, ..table("t", 1) };
    assert!(
        keeps_history(&versioned, &version((10, 11, 4))) && !keeps_history(&versioned, &version((10, 6, 0)))
    );
    let period = Some(Period { start: "s".into(), end: "e".into(), of_transactions: true });
    assert!(!keeps_history(&Table { period, ..versioned.clone() }, &version((11, 8, 0))));
    let parts = parts(0, &versioned, None, true);
    assert!(!parts[0].part.is_history && parts[1].part.is_history && parts[1].part.first > 0);
}
