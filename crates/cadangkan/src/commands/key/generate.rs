use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use cadangkan_archive::{KeyFile, PrivateKey};
use cadangkan_core::{Clock, Error, ErrorKind, Result};
use serde_json::json;
use zeroize::Zeroizing;

use crate::app::App;
use crate::ui::escape;

/// Arguments of `key generate`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A pair is for backups that the machine which makes them cannot read: configure the public key there (`recipients:`), and keep the file elsewhere. A symmetric key encrypts and opens (`key_file:`).\n\nExamples:\n  cadangkan key generate backup-key.txt\n  cadangkan key generate /etc/cadangkan/backup.key --symmetric"
)]
pub(super) struct GenerateArgs {
    /// The file for the secret; it is made, readable for you alone
    file: PathBuf,
    /// One key that encrypts and opens, instead of a pair
    #[arg(long)]
    symmetric: bool,
}

/// Makes a key, and writes it down before it is shown that there is one.
pub(super) fn run(app: &App, args: &GenerateArgs) -> Result<()> {
    let (text, public) = match args.symmetric {
        true => {
            let key = KeyFile::generate()?;
            (Zeroizing::new(format!("{}\n", *key.to_text())), key.id())
        }
        false => {
            let (key, now) = (PrivateKey::generate()?, app.clock.now());
            let text = format!("# created: {now}\n# public key: {}\n{}\n", key.public(), *key.to_text()?);
            (Zeroizing::new(text), key.public().to_string())
        }
    };
    if !app.global.dry_run {
        write_secret(&args.file, text.as_bytes())?;
    }
    let name = if args.symmetric { "id" } else { "public_key" };
    let value = json!({ "file": args.file, name: public, "dry_run": app.global.dry_run });
    app.print(&value, || {
        let mark = app.style.good_mark();
        let file = args.file.to_string_lossy();
        let file = escape(&file);
        if app.global.dry_run {
            return format!("Would write a new key to {file}\n");
        }
        match args.symmetric {
            true => format!("{mark} The key with id {public} is in {file}\nKeep a copy away from this machine: without it the backups cannot be opened.\n"),
            false => format!("{mark} The private key is in {file}\nPublic key: {public}\nKeep the file away from the machine that makes backups, and a copy of it: without it they cannot be opened.\n"),
        }
    })
}

/// Writes a new file that nobody else can read; never over another one.
pub(super) fn write_secret(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = |error| Error::io("cannot write the file", error).context("file", path.display());
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = opened.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Error::new(ErrorKind::Conflict, "there is a file of this name already")
                .context("file", path.display())
                .hint("choose another name: a key is never written over")
        }
        _ => failed(error),
    })?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
}
