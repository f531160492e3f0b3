//! Databases that are odd in their encoding, their locale, their name, or in how much they have of something.

use cadangkan_engine::DumpRequest;
use cadangkan_testkit::servers::{PostgresServer, TestDatabase, postgres, postgres_main};

use crate::load_support::{Absent, fresh, told};
use crate::support::{dump, engine, fingerprints, load};

const SEQUENCES: &str = "SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2";

/// Restores a database into one that is not there yet, and compares both.
fn round_trip(server: &PostgresServer, source: &TestDatabase) -> Absent {
    let dumped =
        dump(&*engine(source), &DumpRequest::default()).unwrap_or_else(|error| panic!("{}", told(&error)));
    let target = Absent::new(server, "odd_");
    load(&*target.engine(), &dumped, &fresh(&dumped)).unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(fingerprints(&*target.engine()), fingerprints(&*engine(source)));
    if source.psql("SHOW server_encoding") == "UTF8\n" {
        assert_eq!(server.schema(&target.name), source.schema());
    }
    let facts = "SELECT pg_encoding_to_char(encoding), datcollate, datctype FROM pg_database WHERE datname = current_database()";
    for query in [SEQUENCES, facts] {
        assert_eq!(target.psql(query), source.psql(query));
    }
    target
}

#[test]
fn latin1_and_bytes_without_an_encoding() {
    for server in postgres() {
        let latin = server.database_with("TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'");
        latin.psql(
            "SET client_encoding = UTF8; CREATE TABLE \"größe\" (\"naïve\" text);
             INSERT INTO \"größe\" VALUES ('ÿ ¡¿ é'), (chr(255) || E'\\n\\t\\\\');
             COMMENT ON TABLE \"größe\" IS 'ça va';",
        );
        let target = round_trip(&server, &latin);
        let hex = "SET client_encoding = UTF8; SELECT obj_description('\"größe\"'::regclass),
          string_agg(encode(convert_to(\"naïve\", 'LATIN1'), 'hex'), ',' ORDER BY \"naïve\") FROM \"größe\"";
        assert_eq!(target.psql(hex), latin.psql(hex));
        let bytes = server.database_with("TEMPLATE template0 ENCODING SQL_ASCII LC_COLLATE 'C' LC_CTYPE 'C'");
        bytes.psql(
            "CREATE TABLE raw (t text); SET escape_string_warning = off;
             INSERT INTO raw VALUES (E'\\xff\\xfe\\x80'), (E'gr\\xc3\\xb6\\xdfe'), (E'\\xe9');",
        );
        let target = round_trip(&server, &bytes);
        let hex = "SELECT string_agg(encode(t::bytea, 'hex'), ',' ORDER BY t COLLATE \"C\") FROM raw";
        assert_eq!(target.psql(hex), bytes.psql(hex));
    }
}

#[test]
fn a_database_whose_collation_is_of_icu() {
    for server in postgres().into_iter().filter(|server| server.version >= 15) {
        let source = server.database_with(
            "TEMPLATE template0 ENCODING UTF8 LOCALE_PROVIDER icu ICU_LOCALE 'de-u-co-phonebk' LOCALE 'C.UTF-8'",
        );
        source.psql("CREATE TABLE names (n text PRIMARY KEY); INSERT INTO names VALUES ('Ärger'), ('Arger'), ('Az'), ('Ad')");
        let target = round_trip(&server, &source);
        let column = if server.version >= 17 { "datlocale" } else { "daticulocale" };
        for query in [
            &format!("SELECT datlocprovider, {column} FROM pg_database WHERE datname = current_database()"),
            "SELECT string_agg(n, ',' ORDER BY n) FROM names",
        ] {
            assert_eq!(target.psql(query), source.psql(query), "{}", server.version);
        }
    }
}

#[test]
fn names_that_need_quotes() {
    let Some(server) = postgres_main() else { return };
    for name in [
        "a b;",
        "quote\" and ' ",
        "dbname=x host=y ",
        "back\\slash",
        "Ünï🐘",
        "-rf ",
        "$(x) %s",
        "postgres://host/ ",
    ] {
        let source = Absent::new(&server, name);
        server.psql("postgres", &format!("CREATE DATABASE \"{}\"", source.name.replace('"', "\"\"")));
        source.psql("CREATE TABLE t (a int); INSERT INTO t VALUES (1)");
        let dumped = dump(&*source.engine(), &DumpRequest::default())
            .unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        let target = Absent::new(&server, name);
        load(&*target.engine(), &dumped, &fresh(&dumped))
            .unwrap_or_else(|error| panic!("{name}: {}", told(&error)));
        assert_eq!(fingerprints(&*target.engine()), fingerprints(&*source.engine()), "{name}");
    }
}

#[test]
fn very_many_tables_and_sequences() {
    let Some(server) = postgres_main() else { return };
    let source = server.database();
    // In several transactions: each table is a lock.
    for part in 0..6 {
        source.psql(&format!(
            "DO $$ BEGIN FOR i IN 1..500 LOOP
               EXECUTE format('CREATE TABLE many%s_%s (id int); CREATE SEQUENCE seq%s_%s START %s', {part}, i, {part}, i, i + 7);
             END LOOP; END $$; SELECT count(setval(oid::regclass, 9)) FROM pg_class WHERE relkind = 'S' AND relname LIKE 'seq{part}\\_%5';"
        ));
    }
    let dumped =
        dump(&*engine(&source), &DumpRequest::default()).unwrap_or_else(|error| panic!("{}", told(&error)));
    assert!(dumped.objects.iter().filter(|object| object.rows == Some(0)).count() >= 3000);
    let target = server.database();
    load(&*engine(&target), &dumped, &fresh(&dumped)).unwrap_or_else(|error| panic!("{}", told(&error)));
    assert_eq!(
        target.psql("SELECT count(*) FROM pg_class WHERE relname LIKE 'many%' AND relkind = 'r'"),
        "3000\n"
    );
    assert_eq!(target.psql(SEQUENCES), source.psql(SEQUENCES));
}

#[test]
fn a_table_with_as_many_columns_as_can_be() {
    let Some(server) = postgres_main() else { return };
    let source = server.database();
    let columns: Vec<_> = (0..1600).map(|number| format!("\"c;{number}\" bool")).collect();
    source.psql(&format!(
        "CREATE TABLE wide ({}); INSERT INTO wide (\"c;0\", \"c;1599\") SELECT true, i % 2 = 0 FROM generate_series(1, 50) i;
         CREATE TABLE dropped (a int, b int, c text); INSERT INTO dropped VALUES (1, 2, 'x'); ALTER TABLE dropped DROP COLUMN b, ADD COLUMN d int DEFAULT 5;",
        columns.join(", ")
    ));
    drop(round_trip(&server, &source));
}

#[test]
fn partitions_within_partitions() {
    let Some(server) = postgres_main() else { return };
    let source = server.database();
    source.psql(
        "CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, day date, kind text, PRIMARY KEY (id, day, kind)) PARTITION BY RANGE (day);
         CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY LIST (kind);
         CREATE TABLE \"events 2026;a\" PARTITION OF events_2026 FOR VALUES IN ('a');
         CREATE TABLE events_2026_rest PARTITION OF events_2026 DEFAULT;
         CREATE TABLE loose (kind text NOT NULL, day date NOT NULL, extra int, id bigint NOT NULL);
         ALTER TABLE loose DROP COLUMN extra;
         CREATE TABLE events_rest PARTITION OF events DEFAULT;
         INSERT INTO events (day, kind) SELECT date '2025-12-01' + i, chr(97 + i % 3) FROM generate_series(0, 499) i;
         INSERT INTO loose SELECT 'z', '2030-05-05', 100000 + i FROM generate_series(1, 10) i;
         DELETE FROM events_rest WHERE day >= '2030-01-01';
         ALTER TABLE events ATTACH PARTITION loose FOR VALUES FROM ('2030-01-01') TO ('2031-01-01');
         CREATE TABLE parent (a int); CREATE TABLE child (b int) INHERITS (parent);
         INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2, 3);",
    );
    let target = round_trip(&server, &source);
    for query in [
        "SELECT tableoid::regclass, count(*) FROM events GROUP BY 1 ORDER BY tableoid::regclass::text",
        "SELECT tableoid::regclass, a FROM parent ORDER BY a",
    ] {
        assert_eq!(target.psql(query), source.psql(query));
    }
}
