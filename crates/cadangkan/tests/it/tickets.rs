//! Tickets: given, required, asked for, refused; and everywhere where somebody looks for them later.

use cadangkan_testkit::mysql::main_server;
use serde_json::{Value, json};

use crate::pty::Terminal;
use crate::support::{Home, make_shop, number};

const TEMPLATE: &str = "{database}_{timestamp}_{ticket}_{id}";

/// A shop whose files are named for tickets; `more` stands in its definition.
fn shop(more: &str) -> Home {
    let home = Home::configured(&format!(
        "defaults: {{ file_name: '{TEMPLATE}' }}\ndatabases:\n  shop: {{ sqlite: {{ path: ../shop.db }}{more} }}\n"
    ));
    make_shop(&home.path("shop.db"));
    home
}

fn tickets(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["ticket"].as_str().unwrap_or("-")).collect()
}

#[test]
fn a_ticket_is_found_wherever_somebody_looks() {
    let home = shop("");
    let text = home.good(&["backup", "shop", "--ticket", "OPS-7"]);
    assert!(text.contains("Ticket:     OPS-7"), "{text}");
    let made = home.json(&["backup", "shop", "--ticket", "OPS-8.a"]);
    assert_eq!(made["ticket"], "OPS-8.a");
    let id = made["backup_id"].as_str().unwrap();
    let bare = home.back_up();
    // File names, and one of a backup without a ticket.
    let listed = home.json(&["backups", "list", "shop"]);
    assert_eq!(tickets(&listed), ["-", "OPS-8.a", "OPS-7"]);
    let keys: Vec<_> = (0..3).map(|number| listed[number]["archive_key"].as_str().unwrap()).collect();
    assert!(keys[1].contains("_OPS-8.a_") && keys[2].contains("_OPS-7_"), "{keys:?}");
    assert!(!keys[0].contains("__") && keys[0].matches('_').count() == 3, "{keys:?}");
    // Lists and details.
    assert_eq!(tickets(&home.json(&["backups", "list", "--ticket", "OPS-7"])), ["OPS-7"]);
    assert!(home.good(&["backups", "list", "shop", "--ticket", "OPS"]).contains("No such backups"));
    assert!(home.good(&["backups", "list", "shop"]).contains("OPS-8.a"));
    assert!(home.good(&["backups", "info", "shop", id]).contains("Ticket       OPS-8.a"));
    assert!(!home.good(&["backups", "info", "shop", &bare]).contains("Ticket"));
    let dry = home.good(&["backup", "shop", "--ticket", "OPS-9", "--dry-run"]);
    assert!(dry.contains("Ticket:       OPS-9") && dry.contains("_OPS-9_"), "{dry}");
    // Everything else that is recorded.
    home.good(&["verify", "shop", id, "--ticket", "T-verify"]);
    home.good(&["backups", "validate", "shop", id, "--ticket", "T-validate"]);
    home.good(&["backups", "export", "shop", id, "--to", "out.db", "--ticket", "T-export"]);
    home.good(&["restore", "shop", "--yes", "--ticket", "T-restore"]);
    home.good(&["backups", "preserve", "shop", id, "--ticket", "T-preserve"]);
    home.good(&["backups", "delete", "shop", &bare, "--yes", "--ticket", "T-delete"]);
    let runs = home.json(&["info", "shop"])["runs"].clone();
    assert_eq!(tickets(&runs), ["T-delete", "T-restore", "T-export", "T-validate", "T-verify"]);
    let text = home.good(&["status", "shop"]);
    assert!(text.contains(", for T-restore") && text.contains(", for OPS-7"), "{text}");
    assert!(home.good(&["info", "shop"]).contains(", for T-export"));
    home.good(&["adopt", "home", "--ticket", "T-adopt"]);
    let catalog = home.path(".cadangkan/catalog.db");
    assert_eq!(number(&catalog, "SELECT count(*) FROM runs WHERE kind = 'adopt' AND ticket = 'T-adopt'"), 1);
    let audited = "SELECT count(*) FROM audit WHERE ticket IN ('T-delete', 'T-preserve')";
    assert_eq!(number(&catalog, audited), 2);
    // The catalog is lost: the manifests have it.
    std::fs::remove_file(catalog).unwrap();
    home.good(&["adopt", "home"]);
    assert_eq!(tickets(&home.json(&["backups", "list", "shop"])), ["OPS-8.a", "OPS-7"]);
    // An archive without its manifest is one of those that cleanup finds, whatever its name.
    let manifest = home.path(&format!(".cadangkan/backups/{}.meta.json", keys[2]));
    std::fs::remove_file(manifest).unwrap();
    home.good(&["cleanup", "shop", "--yes", "--ticket", "T-cleanup"]);
    assert!(!home.path(&format!(".cadangkan/backups/{}", keys[2])).exists());
    assert_eq!(home.json(&["info", "shop"])["runs"][0]["ticket"], "T-cleanup");
}

#[test]
fn a_removed_database_is_in_the_audit_trail_with_its_ticket() {
    let home = Home::with_shop();
    home.good(&["remove", "shop", "--yes", "--ticket", "T-remove"]);
    let catalog = home.path(".cadangkan/catalog.db");
    assert_eq!(number(&catalog, "SELECT count(*) FROM audit WHERE ticket = 'T-remove'"), 1);
}

#[test]
fn what_is_no_ticket_is_refused_before_anything_is_done() {
    let home = shop("");
    let long = "x".repeat(10_000);
    for hostile in ["../x", "a/b", "OPS 7", "OPS\n7", "OPS-🎫", "", "-7", "{id}", "\u{1b}[31m", &long] {
        for command in [&["backup", "shop"][..], &["verify", "shop"], &["adopt", "home"]] {
            let ran = home.run(&[command, &[&format!("--ticket={hostile}")]].concat());
            assert_eq!((ran.code, &*ran.stdout), (2, ""), "{hostile:?}");
            assert!(ran.stderr.contains("hint: use 1 to 64 letters"), "{hostile:?}: {}", ran.stderr);
            assert!(ran.stderr.len() < 400 && !ran.stderr.contains(['\u{1b}', '🎫']), "{}", ran.stderr);
        }
    }
    assert!(home.files(".cadangkan/backups").is_empty());
    assert_eq!(number(&home.path(".cadangkan/catalog.db"), "SELECT count(*) FROM runs"), 0);
}

#[test]
fn scripts_are_told_when_a_ticket_is_required() {
    let home = shop(", require_ticket: true");
    let id = home.json(&["backup", "shop", "--ticket", "OPS-1"])["backup_id"].as_str().unwrap().to_owned();
    for command in [
        &["backup", "shop"][..],
        &["verify", "shop"],
        &["backups", "validate", "shop", &id],
        &["backups", "delete", "shop", &id, "--yes"],
        &["backups", "preserve", "shop", &id],
        &["backups", "export", "shop", &id, "--to", "out.db"],
        &["restore", "shop", "--yes"],
        &["restore", "shop", "--to", "elsewhere.db"],
        &["restore", "--file", home.archive().to_str().unwrap(), "--to", "shop", "--yes"],
        &["cleanup", "shop", "--yes"],
    ] {
        let ran = home.run(command);
        assert_eq!((ran.code, &*ran.stdout), (2, ""), "{command:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("a ticket is required"), "{command:?}: {}", ran.stderr);
        assert!(ran.stderr.contains("add --ticket"), "{command:?}: {}", ran.stderr);
    }
    assert_eq!(number(&home.path(".cadangkan/catalog.db"), "SELECT count(*) FROM runs"), 1);
    // What does nothing needs none, and says what will.
    let ran = home.run(&["backup", "shop", "--dry-run"]);
    assert_eq!(ran.code, 0);
    assert!(ran.stderr.contains("add it with --ticket"), "{}", ran.stderr);
    assert!(home.good(&["info", "shop"]).contains("Ticket       required (file, line 3)"));
    assert_eq!(home.json(&["info", "shop"])["options"]["require_ticket"]["value"], json!(true));
    // What is not this database's does not need one.
    home.good(&["adopt", "home"]);
}

#[test]
fn the_default_counts_for_all_unless_a_database_says_otherwise() {
    let home = Home::configured(
        "defaults: { require_ticket: true }\ndatabases:\n  shop: { sqlite: { path: ../shop.db } }\n  free: { sqlite: { path: ../shop.db }, require_ticket: false }\n",
    );
    make_shop(&home.path("shop.db"));
    home.good(&["backup", "free"]);
    for command in
        [&["backup", "shop"][..], &["adopt", "home"], &["backup", "--url", "shop.db", "--to-dir", "usb"]]
    {
        assert_eq!(home.run(command).code, 2, "{command:?}");
        home.good(&[command, &["--ticket", "T-1"]].concat());
    }
    assert!(home.good(&["config", "export"]).contains("require_ticket: true"));
    home.good(&["add", "sqlite", "added", "--path", "shop.db", "--require-ticket"]);
    assert!(home.good(&["info", "added"]).contains("Ticket       required (catalog)"));
    let ran = home.run(&["remove", "added", "--yes"]);
    assert!(ran.code == 2 && ran.stderr.contains("a ticket is required"), "{}", ran.stderr);
}

#[test]
fn a_person_is_asked_for_a_required_ticket_until_it_is_one() {
    let home = shop(", require_ticket: true");
    let mut terminal = Terminal::start(&home, &["backup", "shop"], &[]);
    terminal.answer("Ticket: ", "no ticket");
    terminal.expect("use 1 to 64 letters");
    terminal.answer("Ticket: ", "OPS-5");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen}");
    assert_eq!(tickets(&home.json(&["backups", "list"])), ["OPS-5"]);
    let mut terminal = Terminal::start(&home, &["backup", "shop"], &[]);
    terminal.expect("Ticket: ");
    terminal.press("\u{3}");
    assert_eq!(terminal.end().0, 130);
    assert_eq!(Terminal::start(&home, &["backup", "shop", "--yes"], &[]).end().0, 2, "nobody is asked");
}

#[test]
fn every_backup_of_a_server_has_the_ticket() {
    let Some(server) = main_server() else { return };
    let databases = [server.database(), server.database()];
    let names = databases.iter().map(|database| database.name.as_str()).collect::<Vec<_>>().join(",");
    for database in &databases {
        database.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1)");
    }
    let home = Home::empty();
    let url = server.url_of("");
    home.good(&["add", "mysql", "prod", "--url", &url, "--databases", &names, "--require-ticket"]);
    assert_eq!(home.run(&["backup", "prod"]).code, 2);
    let made = home.json(&["backup", "prod", "--ticket", "OPS-1"]);
    assert_eq!(tickets(&made["databases"]), ["OPS-1", "OPS-1"]);
    assert_eq!(tickets(&home.json(&["backups", "list", "prod"])), ["OPS-1", "OPS-1"]);
    assert_eq!(tickets(&home.json(&["info", "prod"])["runs"]), ["OPS-1", "OPS-1"]);
}
