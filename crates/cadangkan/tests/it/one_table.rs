//! A table taken out of an encrypted archive in S3: only its own bytes are fetched.

use cadangkan_testkit::s3::S3Server;
use cadangkan_testkit::servers::{PostgresServer, postgres_main};

use crate::postgres_server::Way;
use crate::support::Home;

/// Rows that do not compress well, for `wanted` and for what lies before and behind it.
const FILL: &str = "
    CREATE FUNCTION noise(i int) RETURNS text LANGUAGE sql AS
        $$ SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 20) j $$;
    CREATE TABLE before (id int PRIMARY KEY, note text);
    CREATE TABLE wanted (id int PRIMARY KEY, note text);
    CREATE TABLE zebra (id int PRIMARY KEY, note text);
    INSERT INTO before SELECT i, noise(i) FROM generate_series(1, 50000) i;
    INSERT INTO wanted SELECT i, noise(-i) FROM generate_series(1, 30000) i;
    INSERT INTO zebra SELECT i, noise(i + 50000) FROM generate_series(1, 50000) i;";

const CONTENT: &str = "SELECT count(*), md5(string_agg(w::text, '' ORDER BY id)) FROM wanted w";

#[test]
fn a_table_of_an_encrypted_archive_in_s3_costs_its_own_bytes() {
    let (Some(s3), Some(server)) = (S3Server::find("ceph"), postgres_main()) else { return };
    let (database, target) = (server.database(), server.database());
    database.psql(FILL);
    let (bucket, way) = (s3.bucket(), Way::to(s3.port()));
    let home = Home::configured(&format!(
        "storages:\n  cloud: {{ s3: {{ bucket: {}, endpoint: 'http://127.0.0.1:{}', access_key: '{}', secret_key: '{}' }} }}\n\
         defaults: {{ storage: [cloud], encryption: {{ passphrase: correct horse battery staple }} }}\n\
         databases:\n  shop: {{ postgres: {{ host: 127.0.0.1, port: {}, user: {}, password: {}, database: {} }} }}\n",
        bucket.name,
        way.port,
        s3.access_key(),
        s3.secret_key(),
        server.port,
        PostgresServer::USER,
        PostgresServer::PASSWORD,
        database.name
    ));
    home.good(&["backup", "shop"]);
    let id = home.json(&["backups", "list"])[0]["backup_id"].as_str().unwrap().to_owned();
    let manifest = &home.json(&["backups", "info", "shop", &id])[0]["manifest"];
    let size = |object: &str| {
        let objects = manifest["objects"].as_array().unwrap();
        let found = objects.iter().find(|found| found["name"]["name"] == object || found["name"] == object);
        found.unwrap_or_else(|| panic!("{manifest:#}"))["stored_bytes"].as_u64().unwrap()
    };
    let (table, index) = (size("wanted"), manifest["index"]["size_bytes"].as_u64().unwrap());
    let archive = manifest["archive"]["size_bytes"].as_u64().unwrap();
    assert!(table > 4 << 20 && archive > 4 * table, "{table} of {archive}");

    way.open();
    home.good(&["restore", "shop", "--tables", "wanted", "--to", &target.url, "--yes"]);
    // Requests, headers and the manifest are in it.
    let (passed, most) = (way.passed(), table * 11 / 10 + index);
    assert!(passed >= table, "{passed} of {table}: the archive came by another way");
    assert!(passed <= most, "{passed} bytes passed, at most {most} ({table} and an index of {index})");
    assert_eq!(target.psql(CONTENT), database.psql(CONTENT));
    println!("{passed} bytes for a table of {table} in an archive of {archive}, index {index}");
}
