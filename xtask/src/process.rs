//! Starting programs, and finding those that a test left behind.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Runs a command with the terminal it has, and fails when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = name_of(command);
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    if !status.success() {
        bail!("{name}: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it printed on stdout; its stderr goes to ours.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let name = name_of(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}", output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} did not print UTF-8"))
}

/// Runs a command that says things nobody needs; they are in the error when it fails.
pub(crate) fn run_quietly(command: &mut Command) -> Result<()> {
    let name = name_of(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("{name}: {}\n{}{said}", output.status, String::from_utf8_lossy(&output.stdout));
    }
    Ok(())
}

/// Tells whether a command succeeds; what it prints is lost.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Finds an executable file on PATH, or where servers are: only root's PATH has that folder.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let executable = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    let path = env::var_os("PATH")?;
    let folders = env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join(program)).find(executable)
}

/// Makes the command as a person would type it.
pub(crate) fn name_of(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}

/// A mark in the environment of a command, by which its descendants are found whatever they became.
pub(crate) struct Mark(String);

const MARK: &str = "CADANGKAN_TEST_RUN";

impl Mark {
    /// Makes a mark of this process.
    pub(crate) fn new() -> Self {
        Self(std::process::id().to_string())
    }

    /// Marks a command before its start.
    pub(crate) fn put_on(&self, command: &mut Command) {
        command.env(MARK, &self.0);
    }

    /// Ends the marked processes that still run, and returns their command lines.
    pub(crate) fn end_leftovers(&self) -> Vec<String> {
        let wanted = format!("{MARK}={}", self.0).into_bytes();
        let mut ended = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let marked = environment.split(|byte| *byte == 0).any(|variable| variable == wanted);
            if marked && name.parse::<u32>().is_ok_and(|id| id != std::process::id()) {
                let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                succeeds(Command::new("kill").args(["-KILL", &name]));
                ended.push(format!("{name} {}", line.trim_end()));
            }
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn finds_programs_on_path_only() {
        assert!(find("sh").is_some());
        assert!(find("no-such-program-anywhere").is_none());
    }

    #[test]
    fn a_failing_command_is_named_with_its_arguments() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err().to_string();
        assert!(error.contains("sh -c exit 3") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_process_that_stays_is_found_and_ended() {
        let mark = Mark("a_process_that_stays".to_owned());
        let mut command = Command::new("sh");
        mark.put_on(command.args(["-c", "echo started; read never"]));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // A process that was started a moment ago may not show its environment yet.
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 8]).unwrap();
        let input = child.stdin.take();
        assert!(mark.end_leftovers().iter().any(|line| line.contains("read never")));
        assert!(!child.wait().unwrap().success());
        drop(input);
        assert!(mark.end_leftovers().is_empty());
    }
}
