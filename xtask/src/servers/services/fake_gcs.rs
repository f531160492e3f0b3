//! A server of Google Cloud Storage: fake-gcs-server, built by Go, and run in trixie's root.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Kind, Launch, Place};
use crate::servers::Installation;
use crate::servers::roots::{self, Suite};
use crate::{process, project, workplace};

pub(super) const GCS: Kind = Kind { name: "gcs", obtain, prepare };

const MODULE: &str = "github.com/fsouza/fake-gcs-server";
const VERSION: &str = "1.56.1";
const PROGRAM: &str = "fake-gcs-server";

fn obtain() -> Result<Installation> {
    let root = roots::obtain(Suite::Trixie, &[])?;
    let folder = root.join(format!("opt/{PROGRAM}-{VERSION}"));
    if !folder.exists() {
        println!("building {PROGRAM} {VERSION} with Go (once, two minutes)");
        workplace::install(workplace::FOR_GO)?;
        let work = project::cache()?.join("go");
        let mut go = Command::new("timeout");
        go.args(["1200", "go", "install", &format!("{MODULE}@v{VERSION}")]).env("CGO_ENABLED", "0");
        // Its folders go with the work: modules are made read-only unless told otherwise.
        go.env("GOPATH", work.join("path")).env("GOCACHE", work.join("cache")).env("GOFLAGS", "-modcacherw");
        go.env("GOBIN", work.join("bin"));
        process::run_quietly(&mut go).with_context(|| format!("cannot build {PROGRAM}"))?;
        let partial = folder.with_extension("partial");
        fs::create_dir_all(&partial)?;
        fs::copy(work.join("bin").join(PROGRAM), partial.join(PROGRAM))?;
        fs::rename(&partial, &folder)?;
        fs::remove_dir_all(&work)?;
    }
    let bin = format!("/opt/{PROGRAM}-{VERSION}").into();
    Ok(Installation { user: "daemon".to_owned(), root: Some(root), bin })
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let port = place.port.to_string();
    let host = format!("127.0.0.1:{port}");
    let url = format!("http://{host}");
    let arguments = ["-scheme", "http", "-host", "127.0.0.1", "-port", &port, "-backend", "memory"];
    let arguments =
        [&arguments[..], &["-public-host", &host, "-external-url", &url, "-log-level", "error"]].concat();
    Ok(Launch::new(PROGRAM, &arguments, &[]))
}
