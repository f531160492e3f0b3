//! To whom things belong when somebody else restores them.

use cadangkan_core::ErrorKind;
use cadangkan_engine::{DumpRequest, LoadOptions, LoadRequest};
use cadangkan_testkit::servers::postgres;

use crate::load_support::{Absent, Role, as_user, fresh, plan, tables, told};
use crate::support::{dump, engine, load};

#[test]
fn who_cannot_give_things_away_is_told_so_before_anything_is_made() {
    for server in postgres() {
        let (owner, user) = (Role::new(&server, ""), Role::new(&server, "CREATEDB"));
        let source = server.database();
        source.psql(&format!(
            "CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1';
             ALTER TABLE t OWNER TO {0}; ALTER FUNCTION f() OWNER TO {0}; GRANT SELECT ON t TO pg_monitor;",
            owner.name
        ));
        let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
        let target = Absent::new(&server, "owned_");
        let restorer = as_user(&server, &target.name, &user.name);
        let grant = |what: &str| server.psql("postgres", &format!("{what} {} TO {}", owner.name, user.name));
        let refused = || {
            let error = plan(&*restorer, &fresh(&dumped)).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Denied, "{}", told(&error));
            assert!(
                told(&error).contains("--no-owner") && told(&error).contains(&owner.name),
                "{}",
                told(&error)
            );
        };
        refused();
        // Of some tables nobody knows yet whom they belong to.
        let some = LoadRequest { selection: tables(&["t"]), ..fresh(&dumped) };
        let warnings = plan(&*restorer, &some).unwrap().warnings;
        assert!(warnings.iter().any(|warning| warning.contains(&owner.name)), "{warnings:?}");
        let options = LoadOptions { no_owner: true, ..LoadOptions::default() };
        load(&*restorer, &dumped, &LoadRequest { options, ..fresh(&dumped) }).unwrap();
        let who = "SELECT tableowner FROM pg_tables WHERE tablename = 't'";
        assert_eq!(target.psql(who), format!("{}\n", user.name));
        server.drop_database(&target.name).unwrap();
        if server.version >= 16 {
            server.psql(
                "postgres",
                &format!("GRANT {} TO {} WITH SET FALSE, INHERIT TRUE", owner.name, user.name),
            );
            refused();
            server.psql("postgres", &format!("REVOKE {} FROM {}", owner.name, user.name));
        }
        grant("GRANT");
        // In version 14 and older everybody may make things in the schema; from 15 on the database's owner may.
        let grants = LoadRequest { selection: tables(&["t"]), ..fresh(&dumped) };
        assert!(plan(&*restorer, &grants).unwrap().warnings.is_empty());
        assert!(plan(&*restorer, &fresh(&dumped)).is_ok());
        source.psql("DROP TABLE t; DROP FUNCTION f()");
    }
}
