//! Restores that cannot work, or that are cut off: what they say, and what they leave.

use cadangkan_core::{Cancel, Control, ErrorKind, NoReporter, ObjectName, Section};
use cadangkan_engine::{LoadMode, LoadOptions, LoadRequest, Piece};
use cadangkan_testkit::FakeClock;
use cadangkan_testkit::mysql::servers;
use cadangkan_testkit::runs::leftovers_and_words;

use crate::load_support::{
    Absent, at, controlled, family, plan, request, restore_stream, shop, stock_dump, told,
};

#[test]
fn what_is_missing_is_said_before_anything_is_touched() {
    for server in servers() {
        let source = shop(&server);
        let dump = stock_dump(&source, &[]);
        let error = plan(&*at(&source.url), &request(LoadMode::Fresh)).err().unwrap();
        assert!(
            told(&error).contains("customers") && told(&error).contains("--mode replace"),
            "{}",
            told(&error)
        );
        let reader = source.plain_user(&["SELECT, INSERT, CREATE"]);
        let error = plan(&*at(&reader.url), &request(LoadMode::Clean)).err().unwrap();
        assert!(error.kind() == ErrorKind::Denied && told(&error).contains("DROP"), "{}", told(&error));
        let owner = source.plain_user(&["ALL"]);
        let error = plan(&*at(&owner.url), &request(LoadMode::Replace)).err().unwrap();
        assert!(error.kind() == ErrorKind::Denied && told(&error).contains("beside"), "{}", told(&error));
        let single = LoadOptions { single_transaction: true, ..LoadOptions::default() };
        let error = plan(&*at(&source.url), &LoadRequest { options: single, ..request(LoadMode::Clean) });
        assert_eq!(error.err().unwrap().kind(), ErrorKind::Unsupported);
        let other = server.database();
        other.run(&format!(
            "CREATE TABLE far (c int, FOREIGN KEY (c) REFERENCES {}.customers (id))",
            source.name
        ));
        let error = plan(&*at(&source.url), &request(LoadMode::Replace)).err().unwrap();
        assert!(told(&error).contains(".far"), "{}", told(&error));
        drop(other);
        // An ordinary user, and an empty database of its own.
        let target = server.database();
        let user = target.plain_user(&["ALL"]);
        let options = LoadOptions { no_owner: true, ..LoadOptions::default() };
        server.run("", "SET GLOBAL log_bin_trust_function_creators = 1");
        restore_stream(&*at(&user.url), &LoadRequest { options, ..request(LoadMode::Fresh) }, &dump, 9999)
            .unwrap();
        assert_eq!(target.contents(), source.contents(), "{server}");
    }
}

#[test]
fn what_a_killed_restore_left_is_found_and_removed() {
    for server in servers() {
        let source = shop(&server);
        let dump = stock_dump(&source, &[]);
        let (absent, empty) = (Absent::new(&server, "killed_"), server.database());
        for (engine, name) in [(absent.engine(), &absent.name), (at(&empty.url), &empty.name)] {
            controlled(|control| {
                let planned = engine.plan_load(&request(LoadMode::Fresh), control).unwrap();
                let load = engine.begin_load(&planned, control).unwrap();
                let piece = Piece { raw_offset: 0, section: None, object: None, data: &dump };
                load.load(&piece, control).unwrap();
                let (found, said) = leftovers_and_words(&*engine);
                assert!(found.is_empty(), "a restore under way is nobody's leftover");
                assert!(said.contains(name) && said.contains("still uses it"), "{said}");
                std::mem::forget(load);
            });
            kill_sessions(&server, name);
            // The sessions take a moment to go, which is waited for.
            let (found, said) = leftovers_and_words(&*engine);
            assert_eq!(said, "");
            assert_eq!((found.len(), &found[0].location), (1, name));
            assert_eq!(found[0].description, "unfinished restore");
            let error = plan(&*engine, &request(LoadMode::Fresh)).err().unwrap();
            assert!(told(&error).contains("died"), "{}", told(&error));
            engine.discard(&found[0]).unwrap();
            engine.discard(&found[0]).unwrap_or_else(|error| assert_eq!(error.kind(), ErrorKind::Usage));
        }
        assert!(absent.family().is_empty());
        assert_eq!(empty.run("SHOW TABLES"), "");
    }
}

fn kill_sessions(server: &cadangkan_testkit::mysql::MysqlServer, name: &str) {
    for line in server.run("", "SHOW PROCESSLIST").lines() {
        let fields: Vec<_> = line.split('\t').collect();
        if fields.get(3) == Some(&name) {
            server.run("", &format!("KILL {}", fields[0]));
        }
    }
}

#[test]
fn a_cut_connection_fails_and_leaves_nothing() {
    for server in servers() {
        let source = shop(&server);
        let dump = stock_dump(&source, &[]);
        let target = Absent::new(&server, "cut_");
        let engine = target.engine();
        controlled(|control| {
            let planned = engine.plan_load(&request(LoadMode::Fresh), control).unwrap();
            let load = engine.begin_load(&planned, control).unwrap();
            let (first, second) = dump.split_at(dump.len() / 2);
            load.load(&Piece { raw_offset: 0, section: None, object: None, data: first }, control).unwrap();
            kill_sessions(&server, &target.name);
            let piece = Piece { raw_offset: first.len() as u64, section: None, object: None, data: second };
            let error = load.load(&piece, control).unwrap_err();
            assert!(format!("{error:?}").contains("is dropped"), "{error:?}");
            load.abort().unwrap();
        });
        assert!(target.family().is_empty());
    }
}

#[test]
fn a_request_to_stop_is_heard_while_the_server_works() {
    for server in servers() {
        let source = shop(&server);
        let before = (source.definitions(), source.contents());
        let (cancel, clock) = (Cancel::default(), FakeClock::default());
        let control = &Control { cancel: &cancel, reporter: &NoReporter, clock: &clock };
        let engine = at(&source.url);
        let planned = engine.plan_load(&request(LoadMode::Replace), control).unwrap();
        let load = engine.begin_load(&planned, control).unwrap();
        let script = b"CREATE TABLE t (a int);\nDELETE FROM t WHERE SLEEP(100) = 1 OR SLEEP(100) = 1;\n";
        let script = [&b"CREATE TABLE u (a int);\nINSERT INTO u VALUES (1);\n"[..], script].concat();
        let script = String::from_utf8(script).unwrap().replace("FROM t WHERE", "FROM u WHERE");
        std::thread::scope(|scope| {
            let (server, cancel) = (&server, &cancel);
            scope.spawn(move || {
                while !server.run("", "SHOW PROCESSLIST").contains("DELETE FROM u WHERE SLEEP") {}
                cancel.cancel();
            });
            let piece = Piece { raw_offset: 0, section: None, object: None, data: script.as_bytes() };
            let error = load.load(&piece, control).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{error:?}");
        });
        load.abort().unwrap();
        assert_eq!((source.definitions(), source.contents()), before);
        assert_eq!(family(&server, &source.name).len(), 1);
    }
}

#[test]
fn a_frame_runs_nothing_but_rows() {
    for server in servers() {
        let table = ObjectName::new("t");
        let definition = b"-- Cadangkan: kind=TABLE name=\"t\"\nCREATE TABLE `t` (`a` int, PRIMARY KEY (`a`)) ENGINE=InnoDB;\n\n";
        let hostile = [
            "DROP TABLE `t`;\n",
            "INSERT INTO `u` (`a`) VALUES\n(1);\n",
            "INSERT INTO `t` (`a`) VALUES\n(SLEEP(1));\n",
            "INSERT INTO `t` (`a`) VALUES\n(1);\nDROP TABLE `t`;\n",
            "INSERT INTO mysql.`t` (`a`) VALUES\n(1);\n",
            "INSERT INTO `t` (`a`) VALUES\n(1",
        ];
        for text in hostile {
            let target = Absent::new(&server, "hostile_");
            let engine = target.engine();
            controlled(|control| {
                let planned = engine.plan_load(&request(LoadMode::Fresh), control).unwrap();
                let load = engine.begin_load(&planned, control).unwrap();
                let piece = |section, data| Piece {
                    raw_offset: 0,
                    section: Some(section),
                    object: Some(&table),
                    data,
                };
                load.load(&piece(Section::PreData, definition), control).unwrap();
                let error = load.load(&piece(Section::Data, text.as_bytes()), control).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{text}: {}", told(&error));
            });
            assert!(target.family().is_empty());
        }
        let twice = "INSERT INTO `t` (`a`) VALUES\n(1),\n(1);\n";
        let target = Absent::new(&server, "twice_");
        let engine = target.engine();
        controlled(|control| {
            let planned = engine.plan_load(&request(LoadMode::Fresh), control).unwrap();
            let load = engine.begin_load(&planned, control).unwrap();
            let piece =
                |section, data| Piece { raw_offset: 0, section: Some(section), object: Some(&table), data };
            load.load(&piece(Section::PreData, definition), control).unwrap();
            let error = load.load(&piece(Section::Data, twice.as_bytes()), control).unwrap_err();
            // MariaDB has another word for it where it inserts in bulk.
            let known = ["1062", "1180", "1030"].iter().any(|code| told(&error).contains(code));
            assert!(known, "{}", told(&error));
        });
    }
}
