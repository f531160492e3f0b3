//! Lists of revoked certificates of a test authority, made by openssl.
#![allow(clippy::expect_used, reason = "helpers of tests may fail")]

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Lists that the authority of the test servers has signed, and one of another authority.
pub struct RevocationLists {
    folder: TempDir,
}

impl RevocationLists {
    /// Makes them, with the authority's key, which lies beside its certificate.
    ///
    /// # Panics
    /// When openssl cannot do it.
    #[must_use]
    pub fn make(root: &Path) -> RevocationLists {
        let lists = RevocationLists { folder: tempfile::tempdir().expect("a temporary folder") };
        let (key, server) = (root.with_file_name("root.key"), root.with_file_name("server.crt"));
        let config = "[ca]\ndefault_ca = list\n[list]\ndatabase = index\ncrlnumber = number\ndefault_md = sha256\n\
                      crl_extensions = more\n[more]\nauthorityKeyIdentifier = keyid\n";
        lists.write("config", config);
        lists.write("number", "01\n");
        lists.write("index", "");
        let sign = |list: &str, (certificate, key): (&Path, &Path), until: &[&str]| {
            let mut command = lists.openssl(&["ca", "-config", "config", "-gencrl", "-out", list]);
            command.args(until).arg("-cert").arg(certificate).arg("-keyfile").arg(key);
            run(&mut command);
        };
        let (own, days) = ((root, key.as_path()), ["-crldays", "30"]);
        fs::create_dir(lists.folder.path().join("empty")).expect("a folder");
        sign("empty/list.crl", own, &days);
        sign(
            "outdated.crl",
            own,
            &["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200102000000Z"],
        );
        let new = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
        run(lists.openssl(&new).args(["-subj", "/CN=another", "-keyout", "other.key", "-out", "other.crt"]));
        sign("other.crl", (Path::new("other.crt"), Path::new("other.key")), &days);
        let mut revoke = lists.openssl(&["ca", "-config", "config", "-revoke"]);
        run(revoke.arg(server).arg("-cert").arg(root).arg("-keyfile").arg(&key));
        sign("server.crl", own, &days);
        lists
    }

    /// A list with nothing in it.
    #[must_use]
    pub fn empty(&self) -> String {
        self.path("empty/list.crl")
    }

    /// A folder with that list.
    #[must_use]
    pub fn folder_of_empty(&self) -> String {
        self.path("empty")
    }

    /// A list with the server's certificate.
    #[must_use]
    pub fn with_server(&self) -> String {
        self.path("server.crl")
    }

    /// A list with nothing in it, which was to be replaced in 2020.
    #[must_use]
    pub fn outdated(&self) -> String {
        self.path("outdated.crl")
    }

    /// A list of another authority.
    #[must_use]
    pub fn of_another(&self) -> String {
        self.path("other.crl")
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).expect("a file is written");
    }

    fn openssl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("openssl");
        command.args(arguments).current_dir(self.folder.path());
        command
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("openssl runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
