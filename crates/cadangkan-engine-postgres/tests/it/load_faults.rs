//! Restores that cannot work, or that are cut off: what they say, and what they leave.

use cadangkan_core::{Cancel, Control, ErrorKind, NoReporter, ObjectName, Section};
use cadangkan_engine::{LoadMode, LoadOptions, LoadRequest, Piece};
use cadangkan_testkit::FakeClock;
use cadangkan_testkit::runs::leftovers_and_words;
use cadangkan_testkit::servers::postgres;

use crate::load_support::{Absent, Role, as_user, feed, fresh, leftovers, plan, shop, table_names, told};
use crate::support::{controlled, engine, load, table};

#[test]
fn preflight_names_what_the_server_does_not_have() {
    for server in postgres() {
        let (_source, mut dumped) = shop(&server);
        let target = Absent::new(&server, "lacking_");
        let attributes = &mut dumped.start.attributes;
        attributes.insert("roles".into(), serde_json::json!(["no such \"role\""]));
        attributes.insert("extensions".into(), serde_json::json!(["plpgsql", "no_such_extension"]));
        attributes.insert("tablespaces".into(), serde_json::json!(["no_such_space"]));
        let error = plan(&*target.engine(), &fresh(&dumped)).err().unwrap();
        let text = told(&error);
        assert!(text.contains("no_such_extension") && text.contains("no such \"role\""), "{text}");
        dumped.start.attributes.insert("extensions".into(), serde_json::json!(["plpgsql"]));
        let error = plan(&*target.engine(), &fresh(&dumped)).err().unwrap();
        assert!(
            told(&error).contains("--no-owner") && error.kind() == ErrorKind::NotFound,
            "{}",
            told(&error)
        );
        let options = LoadOptions { no_owner: true, no_privileges: true, ..LoadOptions::default() };
        let planned = plan(&*target.engine(), &LoadRequest { options, ..fresh(&dumped) }).unwrap();
        assert!(
            planned.warnings.iter().any(|warning| warning.contains("no_such_space")),
            "{:?}",
            planned.warnings
        );
        dumped.start.attributes.insert("roles".into(), serde_json::json!([]));
        dumped.start.attributes.insert("collate".into(), serde_json::json!("xx_XX.nonsense"));
        let planned = plan(&*target.engine(), &fresh(&dumped)).unwrap();
        assert!(planned.warnings.iter().any(|warning| warning.contains("xx_XX")), "{:?}", planned.warnings);
        let error = load(&*target.engine(), &dumped, &fresh(&dumped)).unwrap_err();
        assert!(told(&error).contains("locale"), "{}", told(&error));
        assert!(target.family().is_empty());
    }
}

#[test]
fn a_plain_owner_restores_into_an_empty_database() {
    for server in postgres() {
        let (_source, dumped) = shop(&server);
        let role = Role::new(&server, "");
        let absent = Absent::new(&server, "denied_");
        let error = plan(&*as_user(&server, &absent.name, &role.name), &fresh(&dumped)).err().unwrap();
        assert!(error.kind() == ErrorKind::Denied && told(&error).contains("CREATEDB"), "{}", told(&error));
        let target = server.database_with(&format!("OWNER {}", role.name));
        target.psql(&format!("ALTER SCHEMA public OWNER TO {}", role.name));
        let engine = as_user(&server, &target.name, &role.name);
        let options = LoadOptions { no_owner: true, ..LoadOptions::default() };
        let request = LoadRequest { options, ..fresh(&dumped) };
        controlled(|control| {
            let planned = engine.plan_load(&request, control).unwrap();
            let load = engine.begin_load(&planned, control).unwrap();
            feed(&*load, &dumped, &planned, control).unwrap();
            load.abort().unwrap();
        });
        load(&*engine, &dumped, &request).unwrap();
        assert_eq!(table_names(&*engine).len(), 3);
        let replace = LoadRequest { mode: LoadMode::Replace, ..request };
        assert_eq!(plan(&*engine, &replace).err().unwrap().kind(), ErrorKind::Denied);
        drop(target);
    }
}

#[test]
fn a_cut_connection_fails_and_leaves_nothing() {
    for server in postgres() {
        let (_source, dumped) = shop(&server);
        let target = Absent::new(&server, "cut_");
        let engine = target.engine();
        let request = fresh(&dumped);
        controlled(|control| {
            let planned = engine.plan_load(&request, control).unwrap();
            let mut load = engine.begin_load(&planned, control).unwrap();
            feed(&*load, &dumped, &planned, control).unwrap();
            let name = target.family().remove(0);
            server.psql(
                "postgres",
                &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
            );
            let error = load.finish(control).unwrap_err();
            assert!(told(&error).contains("is dropped"), "{}", told(&error));
            load.abort().unwrap();
        });
        assert!(target.family().is_empty());
        assert!(leftovers(&*engine).is_empty());
    }
}

#[test]
fn what_a_killed_restore_left_is_found_and_removed() {
    for server in postgres() {
        let (_source, dumped) = shop(&server);
        let target = Absent::new(&server, "killed_");
        let engine = target.engine();
        controlled(|control| {
            let planned = engine.plan_load(&fresh(&dumped), control).unwrap();
            let load = engine.begin_load(&planned, control).unwrap();
            feed(&*load, &dumped, &planned, control).unwrap();
            let name = target.family().remove(0);
            let (found, said) = leftovers_and_words(&*engine);
            assert!(found.is_empty(), "a restore under way is nobody's leftover");
            assert!(said.contains(&name) && said.contains("still uses it"), "{said}");
            std::mem::forget(load);
        });
        let name = target.family().remove(0);
        server.psql(
            "postgres",
            &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"),
        );
        // The sessions take a moment to go, which is waited for.
        let (found, said) = leftovers_and_words(&*engine);
        assert_eq!(said, "");
        assert_eq!((found.len(), found[0].location.as_str()), (1, name.as_str()));
        assert_eq!(found[0].description, "unfinished restore");
        engine.discard(&found[0]).unwrap();
        engine.discard(&found[0]).unwrap();
        assert!(target.family().is_empty());
    }
}

#[test]
fn a_frame_runs_nothing_but_rows() {
    for server in postgres() {
        let (_source, dumped) = shop(&server);
        let customers = table("public", "customers");
        let hostile = [
            "COPY public.customers FROM PROGRAM 'false';\n\\.\n\n",
            "COPY public.nothing FROM stdin;\n\\.\n\n",
            "DROP TABLE public.customers; COPY public.customers (id) FROM stdin;\n\\.\n\n",
            "COPY public.customers (id) FROM stdin;\n1",
        ];
        for text in hostile {
            let target = Absent::new(&server, "hostile_");
            let error = load_one(&target, &fresh(&dumped), Section::Data, &customers, text.as_bytes());
            assert_eq!(error.kind(), ErrorKind::DamagedBackup, "{text}: {}", told(&error));
            assert!(target.family().is_empty());
        }
        let target = Absent::new(&server, "hostile_");
        let statements = "SELECT pg_catalog.lo_put(1, 0, '');\nDROP TABLE x;\n";
        let large = ObjectName::new("large objects");
        let error = load_one(&target, &fresh(&dumped), Section::Data, &large, statements.as_bytes());
        assert_eq!(error.kind(), ErrorKind::DamagedBackup);
    }
}

fn load_one(
    target: &Absent,
    request: &LoadRequest,
    section: Section,
    object: &ObjectName,
    data: &[u8],
) -> cadangkan_core::Error {
    controlled(|control| {
        let engine = target.engine();
        let planned = engine.plan_load(request, control).unwrap();
        let load = engine.begin_load(&planned, control).unwrap();
        let piece = Piece { raw_offset: 0, section: Some(section), object: Some(object), data };
        load.load(&piece, control).unwrap_err()
    })
}

#[test]
fn a_failed_statement_is_named_with_its_object() {
    for server in postgres() {
        let (source, _) = shop(&server);
        source.psql("CREATE FUNCTION broken() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1/count(*)::int FROM public.nothing';
                     CREATE TABLE late (a int); INSERT INTO late VALUES (1); CREATE INDEX bad ON late ((a / broken()));");
        let dumped =
            crate::support::dump(&*engine(&source), &cadangkan_engine::DumpRequest::default()).unwrap();
        let mut dumped = dumped;
        // Without the row the index's expression divides by zero.
        for frame in dumped.frames.iter_mut().filter(|frame| frame.object.name == "nothing") {
            frame.data = b"COPY public.nothing FROM stdin;\n\\.\n\n".to_vec();
        }
        for object in dumped.objects.iter_mut().filter(|object| object.name.name == "nothing") {
            object.rows = Some(0);
        }
        let target = server.database();
        let error = load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap_err();
        let text = told(&error);
        assert!(
            text.contains("CREATE INDEX bad")
                && text.contains("public.bad")
                && text.contains("division by zero"),
            "{text}"
        );
        assert!(text.contains("dropped again"), "{text}");
        assert!(plan(&*engine(&target), &fresh(&dumped)).is_ok(), "the target is empty again");
    }
}

#[test]
fn a_request_to_stop_is_heard_while_the_server_works() {
    for server in postgres() {
        let (source, _) = shop(&server);
        source.psql("CREATE FUNCTION slow(a int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
                       'BEGIN PERFORM pg_sleep(100); RETURN a; END'; CREATE TABLE t (a int); INSERT INTO t VALUES (1);");
        let mut dumped =
            crate::support::dump(&*engine(&source), &cadangkan_engine::DumpRequest::default()).unwrap();
        let last = dumped.frames.iter_mut().rfind(|frame| frame.section == Section::PostData).unwrap();
        last.data.extend_from_slice(b"--\n-- Name: i; Type: INDEX; Schema: public; Owner: -\n--\n\nCREATE INDEX i ON public.t (public.slow(a));\n\n\n");
        let target = Absent::new(&server, "stopped_");
        let request = LoadRequest { raw_bytes: None, ..fresh(&dumped) };
        let (cancel, clock) = (Cancel::default(), FakeClock::default());
        let control = &Control { cancel: &cancel, reporter: &NoReporter, clock: &clock };
        let engine = target.engine();
        let planned = engine.plan_load(&request, control).unwrap();
        let mut load = engine.begin_load(&planned, control).unwrap();
        feed(&*load, &dumped, &planned, control).unwrap();
        let busy = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE 'CREATE INDEX i ON%'";
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while server.psql("postgres", busy) == "0\n" {}
                cancel.cancel();
            });
            assert_eq!(load.finish(control).unwrap_err().kind(), ErrorKind::Cancelled);
        });
        load.abort().unwrap();
        assert!(target.family().is_empty());
    }
}
