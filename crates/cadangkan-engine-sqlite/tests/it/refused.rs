//! Wishes that a file cannot fulfil: each is refused, and none is silently left out.

use cadangkan_core::{ErrorKind, Pattern, Selection};
use cadangkan_engine::{DumpOptions, DumpRequest, LoadMode, LoadOptions, LoadRequest};

use crate::support::*;

fn patterns(text: &str) -> Vec<Pattern> {
    vec![Pattern(text.to_owned())]
}

#[test]
fn a_dump_takes_the_whole_file_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    make(&path, "CREATE TABLE t(a)");
    let engine = engine(&path);
    let selections = [
        Selection { tables: patterns("t"), ..Selection::default() },
        Selection { exclude_tables: patterns("t"), ..Selection::default() },
        Selection { exclude_data: patterns("t"), ..Selection::default() },
        Selection { schemas: patterns("main"), ..Selection::default() },
        Selection { exclude_schemas: patterns("main"), ..Selection::default() },
        Selection { schema_only: true, ..Selection::default() },
        Selection { data_only: true, ..Selection::default() },
    ];
    let of = |selection| DumpRequest { selection, ..DumpRequest::default() };
    let options = [
        DumpOptions { globals: true, ..DumpOptions::default() },
        DumpOptions { row_security: true, ..DumpOptions::default() },
    ];
    let with = |options| DumpRequest { options, ..DumpRequest::default() };
    for request in selections.into_iter().map(of).chain(options.into_iter().map(with)) {
        let planned = with_hint(controlled(|control| engine.plan_dump(&request, control)).unwrap_err());
        assert_eq!(planned.kind(), ErrorKind::Unsupported, "{request:?}");
        let begun = controlled(|control| engine.begin_snapshot(&request, control)).err().unwrap();
        assert_eq!(begun.kind(), ErrorKind::Unsupported, "{request:?}");
    }
    assert!(controlled(|control| engine.plan_dump(&DumpRequest::default(), control)).is_ok());
}

#[test]
fn a_load_knows_neither_servers_nor_rows_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    make(&path, "CREATE TABLE t(a)");
    let engine = engine(&path);
    let selected = |selection| LoadRequest { selection, mode: LoadMode::Clean, ..LoadRequest::default() };
    let with = |options| LoadRequest { options, mode: LoadMode::Replace, ..LoadRequest::default() };
    let requests = [
        LoadRequest { mode: LoadMode::Recreate, ..LoadRequest::default() },
        LoadRequest { mode: LoadMode::Data, ..LoadRequest::default() },
        selected(Selection { exclude_data: patterns("t"), ..Selection::default() }),
        selected(Selection { schemas: patterns("main"), ..Selection::default() }),
        selected(Selection { exclude_schemas: patterns("main"), ..Selection::default() }),
        selected(Selection { data_only: true, ..Selection::default() }),
        with(LoadOptions { no_owner: true, ..LoadOptions::default() }),
        with(LoadOptions { no_privileges: true, ..LoadOptions::default() }),
        with(LoadOptions { rename_schemas: vec![("a".into(), "b".into())], ..LoadOptions::default() }),
        with(LoadOptions { single_transaction: true, ..LoadOptions::default() }),
        with(LoadOptions { globals: true, ..LoadOptions::default() }),
    ];
    for request in requests {
        let error = with_hint(controlled(|control| engine.plan_load(&request, control)).err().unwrap());
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{request:?}");
    }
    assert!(controlled(|control| engine.plan_load(&with(LoadOptions::default()), control)).is_ok());
}
