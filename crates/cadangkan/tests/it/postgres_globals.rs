//! Roles of a whole server, also of one behind an SSH host.

use cadangkan_testkit::sshd::Sshd;

use crate::postgres_server::Server;
use crate::support::Home;

const ROLES: &str =
    "CREATE ROLE clerks NOLOGIN; CREATE ROLE ann LOGIN PASSWORD 'secret' IN ROLE clerks CONNECTION LIMIT 4;
    COMMENT ON ROLE ann IS 'it''s her'; ALTER ROLE ann SET work_mem TO '7MB';";

const FACTS: &str = "SELECT rolname, rolcanlogin, rolconnlimit, a.rolpassword LIKE 'SCRAM-SHA-256%', rolconfig,
    shobj_description(r.oid, 'pg_authid'), pg_has_role(r.oid, 'clerks', 'MEMBER')
    FROM pg_roles r JOIN pg_authid a USING (rolname, rolcanlogin, rolconnlimit) WHERE rolname IN ('ann', 'clerks') ORDER BY 1";

/// Backs up all databases of a server with its roles, and brings one back where the roles are gone.
fn round_trip(server: &Server, more: &str) {
    for name in ["app", "blog"] {
        server.psql("postgres", &format!("CREATE DATABASE {name}"));
        server.psql(name, &format!("CREATE TABLE t AS SELECT '{name}' AS name"));
    }
    server.psql("postgres", ROLES);
    server.psql("app", "ALTER TABLE t OWNER TO ann; GRANT SELECT ON t TO clerks");
    let facts = server.psql("postgres", FACTS);
    let (port, bin) = (server.port(), server.bin().display());
    let home = Home::configured(&format!(
        "databases:\n  prod:\n    postgres: {{ host: 127.0.0.1, port: {port}, user: postgres, sslmode: disable, \
         databases: '*', pg_bin: {bin}{more} }}\n    backup: {{ globals: true }}\n"
    ));
    home.good(&["backup", "prod"]);
    // The server is lost, but for its name.
    server.psql("postgres", "DROP DATABASE app");
    server.psql("postgres", "DROP ROLE ann; DROP ROLE clerks");
    let arguments = ["restore", "prod", "--database", "app", "--yes"];
    let ran = home.run(&arguments);
    assert!(ran.code == 4 && ran.stderr.contains("--globals") && ran.stderr.contains("ann"), "{ran:?}");
    let plan = home.good(&[&arguments[..], &["--globals", "--dry-run"]].concat());
    assert!(plan.contains("make the roles"), "{plan}");
    home.good(&[&arguments[..], &["--globals"]].concat());
    assert_eq!(server.psql("postgres", FACTS), facts);
    let owner = "SELECT t.name, tableowner, has_table_privilege('clerks', 't', 'SELECT') FROM pg_tables, t WHERE tablename = 't'";
    assert_eq!(server.psql("app", owner), "app|ann|t\n");
    assert_eq!(server.psql("blog", "SELECT name FROM t"), "blog\n");
}

#[test]
fn roles_of_a_whole_server_come_back() {
    let Some(server) = Server::start() else { return };
    round_trip(&server, "");
}

#[test]
fn roles_of_a_server_behind_an_ssh_host_come_back() {
    let (Some(server), Some(ssh)) = (Server::start(), Sshd::start()) else { return };
    let config = ssh.file("config");
    round_trip(
        &server,
        &format!(", ssh: {{ host: 127.0.0.1, port: {}, config: {} }}", ssh.port(), config.display()),
    );
    assert_eq!(ssh.clients(), 0);
}
