//! Security labels, which a server keeps only for a provider that is loaded.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use cadangkan_engine::{DumpRequest, LoadMode};
use cadangkan_testkit::servers::{TestDatabase, postgres};
use tempfile::TempDir;

use crate::support::{dump, engine, load};

/// The version that the provider is written for; its server sees the files of this machine.
const VERSION: u32 = 15;

const LABELS: &str = "SELECT objtype, objname, provider, label FROM pg_seclabels ORDER BY 1, 2";

#[test]
fn security_labels_come_back() {
    let Some(server) = postgres().into_iter().find(|server| server.version == VERSION) else { return };
    let (_folder, library) = provider();
    let with_provider = || -> TestDatabase {
        let database = server.database();
        database
            .psql(&format!("ALTER DATABASE {} SET session_preload_libraries = '{library}'", database.name));
        database
    };
    let (source, target) = (with_provider(), with_provider());
    source.psql(
        "CREATE TABLE public.secret (id int, name text);
         CREATE VIEW public.seen AS SELECT id FROM public.secret;
         CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
         SECURITY LABEL FOR cadangkan_labels ON TABLE public.secret IS 'it''s top; secret';
         SECURITY LABEL FOR cadangkan_labels ON COLUMN public.secret.name IS 'personal';
         SECURITY LABEL FOR cadangkan_labels ON VIEW public.seen IS 'open';
         SECURITY LABEL FOR cadangkan_labels ON FUNCTION public.f() IS 'trusted';
         SECURITY LABEL FOR cadangkan_labels ON SCHEMA public IS 'everybody'",
    );
    let dumped = dump(&*engine(&source), &DumpRequest::default()).unwrap();
    load(&*engine(&target), &dumped, &dumped.request(LoadMode::Fresh)).unwrap();
    let labels = source.psql(LABELS);
    assert_eq!(labels.lines().count(), 5, "{labels}");
    assert_eq!(target.psql(LABELS), labels);
    assert_eq!(target.schema(), source.schema());
}

/// Builds the provider where the server's user can read it.
fn provider() -> (TempDir, String) {
    let folder = TempDir::new().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let (source, library) = (folder.path().join("labels.c"), folder.path().join("labels.so"));
    fs::write(&source, include_str!("label_provider.c")).unwrap();
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.unwrap().success(), "the provider does not build");
    let path = library.to_str().unwrap().to_owned();
    (folder, path)
}
