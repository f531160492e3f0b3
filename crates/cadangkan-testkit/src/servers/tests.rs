use std::process::Stdio;

use super::*;

#[test]
fn databases_come_and_go_on_every_server() {
    for server in postgres() {
        let database = server.database();
        assert_eq!(
            database.psql("SELECT current_setting('server_version_num')::int / 10000").trim(),
            server.version.to_string()
        );
        assert_eq!(
            database.psql("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2); SELECT sum(a) FROM t"),
            "3\n"
        );
        assert!(database.schema().contains("CREATE TABLE public.t ("));
        let mut hold = server.tool("psql", &database.name);
        let mut hold = hold.args(["-c", "SELECT pg_sleep(600)"]).stderr(Stdio::null()).spawn().unwrap();
        database.psql(UNTIL_ANOTHER_SLEEPS);
        let name = database.name.clone();
        drop(database);
        assert!(!hold.wait().unwrap().success());
        let left = format!("SELECT count(*) FROM pg_database WHERE datname = '{name}'");
        assert_eq!(server.psql("postgres", &left), "0\n");
    }
}

#[test]
fn names_and_errors_pass_whole() {
    let Some(server) = postgres_main() else { return };
    let name = "a \"b\" '$c'; \\d {e} 🐘";
    server.psql("postgres", &format!("CREATE DATABASE {}", "\"a \"\"b\"\" '$c'; \\d {e} 🐘\""));
    assert_eq!(server.psql(name, "SELECT current_database()"), format!("{name}\n"));
    server.drop_database(name).unwrap();
    let error = server.try_psql("postgres", "SELECT 1;\nSELECT nothing").unwrap_err();
    assert!(error.contains("\"nothing\" does not exist"), "{error}");
    assert!(server.url_of(name).ends_with("/a%20%22b%22%20%27%24c%27%3B%20%5Cd%20%7Be%7D%20%F0%9F%90%98"));
}

#[test]
fn a_certificate_opens_the_door_for_its_user_only() {
    for server in postgres().into_iter().filter(|server| server.tls) {
        let login = |user: &str, mode: &str| {
            let mut command = server.tool("psql", "postgres");
            command.env("PGSSLMODE", mode).env("PGSSLROOTCERT", server.root_cert.as_ref().unwrap());
            command.env("PGSSLCERT", server.client_cert.as_ref().unwrap());
            command.env("PGSSLKEY", server.client_key.as_ref().unwrap()).env("PGUSER", user);
            command.env_remove("PGPASSWORD").args(["-w", "-c", "SELECT 1"]).output().unwrap().status.success()
        };
        assert!(login("certuser", "verify-full"));
        assert!(!login("certuser", "disable") && !login("postgres", "verify-full"));
    }
}

const UNTIL_ANOTHER_SLEEPS: &str = "DO $$ BEGIN
    WHILE NOT EXISTS (SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND wait_event = 'PgSleep') LOOP
        PERFORM pg_sleep(0.01), pg_stat_clear_snapshot();
    END LOOP;
END $$";
