//! `cargo xtask docs`: runs the examples of README.md and docs/, and compares what they print.
//!
//! A block marked `console` is run, line by line, in a folder and a home of its own per page:
//! `$ ` begins a command for `sh`, `> ` continues it, `? 3` is the exit status that is expected, and the
//! rest is what it prints. `[..]` stands for any text within a line, and a line `...` for any lines: the
//! notation of trycmd, which itself knows no pipelines.
//!
//! A page that calls `psql` has the first PostgreSQL server of CADANGKAN_TEST_SERVERS in its `PG*` variables, one that
//! calls `mariadb` the first MariaDB server in its `MYSQL_*` variables, one that names `$SFTP_PORT` the server of that
//! storage in its `SFTP_*` variables; it is skipped where there is none.

mod playground;
mod variables;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::coverage::Instrumentation;
use crate::pages::{self, Example};
use crate::summary::Outcome;
use crate::{process, project};
use playground::Playground;

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    crate::no_more(arguments)?;
    let state = std::env::var_os("CADANGKAN_TEST_SERVERS").map(PathBuf::from);
    let checked = check(None, state.as_deref())?;
    println!("{} examples are true", checked.examples);
    Ok(())
}

/// What was run, and what could not be.
pub(crate) struct Checked {
    examples: usize,
    skipped: Vec<String>,
}

impl Checked {
    /// Says in the summary which pages were not run.
    pub(crate) fn outcome(self) -> Outcome {
        if self.skipped.is_empty() {
            return Outcome::Passed;
        }
        Outcome::Skipped(format!("no server for {}; the others are true", self.skipped.join(", ")))
    }
}

/// Builds the program and runs all examples; `servers` is the list of those that pages may use.
///
/// # Errors
/// When an example is not true; on a CI machine also when a page has no server.
pub(crate) fn check(instrumentation: Option<&Instrumentation>, servers: Option<&Path>) -> Result<Checked> {
    // The whole workspace, so that libraries have the features they had in the tests, and are built once.
    let mut build = project::cargo(&["build", "--quiet", "--workspace", "--bins"])?;
    let mut target = project::target()?;
    if let Some(instrumentation) = instrumentation {
        instrumentation.apply(&mut build);
        target = instrumentation.target().to_owned();
    }
    process::run(&mut build)?;

    let root = project::root()?;
    let playgrounds = Playground::find(servers)?;
    let (mut checked, mut failures) = (Checked { examples: 0, skipped: Vec::new() }, 0);
    for page in pages_of(&root)? {
        let text = fs::read_to_string(&page)?;
        let found = pages::examples(&text);
        let name = page.strip_prefix(&root).unwrap_or(&page).display().to_string();
        let needed = playground::needed(&found);
        let playground = playgrounds.iter().find(|playground| Some(playground.kind()) == needed);
        let variables = variables::of(&found, servers)?;
        if needed.is_some() && playground.is_none() || variables.is_err() {
            println!("{name}: skipped, it needs a server: `cargo xtask servers up` says how to have one");
            checked.skipped.push(name);
            continue;
        }
        checked.examples += found.len();
        let variables = variables.unwrap_or_default();
        let place = Place { target: &target, beside: &beside(&page, &text)? };
        failures += run_page(&name, &found, place, instrumentation, playground, &variables)?;
    }
    if failures > 0 {
        bail!("{failures} of {} examples of the documentation are not true", checked.examples);
    }
    if !checked.skipped.is_empty() && project::in_ci() {
        bail!("no server for the examples of {}", checked.skipped.join(", "));
    }
    Ok(checked)
}

/// The files beside a page that it names, which its examples find in their folder.
fn beside(page: &Path, text: &str) -> Result<Vec<PathBuf>> {
    let folder = page.parent().context("a page lies in a folder")?;
    let mut named = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_page = path.extension().is_some_and(|extension| extension == "md");
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_file() && !is_page && text.contains(&format!("]({name})")) {
            named.push(path);
        }
    }
    Ok(named)
}

/// Where a page runs: the program's folder, and what lies beside the page.
#[derive(Clone, Copy)]
struct Place<'a> {
    target: &'a Path,
    beside: &'a [PathBuf],
}

fn pages_of(root: &Path) -> Result<Vec<PathBuf>> {
    let mut pages = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    pages.retain(|page| page.is_file());
    pages.sort();
    Ok(pages)
}

/// Runs the examples of a page in order, and returns how many are not true; the rest of a page still runs.
fn run_page(
    name: &str,
    examples: &[Example],
    Place { target, beside }: Place<'_>,
    instrumentation: Option<&Instrumentation>,
    playground: Option<&Playground>,
    variables: &[(String, String)],
) -> Result<usize> {
    if examples.is_empty() {
        return Ok(0);
    }
    let folder = Scratch::new(target, name)?;
    for file in beside {
        let name = file.file_name().context("a file has a name")?;
        fs::copy(file, folder.0.join("work").join(name))?;
    }
    let home = folder.0.join("home");
    let _visit = playground.map(|playground| playground.visit(examples, &home)).transpose()?;
    let mut failures = 0;
    for example in examples {
        let mut command = shell(&folder, target, &example.command, playground);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        if let Some(instrumentation) = instrumentation {
            instrumentation.apply(&mut command);
        }
        let output = command.output().context("cannot start sh")?;
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let status = output.status.code().unwrap_or(-1);
        if status != example.status || !pages::matches(&example.output, &printed) {
            failures += 1;
            println!("{name}:{}: $ {}", example.line, example.command);
            println!("expected, with status {}:\n{}", example.status, example.output);
            println!("got, with status {status}:\n{printed}");
        }
    }
    println!("{name}: {} of {} examples are true", examples.len() - failures, examples.len());
    Ok(failures)
}

/// Makes a command with nothing of this machine but its programs; both outputs come as on a terminal.
fn shell(folder: &Scratch, target: &Path, line: &str, playground: Option<&Playground>) -> Command {
    let mut path = target.join("debug").into_os_string();
    if let Some(playground) = playground {
        path.push(":");
        path.push(playground.programs());
    }
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("exec 2>&1\n{line}")).current_dir(folder.0.join("work"));
    command.env_clear().env("PATH", path).env("HOME", folder.0.join("home"));
    command.env("LANG", "C.UTF-8").env("TZ", "UTC").stdin(Stdio::null());
    if let Some(playground) = playground {
        playground.apply(&mut command);
    }
    command
}

/// A new folder with `home` and `work` inside, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(target: &Path, page: &str) -> Result<Self> {
        let name = page.replace(['/', '.'], "-");
        let scratch = Self(target.join("docs").join(format!("{name}-{}", std::process::id())));
        fs::create_dir_all(scratch.0.join("home"))?;
        fs::create_dir_all(scratch.0.join("work"))?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("cannot remove {}: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_runs_in_a_home_of_its_own_and_counts_what_is_not_true() {
        let target = std::env::temp_dir().join(format!("cadangkan-docs-{}", std::process::id()));
        let page = "```console
$ echo kept > file; pwd | grep -o 'work$'
work
$ cat file; echo \"$HOME\" | grep -c 'home$'
kept
1
$ echo this; exit 2
? 2
this
$ ls nowhere
? 2
ls: [..]nowhere[..]
$ echo that
this
$ exit 1
```
";
        let failures = run_page(
            "docs/a.md",
            &pages::examples(page),
            Place { target: &target, beside: &[] },
            None,
            None,
            &[],
        )
        .unwrap();
        assert_eq!(failures, 2);
        let left = fs::read_dir(target.join("docs")).unwrap().count();
        fs::remove_dir_all(&target).unwrap();
        assert_eq!(left, 0);
    }
}
