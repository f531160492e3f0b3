//! `cargo xtask golden`: makes the golden archives again, and compares them with those that are kept.
//!
//! The bytes may change with a codec library; that the kept ones restore is what the archive's tests prove.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use lexopt::prelude::*;

use crate::{process, project};

/// The version of the format that the archive crate writes.
const VERSION: &str = "v1";

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    let mut write = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("write") => write = true,
            other => return Err(other.unexpected().into()),
        }
    }
    let kept = project::root()?.join("golden").join(VERSION);
    let made = project::target()?.join("golden").join(VERSION);
    if made.exists() {
        fs::remove_dir_all(&made)?;
    }
    fs::create_dir_all(&made)?;
    let example = ["run", "--quiet", "--package", "cadangkan-archive", "--example", "golden", "--"];
    process::run(project::cargo(&example)?.arg(&made))?;
    compare(&files(&kept)?, &files(&made)?, &kept, write)
}

fn compare(
    kept: &BTreeMap<String, Vec<u8>>,
    made: &BTreeMap<String, Vec<u8>>,
    folder: &Path,
    write: bool,
) -> Result<()> {
    let mut different = 0_usize;
    for (name, bytes) in made {
        match kept.get(name) {
            Some(old) if old == bytes => println!("same       {name}"),
            // A kept file stands for every archive of that time: it is never written over.
            Some(_) => {
                different += 1;
                println!("different  {name}");
            }
            None if write => {
                fs::create_dir_all(folder)?;
                fs::write(folder.join(name), bytes)?;
                println!("added      {name}");
            }
            None => {
                different += 1;
                println!("new        {name}");
            }
        }
    }
    for name in kept.keys().filter(|name| !made.contains_key(*name)) {
        println!("kept only  {name}");
    }
    if different > 0 {
        bail!(
            "{different} golden files are new or different; a change of the format needs a new version beside"
        );
    }
    Ok(())
}

fn files(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    if !folder.exists() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let bytes = fs::read(entry.path()).with_context(|| format!("{}", entry.path().display()))?;
            files.insert(entry.file_name().to_string_lossy().into_owned(), bytes);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(files: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_kept_file_is_never_written_over() {
        let folder = std::env::temp_dir().join(format!("cadangkan-golden-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a"), "old").unwrap();
        let made = set(&[("a", "changed"), ("b", "new")]);
        assert!(compare(&files(&folder).unwrap(), &made, &folder, true).is_err());
        assert_eq!(files(&folder).unwrap(), set(&[("a", "old"), ("b", "new")]));
        assert!(compare(&files(&folder).unwrap(), &set(&[("b", "new")]), &folder, false).is_ok());
        fs::remove_dir_all(&folder).unwrap();
    }
}
