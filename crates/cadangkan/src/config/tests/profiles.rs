use cadangkan_archive::CodecKind;
use serde_json::json;

use super::*;

const TEXT: &str = "\
defaults: { compression: xz, level: 2 }
databases:
  shop:
    sqlite: { path: /prod/shop.db, busy_timeout: 5s }
    tags: [prod, web]
profiles:
  staging:
    defaults: { level: 9 }
    storages: { near: { local: { path: /near } } }
    databases:
      shop: { sqlite: { path: '/${STAGE}/shop.db' }, tags: [staging] }
      extra: { sqlite: { path: /extra.db } }
  bare:
";

#[test]
fn a_profile_is_laid_over_the_rest() {
    let config = Machine::new(TEXT).profile("staging").variable("STAGE", "stage").load().unwrap();
    assert_eq!(config.profile.as_deref(), Some("staging"));
    assert_eq!(config.profiles, ["staging", "bare"]);
    assert_eq!(config.defaults.compression.value, CodecKind::Xz);
    assert_eq!(config.defaults.compression.origin, ValueOrigin::File { line: 1 });
    assert_eq!(config.defaults.level.value, Some(9));
    assert_eq!(config.defaults.level.origin, ValueOrigin::Profile { line: 8 });
    let [shop, extra] = config.databases.as_slice() else { panic!("{:?}", config.databases) };
    assert_eq!(shop.settings, json!({ "path": "/stage/shop.db", "busy_timeout": "5s" }));
    assert_eq!(shop.options.tags, ["staging"]);
    assert_eq!(extra.name.as_str(), "extra");
    assert_eq!(config.storages.len(), 1);
}

#[test]
fn without_it_nothing_changes() {
    for machine in [Machine::new(TEXT), Machine::new(TEXT).profile("bare")] {
        let config = machine.load().unwrap();
        assert_eq!(config.databases.len(), 1);
        assert_eq!(config.databases[0].options.tags, ["prod", "web"]);
        assert_eq!(config.defaults.level.value, Some(2));
    }
}

#[test]
fn an_unknown_profile_is_not_ignored() {
    let error = Machine::new(TEXT).profile("stagging").load().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.advice(), Some("did you mean `staging`?"));
    assert!(Machine::new("").profile("x").load().unwrap_err().advice().unwrap().contains("no profiles"));
}

#[test]
fn validate_looks_into_all_profiles() {
    // The variable of a profile that was not chosen need not be set here.
    assert_eq!(Machine::new(TEXT).mistakes(), "");
    assert!(Machine::new(TEXT).profile("staging").mistakes().contains("the variable STAGE is not set"));
    let text = "\
databases: { shop: { sqlite: { path: a } } }
profiles:
  one: { databases: { shop: { levle: 3 } }, version: 2 }
  two: 7
";
    insta::assert_snapshot!(Machine::new(text).mistakes());
}
