//! Archives without an index, and dumps of others.

use cadangkan_core::ErrorKind;
use cadangkan_engine::{LoadMode, LoadOptions, LoadRequest};
use cadangkan_testkit::servers::{PostgresServer, TestDatabase, postgres};

use crate::load_support::{Absent, fresh, plan, restore_stream, shop, table_names, tables, told};
use crate::support::{engine, fingerprints, pg_bin};

/// What pg_dump of the server's version gives.
fn pg_dump(source: &TestDatabase, arguments: &[&str]) -> Vec<u8> {
    let mut command = std::process::Command::new(pg_bin(&source.server).join("pg_dump"));
    command
        .env("PGPASSWORD", PostgresServer::PASSWORD)
        .arg(format!("--dbname={}", source.url))
        .args(arguments);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn our_archive_restores_without_index_and_manifest() {
    for server in postgres() {
        let (source, dumped) = shop(&server);
        for stretch in [97, 1 << 20] {
            let target = Absent::new(&server, "stream_");
            let (report, _) =
                restore_stream(&*target.engine(), &LoadRequest::default(), &dumped.script(), stretch)
                    .unwrap();
            assert_eq!((report.tables, report.objects.len()), (3, 3));
            assert_eq!(fingerprints(&*target.engine()), fingerprints(&*engine(&source)));
            assert_eq!(server.schema(&target.name), source.schema());
        }
    }
}

#[test]
fn wishes_hold_without_an_index_too() {
    for server in postgres() {
        let (source, dumped) = shop(&server);
        for script in [dumped.script(), pg_dump(&source, &[])] {
            let target = server.database();
            let selection = tables(&["customers", "nothing"]);
            let options = LoadOptions { no_owner: true, ..LoadOptions::default() };
            let request = LoadRequest { selection, options, ..LoadRequest::default() };
            restore_stream(&*engine(&target), &request, &script, 1000).unwrap();
            assert_eq!(table_names(&*engine(&target)).len(), 2);
            assert_eq!(
                target.psql("SELECT count(*), (SELECT nextval('customers_id_seq')) FROM customers"),
                "1000|1001\n"
            );
            let clean = LoadRequest {
                mode: LoadMode::Clean,
                selection: tables(&["nothing"]),
                ..LoadRequest::default()
            };
            restore_stream(&*engine(&target), &clean, &script, 1000).unwrap();
            assert_eq!(target.psql("SELECT count(*) FROM nothing"), "1\n");
            target.psql("TRUNCATE customers, nothing");
            let data = LoadRequest {
                mode: LoadMode::Data,
                selection: tables(&["customers"]),
                ..LoadRequest::default()
            };
            restore_stream(&*engine(&target), &data, &script, 1000).unwrap();
            assert_eq!(
                target.psql("SELECT count(*), (SELECT count(*) FROM nothing) FROM customers"),
                "1000|0\n"
            );
        }
    }
}

/// Whether pg_restore, which may be a newer one where a server brought none along, sets what the server does not know.
fn pg_restore_is_too_new(server: &PostgresServer) -> bool {
    let tools = postgres().into_iter().find(|other| other.version >= server.version && other.bin.is_some());
    server.version < 17 && tools.unwrap().version >= 17
}

#[test]
fn dumps_of_pg_dump_restore() {
    for server in postgres() {
        let (source, _) = shop(&server);
        let wanted = fingerprints(&*engine(&source));
        for arguments in [&[][..], &["--inserts"], &["--format=custom"], &["--format=custom", "--compress=0"]]
        {
            let target = Absent::new(&server, "foreign; db'=");
            let raw = pg_dump(&source, arguments);
            let restored = restore_stream(&*target.engine(), &LoadRequest::default(), &raw, 4096);
            if arguments.contains(&"--format=custom") && pg_restore_is_too_new(&server) {
                let error = restored.unwrap_err();
                assert!(
                    error.kind() == ErrorKind::Unsupported && told(&error).contains("pg_bin"),
                    "{}",
                    told(&error)
                );
                continue;
            }
            let (report, _) = restored.unwrap();
            assert_eq!(report.tables, 3, "{arguments:?}");
            assert_eq!(fingerprints(&*target.engine()), wanted, "{arguments:?}");
            assert_eq!(server.schema(&target.name), source.schema(), "{arguments:?}");
            assert_eq!(target.psql("SELECT lo_get(4711)"), source.psql("SELECT lo_get(4711)"));
        }
    }
}

#[test]
fn what_is_cut_or_no_dump_is_refused() {
    for server in postgres() {
        let (source, dumped) = shop(&server);
        let script = dumped.script();
        let custom = pg_dump(&source, &["--format=custom"]);
        let copy = script.windows(5).position(|window| window == b"COPY ").unwrap();
        let cases: [(&[u8], ErrorKind); 7] = [
            (&script[..copy + 400], ErrorKind::DamagedBackup),
            (&script[..copy + 10], ErrorKind::DamagedBackup),
            (b"CREATE TABLE a (b text DEFAULT 'x", ErrorKind::DamagedBackup),
            (b"BEGIN; CREATE TABLE a (b int);", ErrorKind::DamagedBackup),
            (b"CREATE TABLE a (b int);\n\\connect postgres\nDROP TABLE a;", ErrorKind::Unsupported),
            (b"CREATE TABLE a (b int);\n\\! id\n", ErrorKind::Unsupported),
            (
                &custom[..custom.len() / 2],
                if pg_restore_is_too_new(&server) {
                    ErrorKind::Unsupported
                } else {
                    ErrorKind::DamagedBackup
                },
            ),
        ];
        for (number, (raw, kind)) in cases.into_iter().enumerate() {
            let target = Absent::new(&server, "refused_");
            let error = restore_stream(&*target.engine(), &LoadRequest::default(), raw, 777).unwrap_err();
            assert_eq!(error.kind(), kind, "{number}: {}", told(&error));
            assert!(target.family().is_empty(), "{number}");
        }
        let target = server.database();
        let error =
            restore_stream(&*engine(&target), &LoadRequest::default(), &script[..script.len() / 2], 999)
                .unwrap_err();
        assert!(told(&error).contains("dropped again"), "{}", told(&error));
        assert!(plan(&*engine(&target), &fresh(&dumped)).is_ok());
        let request = LoadRequest { selection: tables(&["customers"]), ..LoadRequest::default() };
        let error = restore_stream(&*engine(&target), &request, &custom, 4096).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
}
