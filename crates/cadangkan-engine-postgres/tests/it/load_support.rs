//! What tests of restores need besides.

use std::hash::{BuildHasher as _, RandomState};

use cadangkan_core::{Control, ObjectName, Result};
use cadangkan_engine::{DumpRequest, Engine, Load, LoadMode, LoadPlan, LoadRequest};
pub(crate) use cadangkan_testkit::runs::{leftovers, plan, restore_stream, tables, told};
use cadangkan_testkit::servers::{PostgresServer, TestDatabase};
use serde_json::json;

use crate::support::{Dump, dump, engine, engine_with, pg_bin};

/// A database with two tables that know each other, a sequence, a view and odd names, and a dump of it.
pub(crate) fn shop(server: &PostgresServer) -> (TestDatabase, Dump) {
    let source = server.database();
    source.psql(SHOP);
    let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
    (source, dumped)
}

/// As a script for psql.
pub(crate) const SHOP: &str = r#"
    CREATE SCHEMA "we;ird ""one""";
    CREATE TYPE public.mood AS ENUM ('good', 'it''s bad');
    CREATE TABLE public.customers (id serial PRIMARY KEY, name text, feels public.mood DEFAULT 'good');
    CREATE TABLE "we;ird ""one"""."or.ders" (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      "cust; omer" int REFERENCES public.customers, note text, twice int GENERATED ALWAYS AS ("cust; omer" * 2) STORED);
    CREATE TABLE public.nothing ();
    INSERT INTO public.nothing DEFAULT VALUES;
    INSERT INTO public.customers (name) SELECT E'name\t\\.\n' || i FROM generate_series(1, 1000) i;
    INSERT INTO "we;ird ""one"""."or.ders" ("cust; omer", note)
      SELECT 1 + i % 1000, repeat(md5(i::text), 20) FROM generate_series(1, 4000) i;
    CREATE INDEX "an;index" ON "we;ird ""one"""."or.ders" (note);
    CREATE VIEW public.totals AS SELECT "cust; omer" AS c, count(*) AS n FROM "we;ird ""one"""."or.ders" GROUP BY 1;
    CREATE MATERIALIZED VIEW public.frozen AS SELECT * FROM public.totals;
    SELECT lo_from_bytea(4711, 'large \000 object');
"#;

/// The name of a database that does not exist yet; dropped at the end with all that restores made beside it.
pub(crate) struct Absent {
    pub(crate) name: String,
    server: PostgresServer,
}

impl Absent {
    pub(crate) fn new(server: &PostgresServer, name: &str) -> Absent {
        let name = format!("{name}{:08x}", RandomState::new().hash_one(1) & 0xffff_ffff);
        Absent { name, server: server.clone() }
    }

    pub(crate) fn engine(&self) -> Box<dyn Engine> {
        as_user(&self.server, &self.name, PostgresServer::USER)
    }

    /// All databases whose names begin with its own.
    pub(crate) fn family(&self) -> Vec<String> {
        let all = self.server.psql("postgres", "SELECT datname FROM pg_database ORDER BY 1");
        all.lines().filter(|line| line.starts_with(&self.name)).map(str::to_owned).collect()
    }

    pub(crate) fn psql(&self, sql: &str) -> String {
        self.server.psql(&self.name, sql)
    }
}

impl Drop for Absent {
    fn drop(&mut self) {
        for name in self.family() {
            self.server.drop_database(&name).unwrap();
        }
    }
}

/// A database as another role sees it, whose password is its name.
pub(crate) fn as_user(server: &PostgresServer, database: &str, user: &str) -> Box<dyn Engine> {
    let password = if user == PostgresServer::USER { PostgresServer::PASSWORD } else { user };
    let more = json!({
        "user": user, "password": password, "database": database, "pg_bin": pg_bin(server),
        "jobs": 3, "lock_timeout": "5s",
    });
    engine_with(&server.url, more)
}

/// A role that may log in, with a name of its own; dropped at the end, when nothing belongs to it any more.
pub(crate) struct Role {
    pub(crate) name: String,
    server: PostgresServer,
}

impl Role {
    pub(crate) fn new(server: &PostgresServer, options: &str) -> Role {
        let name = format!("role_{:016x}", RandomState::new().hash_one(1));
        server.psql("postgres", &format!("CREATE ROLE {name} LOGIN PASSWORD '{name}' {options}"));
        Role { name, server: server.clone() }
    }
}

impl Drop for Role {
    fn drop(&mut self) {
        let drop_it = format!("DROP ROLE IF EXISTS {}", self.name);
        let dropped = self.server.try_psql("postgres", &drop_it);
        if !std::thread::panicking() {
            dropped.unwrap();
        }
    }
}

/// Gives the needed frames of a dump to a load, one after the other.
pub(crate) fn feed(load: &dyn Load, dump: &Dump, plan: &LoadPlan, control: &Control<'_>) -> Result<()> {
    dump.pieces(plan).iter().try_for_each(|piece| load.load(piece, control))
}

pub(crate) fn fresh(dump: &Dump) -> LoadRequest {
    dump.request(LoadMode::Fresh)
}

/// The names of the tables in a database.
pub(crate) fn table_names(engine: &dyn Engine) -> Vec<ObjectName> {
    crate::support::fingerprints(engine).into_iter().map(|report| report.name).collect()
}
