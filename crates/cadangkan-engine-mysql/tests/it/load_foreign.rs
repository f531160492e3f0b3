//! Scripts of the stock programs, read as streams.

use cadangkan_core::ErrorKind;
use cadangkan_engine::{LoadMode, LoadOptions, LoadRequest};
use cadangkan_testkit::mysql::servers;

use crate::load_support::{
    Absent, Heard, at, drop_family, family, leftovers, plan, request, restore_stream, restore_stream_to,
    shop, stock_dump, tables, told,
};

#[test]
fn a_stock_dump_gives_an_equal_database() {
    for server in servers() {
        let source = shop(&server);
        let dump = stock_dump(&source, &[]);
        for stretch in [1 << 20, 1000, 7] {
            let target = server.database();
            let engine = at(&target.url);
            let (report, _) = restore_stream(&*engine, &request(LoadMode::Fresh), &dump, stretch).unwrap();
            assert_eq!(report.tables, 5, "{server}");
            assert_eq!(target.contents(), source.contents(), "{server}");
            assert_eq!(target.definitions(), source.definitions(), "{server}");
            assert!(leftovers(&*engine).is_empty());
        }
    }
}

#[test]
fn a_database_that_is_not_there_is_made_and_named_scripts_go_where_the_person_said() {
    for server in servers() {
        let source = shop(&server);
        let output =
            server.dump_tool().args(["--add-drop-database", "--databases", &source.name]).output().unwrap();
        let target = Absent::new(&server, "new `Ünd' ");
        let planned = plan(&*target.engine(), &request(LoadMode::Fresh)).unwrap();
        assert!(planned.present.is_none() && !planned.destructive);
        restore_stream(&*target.engine(), &request(LoadMode::Fresh), &output.stdout, 4096).unwrap();
        assert_eq!(target.run("SELECT n FROM first"), source.run("SELECT n FROM first"));
        assert_eq!(target.family(), std::slice::from_ref(&target.name));
        let two = [&output.stdout[..], b"USE other;\nDROP TABLE x;\n"].concat();
        let other = Absent::new(&server, "two_");
        let error = restore_stream(&*other.engine(), &request(LoadMode::Fresh), &two, 4096).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", told(&error));
        assert!(other.family().is_empty());
    }
}

#[test]
fn replace_swaps_all_and_keeps_the_old() {
    for server in servers() {
        let source = shop(&server);
        let (definitions, contents) = (source.definitions(), source.contents());
        let dump = stock_dump(&source, &[]);
        server
            .feed(
                &source.name,
                b"DROP VIEW first; CREATE VIEW mine AS SELECT 1 AS a; DROP TABLE parts; INSERT INTO nothing VALUES (7);
                  CREATE TABLE precious (a int); INSERT INTO precious VALUES (42); DROP EVENT nightly;
                  CREATE TRIGGER mine BEFORE INSERT ON precious FOR EACH ROW SET NEW.a = 1;
                  CREATE EVENT old ON SCHEDULE EVERY 1 DAY ENABLE DO SET @a = 1;",
            )
            .unwrap();
        let (old_contents, engine) = (source.contents(), at(&source.url));
        let planned = plan(&*engine, &request(LoadMode::Replace)).unwrap();
        assert!(planned.destructive && planned.present.unwrap().contains("5 tables"));
        let (_, notes) = restore_stream(&*engine, &request(LoadMode::Replace), &dump, 1 << 16).unwrap();
        assert_eq!(source.definitions(), definitions, "{server}");
        assert_eq!(source.contents(), contents, "{server}");
        let kept = leftovers(&*engine);
        assert_eq!(kept.len(), 1, "{notes:?}");
        assert!(
            kept[0].location.contains("_before_")
                && notes.iter().any(|note| note.contains(&kept[0].location))
        );
        let sql = "SELECT a FROM precious; SELECT a FROM mine; SELECT plus(1);
                   SELECT STATUS FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE();
                   SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY 1";
        assert_eq!(server.run(&kept[0].location, sql), "42\n1\n2\nDISABLED\nmine\nupper\n");
        assert!(old_contents.contains("precious"));
        // The foreign keys of both lead to their own tables.
        let broken = "INSERT INTO `or;ders ``x` (id, customer, place) VALUES (1000, 99, POINT(1, 1))";
        for name in [&source.name, &kept[0].location] {
            assert!(server.try_run(name, broken).unwrap_err().contains("1452"), "{server}");
        }
        engine.discard(&kept[0]).unwrap();
        engine.discard(&kept[0]).unwrap();
        assert_eq!(family(&server, &source.name), std::slice::from_ref(&source.name));
        let no = cadangkan_core::Leftover { location: source.name.clone(), ..kept[0].clone() };
        assert_eq!(engine.discard(&no).unwrap_err().kind(), ErrorKind::Usage);
        let dropped = LoadRequest { drop_old: true, ..request(LoadMode::Replace) };
        restore_stream(&*engine, &dropped, &dump, 1 << 16).unwrap();
        assert_eq!(family(&server, &source.name), std::slice::from_ref(&source.name));
        assert_eq!((source.definitions(), source.contents()), (definitions, contents), "{server}");
    }
}

#[test]
fn recreate_clean_and_data() {
    for server in servers() {
        let source = shop(&server);
        let (definitions, contents) = (source.definitions(), source.contents());
        let dump = stock_dump(&source, &["--skip-add-drop-table"]);
        let engine = at(&source.url);
        source.run("DELETE FROM customers; DROP VIEW first; DROP PROCEDURE fill; DROP TRIGGER upper");
        restore_stream(&*engine, &request(LoadMode::Clean), &dump, 5000).unwrap();
        assert_eq!(
            (source.definitions(), source.contents()),
            (definitions.clone(), contents.clone()),
            "{server}"
        );
        source.run("CREATE TABLE gone (a int); DELETE FROM customers");
        assert!(plan(&*engine, &request(LoadMode::Recreate)).unwrap().destructive);
        restore_stream(&*engine, &request(LoadMode::Recreate), &dump, 5000).unwrap();
        assert_eq!((source.definitions(), source.contents()), (definitions, contents), "{server}");
        source
            .run("DELETE FROM `or;ders ``x`; DELETE FROM customers; DELETE FROM numbers; DELETE FROM parts");
        restore_stream(&*engine, &request(LoadMode::Data), &dump, 5000).unwrap();
        assert_eq!(source.run("SELECT COUNT(*) FROM `or;ders ``x`"), "6\n");
        // The same rows again meet themselves, and nothing is left of them.
        let error = restore_stream(&*engine, &request(LoadMode::Data), &dump, 5000).unwrap_err();
        assert!(told(&error).contains("rolled back") && told(&error).contains("1062"), "{}", told(&error));
        assert!(!told(&error).contains("€"), "no values: {}", told(&error));
        assert_eq!(source.run("SELECT COUNT(*) FROM customers"), "6\n");
        drop_family(&source);
    }
}

#[test]
fn some_tables_come_with_their_triggers_alone() {
    for server in servers() {
        let source = shop(&server);
        let dump = stock_dump(&source, &[]);
        let target = server.database();
        let engine = at(&target.url);
        let some = LoadRequest { selection: tables(&["nothing", "customers"]), ..request(LoadMode::Fresh) };
        restore_stream(&*engine, &some, &dump, 5000).unwrap();
        let sql =
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY 1;
                   SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE();
                   SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()";
        assert_eq!(target.run(sql), "customers\nnothing\nupper\n0\n");
        let none = LoadRequest { selection: tables(&["no_such"]), ..request(LoadMode::Fresh) };
        let other = server.database();
        let error = restore_stream(&*at(&other.url), &none, &dump, 5000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{}", told(&error));
        let text = LoadRequest {
            selection: cadangkan_core::Selection { schema_only: true, ..Default::default() },
            ..request(LoadMode::Fresh)
        };
        restore_stream(&*at(&other.url), &text, &dump, 5000).unwrap();
        assert_eq!(other.run("SELECT COUNT(*) FROM customers"), "0\n");
    }
}

#[test]
fn definers_are_kept_or_left_out() {
    for server in servers() {
        let source = server.database();
        source.run("CREATE DEFINER='no such'@'account' VIEW v AS SELECT 1 AS a");
        let dump = stock_dump(&source, &["--force"]);
        let whose = "SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()";
        let kept = server.database();
        let heard = Heard::default();
        restore_stream_to(&*at(&kept.url), &request(LoadMode::Fresh), &dump, 5000, &heard).unwrap();
        assert_eq!(kept.run(whose), "no such@account\n");
        let options = LoadOptions { no_owner: true, ..LoadOptions::default() };
        let target = server.database();
        restore_stream(&*at(&target.url), &LoadRequest { options, ..request(LoadMode::Fresh) }, &dump, 5000)
            .unwrap();
        assert!(target.run(whose).starts_with("root@"), "{}{}", target.run(whose), heard.all());
    }
}

#[test]
fn what_fails_is_named_and_leaves_the_target_as_it_was() {
    for server in servers() {
        let source = shop(&server);
        let mut dump = stock_dump(&source, &[]);
        dump.extend_from_slice(b"CREATE TABLE bad (a nonsense_type);\n");
        let target = server.database();
        let error = restore_stream(&*at(&target.url), &request(LoadMode::Fresh), &dump, 5000).unwrap_err();
        let text = told(&error);
        assert!(
            text.contains("TABLE bad") && text.contains("nonsense_type") && text.contains("dropped again"),
            "{text}"
        );
        assert_eq!(target.definitions(), server.database().definitions());
        let (definitions, contents) = (source.definitions(), source.contents());
        let error = restore_stream(&*at(&source.url), &request(LoadMode::Replace), &dump, 5000).unwrap_err();
        assert!(told(&error).contains("as it was"), "{}", told(&error));
        assert_eq!((source.definitions(), source.contents()), (definitions, contents));
        assert_eq!(family(&server, &source.name).len(), 1);
        for (script, kind) in [
            (&b"CREATE USER x IDENTIFIED BY 'hunter2';"[..], ErrorKind::Unsupported),
            (b"INSERT INTO t VALUES ('a", ErrorKind::DamagedBackup),
            (b"INSERT INTO mysql.user VALUES (1);", ErrorKind::Unsupported),
        ] {
            let engine = at(&target.url);
            let error = restore_stream(&*engine, &request(LoadMode::Fresh), script, 5000).unwrap_err();
            assert_eq!(error.kind(), kind, "{}", told(&error));
            assert!(!told(&error).contains("hunter2"));
        }
    }
}
