use cadangkan_catalog::Definition;
use cadangkan_catalog::DefinitionKind::{self, Database, Storage};
use cadangkan_core::ErrorKind;
use serde_json::json;

use crate::support::{HOSTILE, at, catalog, name};

#[test]
fn a_definition_is_created_once_and_replaced_on_request() {
    let (_place, catalog) = catalog();
    let (shop, settings) = (name("shop"), json!({ "sqlite": { "path": "/a" }, "storage": ["home"] }));
    catalog.define(Database, &shop, &settings, at(0), false).unwrap();
    let error = catalog.define(Database, &shop, &json!({}), at(1), false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.advice().is_some());
    let kept = catalog.definition(Database, &shop).unwrap().unwrap();
    assert_eq!((&kept.settings, kept.created_at, kept.changed_at), (&settings, at(0), at(0)));
    catalog.define(Database, &shop, &json!({ "new": true }), at(2), true).unwrap();
    let kept = catalog.definition(Database, &shop).unwrap().unwrap();
    assert_eq!((&kept.settings, kept.created_at, kept.changed_at), (&json!({ "new": true }), at(0), at(2)));
    catalog.define(Storage, &shop, &json!({}), at(3), true).unwrap();
    assert_eq!(catalog.definitions(Storage).unwrap().len(), 1);
}

#[test]
fn settings_keep_every_text_and_the_order_of_keys() {
    let (_place, catalog) = catalog();
    let settings = json!({ "z": HOSTILE, "a": null, "m": [1.5, i64::MIN, u64::MAX, true] });
    catalog.define(Database, &name("a"), &settings, at(0), false).unwrap();
    let kept = catalog.definition(Database, &name("a")).unwrap().unwrap().settings;
    assert_eq!(kept.to_string(), settings.to_string());
}

#[test]
fn definitions_are_listed_by_name_and_removed() {
    let (_place, catalog) = catalog();
    for text in ["b", "a", "B", "a-1"] {
        catalog.define(Database, &name(text), &json!({}), at(0), false).unwrap();
    }
    let names = |kind: DefinitionKind| -> Vec<String> {
        catalog.definitions(kind).unwrap().iter().map(|definition| definition.name.to_string()).collect()
    };
    assert_eq!(names(Database), ["B", "a", "a-1", "b"]);
    assert!(names(Storage).is_empty());
    assert!(!catalog.undefine(Storage, &name("a")).unwrap());
    assert!(catalog.undefine(Database, &name("a")).unwrap());
    assert!(!catalog.undefine(Database, &name("a")).unwrap());
    assert_eq!(names(Database), ["B", "a-1", "b"]);
    assert!(catalog.definition(Database, &name("a")).unwrap().is_none());
}

#[test]
fn a_pause_needs_no_definition_and_goes_with_it() {
    let (_place, catalog) = catalog();
    let (declared, added) = (name("declared"), name("added"));
    catalog.define(Database, &added, &json!({}), at(0), false).unwrap();
    for name in [&declared, &added] {
        catalog.set_enabled(Database, name, false, at(1)).unwrap();
    }
    catalog.set_enabled(Database, &declared, true, at(2)).unwrap();
    let pauses = catalog.pauses(Database).unwrap();
    assert_eq!(pauses, [(added.clone(), false), (declared.clone(), true)].into());
    assert!(catalog.pauses(Storage).unwrap().is_empty());
    catalog.undefine(Database, &added).unwrap();
    assert_eq!(catalog.pauses(Database).unwrap(), [(declared, true)].into());
}

#[test]
fn definitions_are_replaced_together_or_not_at_all() {
    let (_place, catalog) = catalog();
    for (kind, text) in [(Database, "a"), (Database, "b"), (Storage, "a")] {
        catalog.define(kind, &name(text), &json!({ "old": text }), at(0), false).unwrap();
    }
    let read = || [catalog.definitions(Database).unwrap(), catalog.definitions(Storage).unwrap()].concat();
    let new = |mut list: Vec<Definition>| {
        list.iter_mut().for_each(|definition| definition.settings = json!({ "new": 1 }));
        list
    };
    let changed = new(read());
    catalog.define(Storage, &name("a"), &json!({ "meanwhile": 1 }), at(1), true).unwrap();
    let before = read();
    assert_eq!(catalog.redefine(&changed, at(2)).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(read(), before);
    catalog.redefine(&new(before), at(3)).unwrap();
    for definition in read() {
        assert_eq!((&definition.settings, definition.changed_at), (&json!({ "new": 1 }), at(3)));
    }
    let changed = read();
    catalog.undefine(Database, &name("b")).unwrap();
    assert_eq!(catalog.redefine(&changed, at(4)).unwrap_err().kind(), ErrorKind::Conflict);
}
