//! A server of Azure Blob Storage: Azurite, Microsoft's own, of its npm package; Node.js is that of trixie's root.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Kind, Launch, Place};
use crate::servers::Installation;
use crate::servers::roots::{self, Suite};
use crate::{process, workplace};

pub(super) const AZURE: Kind = Kind { name: "azure", obtain, prepare };

const VERSION: &str = "3.35.0";
/// The account that every Azurite has, and its key. Source: Azure, "Use the Azurite emulator".
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

fn obtain() -> Result<Installation> {
    let root = roots::obtain(Suite::Trixie, &["nodejs"])?;
    let folder = root.join(format!("opt/azurite-{VERSION}"));
    if !folder.exists() {
        println!("installing Azurite {VERSION} from npm (once)");
        workplace::install(workplace::FOR_NPM)?;
        let partial = folder.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        let mut npm = Command::new("timeout");
        npm.args([
            "600",
            "npm",
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ]);
        process::run_quietly(npm.arg(&partial).arg(format!("azurite@{VERSION}")).current_dir(&partial))?;
        fs::rename(&partial, &folder).context("npm made another folder")?;
    }
    Ok(Installation { user: "daemon".to_owned(), root: Some(root), bin: "/usr/bin".into() })
}

fn prepare(place: &Place<'_>) -> Result<Launch> {
    let files = super::make_files(place)?;
    let port = place.port.to_string();
    let program = format!("/opt/azurite-{VERSION}/node_modules/azurite/dist/src/blob/main.js");
    let arguments = [&program, "--blobHost", "127.0.0.1", "--blobPort", &port, "--location", &files];
    let arguments = [&arguments[..], &["--silent", "--skipApiVersionCheck", "--disableTelemetry"]].concat();
    Ok(Launch::new("node", &arguments, &[("account", ACCOUNT), ("account_key", KEY)]))
}
