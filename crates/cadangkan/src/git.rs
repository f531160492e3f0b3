//! Where a working folder of git stands, read from its files: no program is run that would obey what is configured in it.

use std::io::Read;
use std::path::{Path, PathBuf};

use cadangkan_archive::GitState;

/// The largest file of git that is read here: a list of very many branches and tags.
const LARGEST: u64 = 64 << 20;
/// The longest name of a branch that is kept.
const LONGEST: usize = 250;

/// Tells the commit and the branch of the working folder that a folder is in; `None` outside of one, before its first commit, and
/// where it cannot be told.
pub(crate) fn state(folder: &Path) -> Option<GitState> {
    let git = folder.ancestors().find_map(git_folder)?;
    let head = read(&git.join("HEAD"))?;
    let Some(reference) = head.strip_prefix("ref: ") else {
        return Some(GitState { commit: commit(&head)?, branch: None });
    };
    // A second working folder shares what it refers to with the first.
    let common = read(&git.join("commondir")).map_or_else(|| git.clone(), |path| git.join(path));
    let loose = [&git, &common].into_iter().find_map(|folder| commit(&read(&folder.join(reference))?));
    let branch = reference.strip_prefix("refs/heads/").filter(|branch| is_plain(branch));
    Some(GitState {
        commit: loose.or_else(|| packed(&common, reference))?,
        branch: branch.map(str::to_owned),
    })
}

fn git_folder(folder: &Path) -> Option<PathBuf> {
    let place = folder.join(".git");
    if place.is_dir() {
        return Some(place);
    }
    // A second working folder, or one inside another.
    read(&place)?.strip_prefix("gitdir: ").map(|path| folder.join(path))
}

fn packed(common: &Path, reference: &str) -> Option<String> {
    let all = read(&common.join("packed-refs"))?;
    let mut lines = all.lines().filter_map(|line| line.split_once(' '));
    lines.find_map(|(hash, name)| (name == reference).then(|| commit(hash))?)
}

/// A text that is the hash of a commit, SHA-1 or SHA-256.
fn commit(text: &str) -> Option<String> {
    let is_hash = matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

fn is_plain(branch: &str) -> bool {
    branch.len() <= LONGEST && !branch.chars().any(char::is_control)
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).ok()?;
    // Whatever is no plain file may never end.
    file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    Some(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn git(folder: &Path, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@localhost", "-c", "init.defaultBranch=main"];
        let output = Command::new("git").args(identity).args(arguments).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn is_at(folder: &Path, branch: Option<&str>) {
        let found = state(folder).unwrap();
        assert_eq!((found.commit, found.branch.as_deref()), (git(folder, &["rev-parse", "HEAD"]), branch));
    }

    #[test]
    fn commit_and_branch_are_those_that_git_tells() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        assert_eq!(state(&root), None);
        git(&root, &["init", "-q"]);
        assert_eq!(state(&root), None, "there is no commit yet");
        git(&root, &["commit", "-q", "--allow-empty", "-m", "first"]);
        is_at(&root.join("a/b"), Some("main"));
        git(&root, &["switch", "-q", "-c", "feature/x"]);
        git(&root, &["commit", "-q", "--allow-empty", "-m", "second"]);
        git(&root, &["pack-refs", "--all"]);
        is_at(&root, Some("feature/x"));
        git(&root, &["worktree", "add", "-q", "../second", "main"]);
        is_at(&folder.path().join("second"), Some("main"));
        git(&root, &["switch", "-q", "--detach"]);
        is_at(&root, None);
    }

    #[test]
    fn what_is_no_commit_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let head = |text: &[u8]| {
            std::fs::create_dir_all(folder.path().join(".git")).unwrap();
            std::fs::write(folder.path().join(".git/HEAD"), text).unwrap();
            state(folder.path())
        };
        for text in [&b""[..], b"ref: ", b"ref: ../../../etc/passwd", b"ref: refs/heads/x", b"\xff", b"12"] {
            assert_eq!(head(text), None);
        }
        std::fs::remove_dir_all(folder.path().join(".git")).unwrap();
        std::fs::write(folder.path().join(".git"), "gitdir: /nowhere").unwrap();
        assert_eq!(state(folder.path()), None);
    }
}
