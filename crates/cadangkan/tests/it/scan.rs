//! What `scan` shows of a server: to a person, and to a program.

use cadangkan_testkit::mysql::{TestDatabase, main_server};
use cadangkan_testkit::servers::postgres_main;
use serde_json::{Value, json};

use crate::support::Home;

fn find<'a>(scan: &'a Value, name: &str) -> &'a Value {
    let databases = scan["databases"].as_array().unwrap();
    databases.iter().find(|database| database["name"] == name).unwrap_or_else(|| panic!("{name}: {scan}"))
}

#[test]
fn mysql_shows_engines_replication_and_what_will_be_locked() {
    let Some(server) = main_server() else { return };
    let database = server.database();
    database.run("CREATE TABLE a (a int PRIMARY KEY); INSERT INTO a VALUES (1)");
    for number in 0..7 {
        database.run(&format!("CREATE TABLE log_{number} (a int) ENGINE=MyISAM"));
    }
    let home = Home::empty();
    let (name, url) = (database.name.as_str(), server.url_of(&database.name));
    home.good(&["add", "mysql", "prod", "--url", &url]);
    let scan = home.json(&["scan", "prod"]);
    let found = find(&scan, name);
    assert_eq!((&found["tables"], &found["engines"]), (&json!(8), &json!({ "InnoDB": 1, "MyISAM": 7 })));
    assert_eq!(found["without_transactions"].as_array().unwrap().len(), 7);
    assert!(scan["replication"]["role"].is_string() && scan["server"]["version"].is_string(), "{scan}");
    let text = home.good(&["scan", "prod"]);
    let locked = format!(
        "{name}: no transactions, locked while it is read: log_0, log_1, log_2, log_3, log_4 and 2 more"
    );
    for part in [
        "Server:       MySQL ",
        "Replication:  role ",
        "binary_log on",
        "ENGINES",
        "InnoDB 1, MyISAM 7",
        &locked,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Other tests have databases on the server too, or none just now: the total is of what is listed.
    let listed = text.lines().skip_while(|line| !line.contains("ENGINES")).skip(1);
    let total = match listed.take_while(|line| !line.is_empty()).count() {
        1 => "Total: 1 database, ".to_owned(),
        databases => format!("Total: {databases} databases, "),
    };
    assert!(text.lines().any(|line| line.starts_with(&total)), "{total}: {text}");
}

#[test]
fn postgres_shows_its_databases_and_its_part_in_replication() {
    let Some(server) = postgres_main() else { return };
    let database = server.database();
    let home = Home::empty();
    home.good(&["add", "postgres", "prod", "--url", &database.url]);
    let scan = home.json(&["scan", "prod"]);
    assert!(find(&scan, &database.name)["size_bytes"].as_u64().unwrap() > 0);
    let replication = &scan["replication"];
    assert_eq!((&replication["role"], &replication["archive_mode"]), (&json!("alone"), &json!("off")));
    let text = home.good(&["scan", "prod"]);
    assert!(text.contains("Replication:  role alone, wal_level ") && !text.contains("ENGINES"), "{text}");
    assert!(!text.lines().any(|line| line.starts_with("DATABASE") && line.contains("TABLES")), "{text}");
}

#[test]
fn each_mode_says_what_it_would_take() {
    let Some(server) = main_server() else { return };
    let base = server.database();
    let beside = |ending: &str| {
        let database = TestDatabase {
            name: format!("{}{ending}", base.name),
            url: server.url_of(&format!("{}{ending}", base.name)),
            server: server.clone(),
        };
        server.run("", &format!("CREATE DATABASE {}", database.name));
        database
    };
    let made = ["_archive", "_secondary", "_secondary_temp"].map(beside);
    let [archive, secondary, temporary] = made.each_ref().map(|database| database.name.as_str());
    let home = Home::empty();
    let (taken, url) = (format!("{}*", base.name), server.url_of(""));
    home.good(&["add", "mysql", "prod", "--url", &url, "--databases", &taken]);
    let scan = home.json(&["scan", "prod"]);
    let modes = &scan["modes"];
    assert_eq!(modes["primary"], json!([base.name, archive]));
    assert_eq!(modes["secondary"], json!([secondary, temporary]));
    let all = modes["all"].as_array().unwrap();
    assert!([&base.name, archive, secondary, temporary].iter().all(|name| all.contains(&json!(name))));
    assert_eq!(modes["companions"][&base.name], json!([archive]));
    assert_eq!(modes["companions"][secondary], json!([temporary]));
    // The same as a backup says.
    for (flag, mode) in [("--primary", "primary"), ("--secondary", "secondary")] {
        let plan = home.json(&["backup", "prod", flag, "--dry-run"]);
        let planned = plan["databases"].as_array().unwrap().iter().map(|one| one["database"].clone());
        assert_eq!(&json!(planned.collect::<Vec<_>>()), &modes[mode], "{flag}");
    }
    let text = home.good(&["scan", "prod"]);
    for part in ["takes 4 of them:", "--primary", &format!("--databases {}", base.name)] {
        assert!(text.contains(part), "{part}: {text}");
    }
    // Settings that mean nothing do not hide what is there.
    home.good(&["add", "mysql", "none", "--url", &url, "--databases", &format!("{},x_*", base.name)]);
    drop(made);
    drop(base);
    let ran = home.run(&["scan", "none", "--output", "json"]);
    let scan: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.code, &scan["meant"]), (0, &json!([])), "{}", ran.stderr);
    assert!(ran.stderr.contains("no such database"), "{}", ran.stderr);
}
