//! TPC-H at scale 1, which the measurements of servers share.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::{process, project, workplace};

const TPCH: &str = "tpchgen-cli";
const TPCH_VERSION: &str = "4.0.0";

/// Returns the folder of TPC-H's tables, made once and kept in the cache folder.
pub(super) fn tables(folder: &Path) -> Result<PathBuf> {
    let kept = folder.join(format!("tpch-1-{TPCH_VERSION}"));
    if !kept.is_dir() {
        workplace::install(workplace::FOR_TPCH)?;
        let tools = project::cache()?.join("tools").join(format!("{TPCH}-{TPCH_VERSION}"));
        let mut install = Command::new("python3");
        install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target"]).arg(&tools);
        process::run_quietly(install.arg(format!("{TPCH}=={TPCH_VERSION}")))?;
        let partial = kept.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        println!("making TPC-H at scale 1 (1 GB, once)");
        let mut make = Command::new(tools.join("bin").join(TPCH));
        process::run_quietly(make.args(["csv", "-s", "1", "--output-dir"]).arg(&partial))?;
        fs::rename(&partial, &kept)?;
    }
    Ok(kept)
}
