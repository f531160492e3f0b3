//! `cargo xtask coverage`: line coverage per crate, by cargo-llvm-cov.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{process, project, workplace};

const VERSION: &str = "0.9.1";

/// What we aim for, in percent of lines: restore and its proofs first. Printed, not enforced.
const TARGETS: &[(&str, f64)] = &[("cadangkan-archive", 95.0), ("cadangkan-ops", 95.0)];
const TARGET: f64 = 80.0;

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    crate::no_more(arguments)?;
    workplace::install(workplace::FOR_TESTS)?;
    let instrumentation = Instrumentation::begin()?;
    let servers = super::test::raise_servers(false, project::in_ci())?;
    super::test::workspace_tests(&[], project::in_ci(), Some(&instrumentation), Some(&servers))?;
    servers.end()?;
    instrumentation.report()
}

/// The settings under which cargo builds instrumented programs, in a target folder of their own.
pub(crate) struct Instrumentation {
    environment: Vec<(String, OsString)>,
    target: PathBuf,
    program: PathBuf,
}

impl Instrumentation {
    /// Gets the tools, forgets earlier measurements, and asks cargo-llvm-cov for its settings.
    pub(crate) fn begin() -> Result<Self> {
        let program = workplace::cargo_tool("cargo-llvm-cov", VERSION)?;
        let llvm = workplace::llvm_tools()?;
        let target = project::target()?.join("coverage");
        fs::create_dir_all(&target)?;
        let environment = vec![
            ("CARGO_TARGET_DIR".to_owned(), target.clone().into_os_string()),
            ("LLVM_COV".to_owned(), llvm.cov.into_os_string()),
            ("LLVM_PROFDATA".to_owned(), llvm.profdata.into_os_string()),
            // No process id: the hundreds of processes that fault tests start share a few files.
            ("LLVM_PROFILE_FILE_NAME".to_owned(), "cadangkan-%8m.profraw".into()),
        ];
        let mut this = Self { environment, target, program };
        this.forget()?;
        let shown = process::capture(this.command("show-env")?.arg("--no-cfg-coverage"))?;
        let settings = shown.lines().filter_map(|line| line.split_once('='));
        this.environment
            .extend(settings.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').into())));
        Ok(this)
    }

    /// Makes a cargo command build and run instrumented programs.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
    }

    /// Returns the target folder of the instrumented programs.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// Prints the lines covered since `begin`, per crate.
    pub(crate) fn report(&self) -> Result<()> {
        let arguments = ["--json", "--summary-only", "--failure-mode", "all"];
        let report = process::capture(self.command("report")?.args(arguments))?;
        let crates = lines_per_crate(&serde_json::from_str(&report)?, &project::root()?);
        print!("{}", table(&crates));
        Ok(())
    }

    fn command(&self, verb: &str) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command.args(["llvm-cov", verb]).current_dir(project::root()?);
        self.apply(&mut command);
        Ok(command)
    }

    /// Removes old measurements, and old programs once their names change with compiler or dependencies.
    fn forget(&self) -> Result<()> {
        for entry in fs::read_dir(&self.target)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "profraw") {
                fs::remove_file(path)?;
            }
        }
        let lock = fs::read_to_string(project::root()?.join("Cargo.lock")).unwrap_or_default();
        let state = process::capture(Command::new("rustc").arg("-vV"))? + &lock;
        let stamp = self.target.join("built-with");
        if fs::read_to_string(&stamp).is_ok_and(|built| built != state) {
            process::run(self.command("clean")?.arg("--workspace"))?;
        }
        fs::write(stamp, state).context("cannot write into the target folder")
    }
}

/// Lines that ran, and lines there are.
type Lines = (u64, u64);

fn lines_per_crate(report: &Value, root: &Path) -> BTreeMap<String, Lines> {
    let mut crates: BTreeMap<String, Lines> = BTreeMap::new();
    let files = report.pointer("/data/0/files").and_then(Value::as_array);
    for file in files.into_iter().flatten() {
        let path = Path::new(file.get("filename").and_then(Value::as_str).unwrap_or_default());
        let path = path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned();
        let Some((name, rest)) = path.strip_prefix("crates/").and_then(|path| path.split_once('/')) else {
            continue;
        };
        if name == "cadangkan-testkit" || rest.ends_with("/tests.rs") {
            continue;
        }
        let count = |what: &str| file.pointer(&format!("/summary/lines/{what}")).and_then(Value::as_u64);
        let lines = crates.entry(name.to_owned()).or_default();
        lines.0 += count("covered").unwrap_or(0);
        lines.1 += count("count").unwrap_or(0);
    }
    crates
}

fn table(crates: &BTreeMap<String, Lines>) -> String {
    let mut table = format!("{:24} {:>7} {:>8} {:>7}\n", "crate", "lines", "covered", "target");
    let mut row = |name: &str, (covered, lines): Lines, target: f64| {
        let percent = percent(covered, lines);
        let mark = if percent < target { "  below" } else { "" };
        table.push_str(&format!("{name:24} {lines:7} {percent:7.1}% {target:6.0}%{mark}\n"));
    };
    let mut all = (0, 0);
    for (name, lines) in crates {
        all = (all.0 + lines.0, all.1 + lines.1);
        let target =
            TARGETS.iter().find(|(target, _)| target == name).map_or(TARGET, |(_, percent)| *percent);
        row(name, *lines, target);
    }
    row("all", all, TARGET);
    table
}

fn percent(covered: u64, lines: u64) -> f64 {
    let per_mille = covered.saturating_mul(1000).checked_div(lines).unwrap_or(1000);
    f64::from(u32::try_from(per_mille).unwrap_or(u32::MAX)) / 10.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(path: &str, covered: u64, count: u64) -> Value {
        json!({ "filename": path, "summary": { "lines": { "covered": covered, "count": count } } })
    }

    #[test]
    fn lines_are_summed_per_crate_without_tests() {
        let files = [
            file("/checkout/crates/cadangkan-ops/src/a.rs", 9, 10),
            file("/checkout/crates/cadangkan-ops/src/b.rs", 1, 10),
            file("/checkout/crates/cadangkan-ops/src/b/tests.rs", 100, 100),
            file("/checkout/crates/cadangkan-testkit/src/lib.rs", 1, 100),
            file("/checkout/xtask/src/main.rs", 1, 100),
        ];
        let crates = lines_per_crate(&json!({ "data": [{ "files": files }] }), Path::new("/checkout"));
        assert_eq!(crates, BTreeMap::from([("cadangkan-ops".to_owned(), (10, 20))]));
        assert!(table(&crates).contains("50.0%     95%  below"), "{}", table(&crates));
    }

    #[test]
    fn nothing_to_cover_is_covered() {
        assert_eq!(percent(0, 0).to_string(), "100");
    }
}
