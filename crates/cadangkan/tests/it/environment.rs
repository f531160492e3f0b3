//! Variables, `.env`, profiles, and which of them wins.

use std::path::Path;

use crate::support::{Home, Ran, make_shop};

/// Runs with variables.
fn with(home: &Home, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    Ran::of(home.command(arguments).envs(variables.iter().copied()))
}

#[test]
fn every_global_flag_has_its_variable() {
    let home = Home::with_shop();
    home.configure("profiles: { fast: { defaults: { compression: none } } }\n");
    std::fs::write(home.path("other.yaml"), "defaults: { compression: xz }\n").unwrap();
    let codec = |variables: &[(&str, &str)], flags: &[&str]| {
        let ran = with(&home, variables, &[&["config", "show", "--output", "json"], flags].concat());
        let value: serde_json::Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
        value["defaults"]["compression"]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(codec(&[], &[]), "zstd");
    assert_eq!(codec(&[("CADANGKAN_PROFILE", "fast")], &[]), "none");
    let home_folder = home.path(".cadangkan").display().to_string();
    let config = [("CADANGKAN_HOME", home_folder.as_str()), ("CADANGKAN_CONFIG", "other.yaml")];
    assert_eq!(codec(&config, &[]), "xz");
    // A flag wins over the variable.
    std::fs::write(home.path("third.yaml"), "defaults: { compression: gzip }\n").unwrap();
    assert_eq!(codec(&config, &["--config", "third.yaml"]), "gzip");

    let json = with(&home, &[("CADANGKAN_OUTPUT", "json")], &["list"]);
    assert!(json.stdout.starts_with('['), "{}", json.stdout);
    let table = with(&home, &[("CADANGKAN_OUTPUT", "json")], &["list", "--output", "table"]);
    assert!(table.stdout.starts_with("DATABASE"), "{}", table.stdout);
    let error = with(&home, &[("CADANGKAN_OUTPUT", "json")], &["lsit"]);
    assert_eq!(error.error()["code"], "usage");

    let quiet = with(&home, &[("CADANGKAN_QUIET", "1")], &["backup", "shop"]);
    assert_eq!((quiet.stderr.as_str(), quiet.stdout.contains("Next steps")), ("", false));
    let verbose = with(&home, &[("CADANGKAN_VERBOSE", "1")], &["backup", "shop"]);
    assert!(verbose.stderr.contains("of memory"), "{}", verbose.stderr);
    let dry = with(&home, &[("CADANGKAN_DRY_RUN", "yes")], &["backup", "shop"]);
    assert!(dry.stdout.contains("This was a dry run"), "{}", dry.stdout);
    assert_eq!(with(&home, &[("CADANGKAN_YES", "true")], &["restore", "shop"]).code, 0);
    assert_eq!(with(&home, &[("CADANGKAN_NO_COLOR", "1")], &["list"]).code, 0);
}

#[test]
fn switches_may_be_off_or_empty() {
    let home = Home::with_shop();
    for value in ["", "0", "false", "no", "off"] {
        let variables = [("CADANGKAN_QUIET", value), ("CADANGKAN_DRY_RUN", value), ("CADANGKAN_YES", value)];
        let ran = with(&home, &variables, &["backup", "shop"]);
        assert!(ran.stderr.contains("✓ dump") && ran.code == 0, "{value}: {}", ran.stderr);
        assert_eq!(with(&home, &variables, &["remove", "shop"]).code, 2, "{value}");
    }
    let empty = [
        ("CADANGKAN_CONFIG", ""),
        ("CADANGKAN_PROFILE", ""),
        ("CADANGKAN_OUTPUT", ""),
        ("CADANGKAN_HOME", ""),
    ];
    let ran = with(&home, &empty, &["list"]);
    assert!(ran.stdout.contains("shop"), "{}", ran.stderr);
}

#[test]
fn what_is_typed_wins_over_a_variable_that_excludes_it() {
    let home = Home::with_shop();
    let ran = with(&home, &[("CADANGKAN_QUIET", "1")], &["backup", "shop", "--verbose"]);
    assert!(ran.stderr.contains("of memory"), "{}", ran.stderr);
    let ran = with(&home, &[("CADANGKAN_VERBOSE", "1")], &["backup", "shop", "--quiet"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
}

#[test]
fn the_home_folder_can_be_elsewhere() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let place = home.path("elsewhere");
    let place = place.to_str().unwrap();
    let add = ["add", "sqlite", "shop", "--path", "shop.db"];
    assert_eq!(with(&home, &[("CADANGKAN_HOME", place)], &add).code, 0);
    assert_eq!(with(&home, &[("CADANGKAN_HOME", place)], &["backup", "shop"]).code, 0);
    assert!(Path::new(place).join("catalog.db").exists() && Path::new(place).join("backups/shop").is_dir());
    assert!(!home.path(".cadangkan").exists());
    let nobody = Ran::of(home.command(&["list"]).env_remove("HOME"));
    assert_eq!(nobody.code, 3);
    assert!(nobody.stderr.contains("CADANGKAN_HOME"), "{}", nobody.stderr);
}

#[test]
fn the_env_file_and_profiles_count() {
    let home = Home::configured(
        "databases: { shop: { sqlite: { path: '${FOLDER}/shop.db' } } }\n\
         profiles: { other: { databases: { shop: { sqlite: { path: other.db } } } } }\n",
    );
    std::fs::write(home.path(".cadangkan/.env"), "FOLDER=/from-env-file\n").unwrap();
    let path = |variables: &[(&str, &str)], flags: &[&str]| {
        let ran = with(&home, variables, &[flags, &["config", "export", "--output", "json"]].concat());
        let value: serde_json::Value =
            serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
        value["databases"]["shop"]["sqlite"]["path"].as_str().unwrap().to_owned()
    };
    assert_eq!(path(&[], &[]), "/from-env-file/shop.db");
    assert_eq!(path(&[("FOLDER", "/from-environment")], &[]), "/from-environment/shop.db");
    assert_eq!(Path::new(&path(&[], &["--profile", "other"])), home.path(".cadangkan/other.db"));
    let unknown = home.run(&["--profile", "othr", "list"]);
    assert_eq!(unknown.code, 4);
    assert!(unknown.stderr.contains("did you mean `other`?"), "{}", unknown.stderr);
}

#[test]
fn flag_wins_over_file_wins_over_default() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    let codec = |flags: &[&str]| {
        home.json(&[&["backup", "shop"], flags].concat())["archive"]["codec"].as_str().unwrap().to_owned()
    };
    home.configure("databases: { shop: { sqlite: { path: ../shop.db } } }\n");
    assert_eq!(codec(&[]), "zstd");
    home.configure(
        "defaults: { compression: gzip }\ndatabases: { shop: { sqlite: { path: ../shop.db } } }\n",
    );
    assert_eq!(codec(&[]), "gzip");
    home.configure(
        "defaults: { compression: gzip }\ndatabases: { shop: { sqlite: { path: ../shop.db }, compression: xz } }\n",
    );
    assert_eq!(codec(&[]), "xz");
    assert_eq!(codec(&["--compression", "none"]), "none");
}

#[test]
fn the_configuration_may_be_json() {
    let home = Home::empty();
    make_shop(&home.path("shop.db"));
    std::fs::create_dir(home.path(".cadangkan")).unwrap();
    let text =
        r#"{ "version": 1, "databases": { "shop": { "sqlite": { "path": "../shop.db" }, "tags": ["a"] } } }"#;
    std::fs::write(home.path(".cadangkan/config.json"), text).unwrap();
    assert!(home.good(&["config", "validate"]).contains("config.json is fine"));
    assert_eq!(home.json(&["backup", "shop"])["tags"], serde_json::json!(["a"]));
}
