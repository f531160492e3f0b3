//! What belongs to the whole server.

use cadangkan_core::ErrorKind;
use cadangkan_engine::{DumpOptions, DumpRequest, LoadOptions, LoadRequest};
use cadangkan_testkit::servers::{PostgresServer, TestDatabase, postgres};

use crate::load_support::{Role, as_user, fresh, told};
use crate::support::{Dump, dump, engine, load};

/// Roles whose names begin alike, dropped at the end.
struct Roles {
    server: PostgresServer,
    prefix: String,
}

impl Roles {
    /// A name that nothing else on the server has is that of the database.
    fn of(database: &TestDatabase) -> Roles {
        Roles { server: database.server.clone(), prefix: database.name.replace("cadangkan_test", "g") }
    }

    /// Runs statements in which `~` stands for the beginning of the names.
    fn run(&self, sql: &str) {
        self.server.psql("postgres", &sql.replace('~', &self.prefix));
    }

    fn remove(&self) {
        let sql = "SELECT format('DROP OWNED BY %1$I CASCADE; DROP ROLE %1$I', rolname) FROM pg_roles WHERE rolname LIKE '~%' ORDER BY 1 DESC \\gexec";
        self.run(sql);
    }

    /// All that the server knows of them.
    fn facts(&self) -> String {
        let members = if self.server.version >= 16 {
            "admin_option, inherit_option, set_option, grantor::regrole"
        } else {
            "admin_option"
        };
        let mut sql = format!(
            "SELECT rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolbypassrls,
               rolconnlimit, rolpassword, rolvaliduntil, shobj_description(oid, 'pg_authid'),
               (SELECT setconfig FROM pg_db_role_setting WHERE setrole = a.oid AND setdatabase = 0)
             FROM pg_authid a WHERE rolname LIKE '~%' ORDER BY 1;
             SELECT roleid::regrole, member::regrole, {members} FROM pg_auth_members
              WHERE roleid::regrole::text LIKE '%~%' OR member::regrole::text LIKE '%~%' ORDER BY roleid::regrole::text, member::regrole::text, (SELECT min(rolname) FROM pg_roles WHERE oid = grantor);"
        );
        if self.server.version >= 15 {
            sql += "SELECT parname, privilege_type, is_grantable, grantee::regrole FROM pg_parameter_acl, aclexplode(paracl)
                     WHERE grantee::regrole::text LIKE '%~%' ORDER BY 1, 2, grantee::regrole::text;";
        }
        self.server.psql("postgres", &sql.replace('~', &self.prefix))
    }

    /// A dump of a database with these roles, and none of other tests.
    fn dump(&self, database: &TestDatabase) -> Dump {
        let options = DumpOptions { globals: true, ..DumpOptions::default() };
        let mut dumped =
            dump(&*engine(database), &DumpRequest { options, ..DumpRequest::default() }).unwrap();
        let frame = dumped.frames.iter_mut().find(|frame| frame.object.name == "globals").unwrap();
        let text = String::from_utf8(frame.data.clone()).unwrap();
        let is_ours = |line: &&str| line.starts_with("--") || line.contains(&self.prefix);
        frame.data =
            text.lines().filter(is_ours).map(|line| format!("{line}\n")).collect::<String>().into_bytes();
        dumped
    }
}

impl Drop for Roles {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.remove();
        }
    }
}

const ROLES: &str = "CREATE ROLE \"~ group; 'x'\" NOINHERIT; CREATE ROLE ~login LOGIN PASSWORD 'h''unter' CONNECTION LIMIT 3 VALID UNTIL '2030-01-02 03:04:05+00';
    CREATE ROLE ~maker CREATEROLE CREATEDB BYPASSRLS REPLICATION; CREATE ROLE ~third; CREATE ROLE ~other;
    COMMENT ON ROLE ~login IS 'it''s one'; ALTER ROLE ~login SET search_path TO \"$user\", 'a b', public; ALTER ROLE ~login SET work_mem TO '7MB';
    GRANT \"~ group; 'x'\" TO ~login WITH ADMIN OPTION; GRANT \"~ group; 'x'\" TO ~maker; GRANT pg_monitor TO ~third;";

/// A member that passes a role on, and options that a plain GRANT does not give.
const OPTIONS: &str = "GRANT \"~ group; 'x'\" TO ~third WITH ADMIN OPTION GRANTED BY ~login;
    GRANT \"~ group; 'x'\" TO ~maker WITH INHERIT FALSE, SET FALSE GRANTED BY ~third;
    GRANT ~third TO ~maker WITH ADMIN TRUE, INHERIT FALSE, SET FALSE; GRANT ~other TO \"~ group; 'x'\" WITH INHERIT TRUE;";

const PARAMETERS: &str = "GRANT SET ON PARAMETER log_statement TO ~login WITH GRANT OPTION; GRANT ALTER SYSTEM ON PARAMETER \"my.own\" TO ~maker;";

#[test]
fn roles_come_back_with_all_that_they_have() {
    for server in postgres() {
        let source = server.database();
        let roles = Roles::of(&source);
        roles.run(ROLES);
        if server.version >= 15 {
            roles.run(PARAMETERS);
        }
        if server.version >= 16 {
            roles.run(OPTIONS);
        }
        source.psql(&"CREATE TABLE t (a int); ALTER TABLE t OWNER TO ~third".replace('~', &roles.prefix));
        let (facts, dumped) = (roles.facts(), roles.dump(&source));
        assert!(
            facts.lines().count() > 6 && (facts.contains("|SCRAM-SHA-256") || facts.contains("|md5")),
            "{facts}"
        );
        source.psql("DROP TABLE t");
        roles.remove();
        assert_eq!(roles.facts(), "");
        let options = LoadOptions { globals: true, ..LoadOptions::default() };
        for _ in 0..2 {
            // The second time they are there already.
            let target = server.database();
            let request = LoadRequest { options: options.clone(), ..fresh(&dumped) };
            load(&*engine(&target), &dumped, &request).unwrap_or_else(|error| panic!("{}", told(&error)));
            assert_eq!(roles.facts(), facts, "PostgreSQL {}", server.version);
            let owner = target.psql("SELECT tableowner FROM pg_tables WHERE tablename = 't'");
            assert_eq!(owner, format!("{}third\n", roles.prefix));
            target.psql("DROP TABLE t");
        }
    }
}

#[test]
fn without_the_right_roles_come_without_their_passwords() {
    for server in postgres() {
        let source = server.database();
        let (roles, reader) = (Roles::of(&source), Role::new(&server, ""));
        roles.run(ROLES);
        let options = DumpOptions { globals: true, ..DumpOptions::default() };
        let user = as_user(&server, &source.name, &reader.name);
        let dumped = dump(&*user, &DumpRequest { options, ..DumpRequest::default() }).unwrap();
        let frame = dumped.frames.iter().find(|frame| frame.object.name == "globals").unwrap();
        let text = String::from_utf8(frame.data.clone()).unwrap();
        assert!(
            text.contains(&format!("ALTER ROLE {}login WITH", roles.prefix)) && !text.contains("SCRAM"),
            "{text}"
        );
        // Who may not make roles is told so, and nothing is left.
        let target = server.database();
        target.psql(&format!("GRANT ALL ON DATABASE {} TO {}", target.name, reader.name));
        let request = LoadRequest {
            options: LoadOptions { globals: true, ..LoadOptions::default() },
            ..fresh(&dumped)
        };
        let error = load(&*as_user(&server, &target.name, &reader.name), &dumped, &request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{}", told(&error));
        target.psql(&format!("REVOKE ALL ON DATABASE {} FROM {}", target.name, reader.name));
    }
}
