//! The position of a backup: captured beside it, and taken over by a target.

use std::collections::BTreeSet;

use cadangkan_core::ErrorKind;
use cadangkan_engine::{DumpOptions, DumpRequest, LoadMode, LoadOptions, LoadRequest, SideKind};
use cadangkan_testkit::mysql::servers;
use serde_json::json;

use crate::load_support::{Absent, plan, told};
use crate::support::{dump, engine, engine_with, load};

fn capturing() -> DumpRequest {
    DumpRequest {
        options: DumpOptions { capture_position: true, ..DumpOptions::default() },
        ..DumpRequest::default()
    }
}

#[test]
fn it_is_captured_in_a_file_too() {
    for server in servers() {
        let database = server.database();
        database.run("CREATE TABLE t (a int)");
        let made = dump(engine(&database).as_ref(), &capturing()).unwrap();
        let side = made.start.side_files.iter().find(|side| side.kind.word == SideKind::POSITION).unwrap();
        assert_eq!(side.kind.ending, "gtid");
        let text = String::from_utf8(side.bytes.clone()).unwrap();
        let gtid = if server.is_mariadb() { "gtid_binlog_pos" } else { "gtid_executed" };
        for key in [gtid, "binlog_file", "binlog_offset"] {
            let value = &made.start.position[key];
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            assert!(text.lines().any(|line| line == format!("{key}={value}")), "{server}: {text}");
        }
        // Who may not hold writers up cannot know the position on MySQL.
        let user = database.plain_user(&["SELECT, SHOW VIEW, TRIGGER, EVENT, LOCK TABLES"]);
        let made = dump(engine_with(&user.url, json!({})).as_ref(), &capturing()).unwrap();
        let told = made.start.warnings.iter().any(|text| text.contains("no position to capture"));
        assert_eq!(told, made.start.side_files.is_empty(), "{server}: {:?}", made.start);
        assert!(told || server.is_mariadb(), "{server}");
    }
}

#[test]
fn where_it_cannot_be_taken_over_the_plan_says_why() {
    for server in servers() {
        let database = server.database();
        database.run("CREATE TABLE t (a int)");
        let made = dump(engine(&database).as_ref(), &DumpRequest::default()).unwrap();
        let absent = Absent::new(&server, "side_place_");
        let options = LoadOptions { adopt_position: true, ..LoadOptions::default() };
        let request = LoadRequest { options, ..made.request(LoadMode::Fresh) };
        let engine = absent.engine();
        let refused = |request: &LoadRequest| plan(engine.as_ref(), request).err().unwrap();
        let without = LoadRequest { position: serde_json::Map::new(), ..request.clone() };
        assert_eq!(refused(&without).kind(), ErrorKind::NotFound);
        let mut foreign = request.clone();
        foreign
            .attributes
            .insert("flavor".to_owned(), json!(if server.is_mariadb() { "mysql" } else { "mariadb" }));
        assert_eq!(refused(&foreign).kind(), ErrorKind::Unsupported);
        let user = database.plain_user(&["ALL PRIVILEGES"]);
        let error = plan(
            engine_with(&user.url, json!({})).as_ref(),
            &LoadRequest { mode: LoadMode::Clean, ..request.clone() },
        );
        assert_eq!(error.err().unwrap().kind(), ErrorKind::Denied);
        if server.is_mariadb() {
            let planned = plan(engine.as_ref(), &request).unwrap();
            assert!(
                planned.warnings.iter().any(|text| text.contains("the same domain")),
                "{:?}",
                planned.warnings
            );
        } else {
            let error = refused(&request);
            assert!(
                told(&error).contains("has some of the backup's transactions already"),
                "{}",
                told(&error)
            );
            let mut other = request.clone();
            let place = "11111111-2222-3333-4444-555555555555:1-7";
            other.position.insert("gtid_executed".to_owned(), json!(place));
            let steps = plan(engine.as_ref(), &other).unwrap().steps.join(";");
            assert!(steps.contains(place), "{steps}");
        }
    }
}

#[test]
fn a_target_goes_on_from_there() {
    for server in servers() {
        let Some(own) = server.another() else { return };
        let database = server.database();
        database.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)");
        let made = dump(engine(&database).as_ref(), &DumpRequest::default()).unwrap();
        let absent = Absent::new(&own.server, "taken_over_");
        let options = LoadOptions { adopt_position: true, ..LoadOptions::default() };
        let request = LoadRequest { options, ..made.request(LoadMode::Fresh) };
        let (_, notes) = load(absent.engine().as_ref(), &made, &request).unwrap();
        assert!(notes.iter().any(|note| note.starts_with("the server goes on from")), "{notes:?}");
        assert_eq!(absent.database().contents(), database.contents());
        let key = if server.is_mariadb() { "gtid_current_pos" } else { "gtid_executed" };
        let expected = made.start.position[key].as_str().unwrap().to_owned();
        let value = |name: &str| own.server.run("", &format!("SELECT REPLACE(@@GLOBAL.{name}, '\\n', '')"));
        // Nothing of the restore is in the log: there are no transactions but the source's.
        if server.is_mariadb() {
            assert_eq!(
                (value("gtid_slave_pos"), value("gtid_binlog_pos")),
                (format!("{expected}\n"), "\n".to_owned())
            );
            own.server.run("", "SET GLOBAL gtid_slave_pos = '0-9-9'");
        } else {
            assert_eq!(
                (value("gtid_purged"), value("gtid_executed")),
                (format!("{expected}\n"), format!("{expected}\n"))
            );
        }
        let again = Absent::new(&own.server, "not_again_");
        let error = plan(again.engine().as_ref(), &request).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Conflict, "{}", told(&error));
        if !server.is_mariadb() {
            // What it does not have is added.
            let mut other = request.clone();
            other
                .position
                .insert("gtid_executed".to_owned(), json!("11111111-2222-3333-4444-555555555555:1-7"));
            load(again.engine().as_ref(), &made, &other).unwrap();
            // Servers stand in order of their random names.
            let executed = value("gtid_executed");
            let executed: BTreeSet<_> = executed.trim().split(',').collect();
            let both = format!("11111111-2222-3333-4444-555555555555:1-7,{expected}");
            assert_eq!(executed, both.split(',').collect());
        }
    }
}
