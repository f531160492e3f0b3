//! Programs of another root, called from outside of it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use anyhow::Result;

/// Puts a program into a folder: a script that calls it in its root, or a link where there is no other root.
pub(super) fn offer(folder: &Path, root: Option<&Path>, program: &Path) -> Result<()> {
    let offered = folder.join(program.file_name().unwrap_or_default());
    match root {
        Some(root) => {
            fs::write(&offered, call_through_loader(root, program))?;
            fs::set_permissions(&offered, Permissions::from_mode(0o755))?;
        }
        None => symlink(program, offered)?,
    }
    Ok(())
}

/// Makes a script that runs a program of another root with the libraries of that root.
///
/// The program believes it is the script, so that programs which call each other find each other's scripts.
fn call_through_loader(root: &Path, program: &Path) -> String {
    let quoted = |path: &Path| format!("'{}'", path.display().to_string().replace('\'', "'\\''"));
    let loader = quoted(&root.join("lib64/ld-linux-x86-64.so.2"));
    let libraries = quoted(&root.join("usr/lib/x86_64-linux-gnu"));
    format!("#!/bin/sh\nexec {loader} --argv0 \"$0\" --library-path {libraries} {} \"$@\"\n", quoted(program))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_quotes_paths() {
        let script = call_through_loader(Path::new("/it's"), Path::new("/it's/bin/psql"));
        assert!(script.contains("'/it'\\''s/bin/psql' \"$@\"\n"), "{script}");
    }
}
