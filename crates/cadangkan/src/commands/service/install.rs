//! `service install` and `service uninstall`.

use std::path::{Path, PathBuf};

use cadangkan_core::{Error, ErrorKind, Result};
use serde_json::json;

use super::manager::Manager;
use super::step::Step;
use super::units::{self, CONFIG, CONFIGURATION, HOME, MASTER_KEY, ProtectHome, USER};
use crate::app::App;
use crate::config::{self, Config, Sources};
use crate::environment::environment;

/// Arguments of `service install`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It may be given again, with other options or after a new version; what did not change is not touched.\n\nExamples:\n  cadangkan service install --dry-run\n  sudo cadangkan service install --yes\n  sudo cadangkan service install --allow-write /mnt/backups"
)]
pub(super) struct InstallArgs {
    /// Let the service write into a folder, beside its own and those of local storages in its configuration; may be given more than once
    #[arg(long, value_name = "FOLDER")]
    allow_write: Vec<PathBuf>,
    /// What the service sees of /home, /root and /run/user
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    protect_home: ProtectHome,
}

/// Shows the steps, asks, and does them.
pub(super) fn run(app: &App, args: &InstallArgs, manager: Manager) -> Result<()> {
    let program = std::env::current_exe().map_err(|error| Error::io("cannot find this program", error))?;
    let mut hidden = None;
    let text = match manager {
        Manager::Systemd => {
            let writable = writable(app, &args.allow_write)?;
            let has_master_key = Path::new(MASTER_KEY).exists();
            let protect_home = args.protect_home;
            hidden = units::can_be_seen(&program, protect_home).err();
            units::systemd(&units::Systemd {
                program: &program,
                protect_home,
                writable: &writable,
                has_master_key,
            })?
        }
        Manager::Launchd => {
            let user = environment("SUDO_USER").unwrap_or_else(|| app.process.user.clone());
            if user == "root" {
                return Err(Error::new(ErrorKind::Denied, "the service does not run as root")
                    .hint("install it from the account that it should run as, with sudo"));
            }
            units::launchd(&program, &user, &config::locate(&app.sources(&[]))?.home)?
        }
    };
    let steps = steps(manager, &text);
    let shown = shown(&steps);
    let file = manager.file();
    let value = |installed: bool| json!({ "file": file, "content": text, "steps": steps.iter().map(ToString::to_string).collect::<Vec<_>>(), "installed": installed });
    if app.global.dry_run {
        let refused = hidden.map(|error| format!("But this would be refused: {error}\n")).unwrap_or_default();
        return app.print(&value(false), || {
            format!(
                "{}:\n\n{text}\n{shown}{refused}\nThis was a dry run: nothing was changed.\n",
                file.display()
            )
        });
    }
    if let Some(error) = hidden {
        return Err(error);
    }
    manager.check()?;
    as_root("install")?;
    can_be_run(&program, manager)?;
    app.confirm(&shown, "Install the service?")?;
    carry_out(app, &steps)?;
    app.print(&value(true), || {
        let mark = app.style.good_mark();
        format!("{mark} The service is installed and runs\n\nNext steps:\n{}", next_steps(manager))
    })
}

/// Takes the service away, and says what stays.
pub(super) fn uninstall(app: &App, manager: Manager) -> Result<()> {
    let (steps, file) = (manager.disable(), manager.file());
    let left = match manager {
        Manager::Systemd => format!(
            "Still there:\n  {CONFIGURATION}   configuration\n  {HOME}   catalog, logs, and backups of the storage \"home\"\n  the user {USER}\n"
        ),
        Manager::Launchd => {
            "Still there: configuration, catalog and backups in your home folder\n".to_owned()
        }
    };
    let value = |removed: bool| json!({ "file": file, "steps": steps.iter().map(ToString::to_string).collect::<Vec<_>>(), "removed": removed });
    let shown = shown(&steps);
    if app.global.dry_run {
        return app
            .print(&value(false), || format!("{shown}\n{left}\nThis was a dry run: nothing was changed.\n"));
    }
    if !file.exists() {
        return Err(Error::new(ErrorKind::NotFound, "the service is not installed")
            .context("path", file.display())
            .hint("install it with `sudo cadangkan service install`"));
    }
    as_root("uninstall")?;
    app.confirm(&format!("{shown}\n{left}"), "Take the service away?")?;
    carry_out(app, &steps)?;
    app.print(&value(true), || format!("{} The service is gone\n\n{left}", app.style.good_mark()))
}

/// What an installation does: only what is not there yet.
fn steps(manager: Manager, text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    if manager == Manager::Systemd {
        if !has_user() {
            steps.push(Step::run(&[
                "useradd",
                "--system",
                "--user-group",
                "--home-dir",
                HOME,
                "--shell",
                "/usr/sbin/nologin",
                USER,
            ]));
        }
        steps.push(Step::run(&["install", "-d", "-o", USER, "-g", USER, "-m", "0700", HOME]));
        steps.push(Step::run(&["install", "-d", "-o", "root", "-g", USER, "-m", "0750", CONFIGURATION]));
        if !Path::new(CONFIG).exists() {
            let (path, text) = (PathBuf::from(CONFIG), config::sample().to_owned());
            steps.push(Step::Write { path, text, mode: 0o640 });
            steps.push(Step::run(&["chgrp", USER, CONFIG]));
        }
    }
    let path = manager.file();
    let is_new = std::fs::read_to_string(&path).map_or(true, |there| there != text);
    if is_new {
        steps.push(Step::Write { path, text: text.to_owned(), mode: 0o644 });
    }
    steps.extend(manager.enable(is_new));
    steps
}

fn has_user() -> bool {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    users.lines().any(|line| line.split(':').next() == Some(USER))
}

fn shown(steps: &[Step]) -> String {
    steps.iter().map(|step| format!("  {step}\n")).fold("Steps:\n".to_owned(), |text, line| text + &line)
}

fn carry_out(app: &App, steps: &[Step]) -> Result<()> {
    for step in steps {
        step.carry_out().map_err(|error| {
            error.hint("what was done before it stays, and is not done again; how the service is: `cadangkan service status`")
        })?;
        app.say(&format!("{} {step}", app.message_style.good_mark()));
    }
    Ok(())
}

/// The folders that the service writes to: asked for, and those of its configuration where there is one.
fn writable(app: &App, asked: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let absolute = |path: &PathBuf| {
        std::path::absolute(path).map_err(|error| {
            Error::io("cannot tell which folder this is", error).context("path", path.display())
        })
    };
    let mut folders = asked.iter().map(absolute).collect::<Result<Vec<_>>>()?;
    if Path::new(CONFIG).exists() {
        let environment = |name: &str| match name {
            "CADANGKAN_HOME" => Some(HOME.to_owned()),
            name => environment(name),
        };
        let (file, profile) = (Some(Path::new(CONFIG)), None);
        let sources = Sources { file, profile, environment: &environment, ..app.sources(&[]) };
        folders.extend(configured(&config::load(&sources)?));
    }
    folders.retain(|folder| !folder.starts_with(HOME));
    folders.sort();
    folders.dedup();
    Ok(folders)
}

/// The folders of local storages, and that of the cache.
fn configured(config: &Config) -> impl Iterator<Item = PathBuf> {
    let local = config.storages.iter().filter(|storage| storage.provider.id == "local");
    let paths = local.filter_map(|storage| storage.settings.get("path")?.as_str().map(PathBuf::from));
    paths.chain(config.cache.iter().map(|cache| cache.path.clone()))
}

fn as_root(verb: &str) -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Denied, "only root may change the services of the system").hint(format!(
        "sudo cadangkan service {verb}\nwhat would be done: cadangkan service {verb} --dry-run"
    )))
}

/// The user of the service has to get at the program: in a private home folder it would not.
fn can_be_run(program: &Path, manager: Manager) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let is_closed = |path: &&Path| {
        std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o001 == 0)
    };
    match program.ancestors().find(is_closed) {
        Some(closed) if manager == Manager::Systemd => {
            Err(Error::new(ErrorKind::Denied, format!("the user {USER} could not run this program"))
                .context("program", program.display())
                .context("closed to others", closed.display())
                .hint("install it where all may run it: install -m 0755 cadangkan /usr/local/bin/cadangkan"))
        }
        _ => Ok(()),
    }
}

fn next_steps(manager: Manager) -> String {
    let own = match manager {
        Manager::Systemd => format!(
            "  sudoedit {CONFIG}        # say what to back up, when, and where to\n  sudo -u {USER} env CADANGKAN_HOME={HOME} CADANGKAN_CONFIG={CONFIG} cadangkan test --all\n"
        ),
        Manager::Launchd => {
            "  cadangkan config edit        # say what to back up, when, and where to\n".to_owned()
        }
    };
    format!("{own}  cadangkan service status\n  cadangkan service logs --follow\n")
}
