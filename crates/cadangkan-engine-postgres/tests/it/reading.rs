//! What a user may read: all of it, or every lack named before anything is dumped.

use cadangkan_core::{ErrorKind, Pattern, Selection};
use cadangkan_engine::{DumpOptions, DumpRequest};
use cadangkan_testkit::servers::{TestDatabase, postgres, postgres_main};

use crate::load_support::{Role, as_user, fresh, told};
use crate::support::{dump, engine, fingerprints, load};

fn as_role(database: &TestDatabase, role: &Role) -> Box<dyn cadangkan_engine::Engine> {
    as_user(&database.server, &database.name, &role.name)
}

fn without(tables: &[&str]) -> DumpRequest {
    let exclude_tables = tables.iter().map(|name| Pattern((*name).to_owned())).collect();
    DumpRequest { selection: Selection { exclude_tables, ..Selection::default() }, ..DumpRequest::default() }
}

#[test]
fn a_plain_owner_backs_up_what_is_its_own() {
    let Some(server) = postgres_main() else { return };
    let role = Role::new(&server, "");
    let database = server.database_with(&format!("OWNER {}", role.name));
    database.psql(&format!(
        "CREATE SCHEMA own AUTHORIZATION {0}; SET ROLE {0};
         CREATE TABLE own.notes (id serial PRIMARY KEY, note text); INSERT INTO own.notes (note) VALUES ('a'), (NULL);
         CREATE TABLE own.parts (id int, day date) PARTITION BY RANGE (day);
         CREATE TABLE own.part1 PARTITION OF own.parts FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
         INSERT INTO own.parts SELECT i, '2026-02-03' FROM generate_series(1, 100) i;
         SELECT lo_from_bytea(77, 'mine');",
        role.name
    ));
    let dumped = dump(&*as_role(&database, &role), &DumpRequest::default()).unwrap();
    let target = server.database();
    load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap();
    assert_eq!(fingerprints(&*engine(&target)), fingerprints(&*engine(&database)));
    assert_eq!(target.psql("SELECT convert_from(lo_get(77), 'UTF8')"), "mine\n");
    drop((database, target));
}

#[test]
fn a_role_that_reads_all_data_backs_up_everything() {
    for server in postgres().into_iter().filter(|server| server.version >= 14) {
        let role = Role::new(&server, "IN ROLE pg_read_all_data");
        let database = server.database();
        database.psql(
            "CREATE SCHEMA hidden; CREATE TABLE hidden.t (id serial, x text); INSERT INTO hidden.t (x) VALUES ('x');
             CREATE MATERIALIZED VIEW hidden.v AS SELECT * FROM hidden.t; REVOKE ALL ON SCHEMA hidden FROM PUBLIC;",
        );
        let dumped = dump(&*as_role(&database, &role), &DumpRequest::default()).unwrap();
        let target = server.database();
        load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap();
        assert_eq!(fingerprints(&*engine(&target)), fingerprints(&*engine(&database)));
        assert_eq!(target.psql("SELECT count(*) FROM hidden.v"), "1\n");
    }
}

#[test]
fn everything_that_may_not_be_read_is_named_at_once() {
    let Some(server) = postgres_main() else { return };
    let role = Role::new(&server, "");
    let database = server.database();
    database.psql(&format!(
        "CREATE TABLE open (a int); CREATE TABLE \"se;cret\" (a int); CREATE TABLE secret2 (a int) PARTITION BY LIST (a);
         CREATE SEQUENCE counter; CREATE SEQUENCE open_counter; SELECT lo_from_bytea(99, 'x'), lo_from_bytea(98, 'x');
         GRANT SELECT ON LARGE OBJECT 98 TO PUBLIC; GRANT SELECT ON open, open_counter TO {0};
         CREATE SCHEMA closed; CREATE TABLE closed.t (a int); GRANT SELECT ON closed.t TO {0};",
        role.name
    ));
    let user = as_role(&database, &role);
    let error = dump(&*user, &DumpRequest::default()).err().unwrap();
    let text = told(&error);
    assert_eq!(error.kind(), ErrorKind::Denied, "{text}");
    for name in [
        "table public.se;cret",
        "table public.secret2",
        "sequence public.counter",
        "large object 99",
        "table closed.t",
    ] {
        assert!(text.contains(name), "{name}: {text}");
    }
    assert!(!text.contains("98") && !text.contains("open"), "{text}");
    assert!(text.contains("--exclude-tables"), "{text}");
    // What is left out does not matter; a selection of tables has no large objects.
    let request = without(&["se;cret", "secret2", "counter", "closed.*"]);
    let dumped = dump(&*user, &request).unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(dumped.objects.iter().filter(|object| object.name.name == "open").count(), 1);
    database.psql(&format!("REVOKE ALL ON open_counter FROM {}", role.name));
    drop(database);
}

#[test]
fn row_security_fails_or_is_asked_for() {
    for server in postgres() {
        let role = Role::new(&server, "");
        let database = server.database();
        database.psql(&format!(
            "CREATE TABLE mail (id int PRIMARY KEY, reader text); ALTER TABLE mail ENABLE ROW LEVEL SECURITY;
             CREATE POLICY own ON mail USING (reader = current_user);
             INSERT INTO mail VALUES (1, '{0}'), (2, 'nobody'), (3, '{0}'); GRANT SELECT ON mail TO {0};",
            role.name
        ));
        let user = as_role(&database, &role);
        let error = dump(&*user, &DumpRequest::default()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(told(&error).contains("mail") && told(&error).contains("--row-security"), "{}", told(&error));
        let options = DumpOptions { row_security: true, ..DumpOptions::default() };
        let dumped = dump(&*user, &DumpRequest { options, ..DumpRequest::default() })
            .unwrap_or_else(|error| panic!("{}", told(&error)));
        let target = server.database();
        load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap();
        assert_eq!(target.psql("SELECT string_agg(id::text, ',' ORDER BY id) FROM mail"), "1,3\n");
        // The superuser sees them all, asked for or not.
        let all = dump(&*engine(&database), &DumpRequest { options, ..DumpRequest::default() }).unwrap();
        assert_eq!(all.objects.iter().find(|object| object.name.name == "mail").unwrap().rows, Some(3));
        drop((target, database));
    }
}

#[test]
fn nothing_is_hidden_from_an_owner_that_row_security_is_forced_on() {
    let Some(server) = postgres_main() else { return };
    let role = Role::new(&server, "");
    let database = server.database_with(&format!("OWNER {}", role.name));
    database.psql(&format!(
        "CREATE TABLE mail (id int); INSERT INTO mail VALUES (1); ALTER TABLE mail OWNER TO {};
         ALTER TABLE mail ENABLE ROW LEVEL SECURITY; ALTER TABLE mail FORCE ROW LEVEL SECURITY;",
        role.name
    ));
    let error = dump(&*as_role(&database, &role), &DumpRequest::default()).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied, "{}", told(&error));
    drop(database);
}
