//! The process of a server, from its start to its end.
//!
//! A server leads a process group, and what it starts belongs to that. The group is known by a file which is written
//! before the server's program begins, so that it is ended whatever happens to who started it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::{Kind, Place, Service};
use crate::process;
use crate::servers::{Home, Installation};

/// A port that was free may be taken a moment later.
const TRIES: usize = 3;
const START: Duration = Duration::from_secs(90);
/// How long a server may take to end in good order.
const END: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// The file of the process: its line of `/proc/<pid>/stat` (proc(5)) when it began.
const PROCESS: &str = "process";
const LOG: &str = "log";

/// Returns what must be known to end a server, before it begins.
pub(in crate::servers) fn planned(kind: &Kind, installation: Installation, folder: &Path) -> Service {
    let home = Home::new(&installation, folder, kind.name);
    Service {
        name: kind.name.to_owned(),
        port: 0,
        settings: Default::default(),
        installation,
        home: home.path,
        front: home.front,
    }
}

/// Starts a server and waits until it can be connected to.
pub(in crate::servers) fn start(kind: &Kind, planned: Service) -> Result<Service> {
    let home = Home { path: planned.home.clone(), front: planned.front.clone() };
    home.make(&planned.installation)?;
    for _ in 0..TRIES {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let place = Place { installation: &planned.installation, home: &home, port };
        let launch = (kind.prepare)(&place)?;
        let mut program = planned.installation.server(launch.program);
        let mut child = spawn(program.args(&launch.arguments), &home.front)?;
        if listens(port, &mut child).with_context(|| log(&home.front))? {
            return Ok(Service { port, settings: launch.settings, ..planned });
        }
        // The server ended; what it had started may not have.
        stop(&home.front)?;
    }
    bail!("it does not start; {}", log(&home.front))
}

fn spawn(server: &Command, folder: &Path) -> Result<Child> {
    let mut command = Command::new("sh");
    command.args(["-c", "cat /proc/$$/stat > \"$0\" && exec \"$@\""]).arg(folder.join(PROCESS));
    command.arg(server.get_program()).args(server.get_args());
    let log = fs::File::create(folder.join(LOG))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
    // In a group of its own, Ctrl-C does not reach it.
    command.process_group(0).spawn().context("cannot start the server")
}

/// Waits until a port can be connected to; false when the server ended.
fn listens(port: u16, child: &mut Child) -> Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < START {
        let connected = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        if child.try_wait()?.is_some() {
            return Ok(false);
        }
        if connected {
            return Ok(true);
        }
        std::thread::sleep(PAUSE);
    }
    bail!("it does not listen on port {port}")
}

fn log(folder: &Path) -> String {
    format!("its log:\n{}", fs::read_to_string(folder.join(LOG)).unwrap_or_default())
}

/// Stops a server, checks that its processes are gone, and removes what it kept.
pub(in crate::servers) fn end(service: &Service) -> Result<()> {
    stop(&service.front)?;
    Home::remove(&service.installation, &service.home)
}

fn stop(folder: &Path) -> Result<()> {
    for signal in ["-TERM", "-KILL"] {
        let begun = Instant::now();
        let mut pids = processes(folder);
        process::succeeds(Command::new("kill").arg(signal).args(pids.iter().map(u32::to_string)));
        while !pids.is_empty() && begun.elapsed() < END {
            std::thread::sleep(PAUSE);
            pids = processes(folder);
        }
    }
    let pids = processes(folder);
    if !pids.is_empty() {
        bail!("processes do not end: {pids:?}");
    }
    Ok(())
}

/// Returns the process of a server, if it runs.
pub(crate) fn running(service: &Service) -> Option<u32> {
    processes(&service.front).first().copied()
}

/// What is looked at of a process.
struct Stat {
    pid: u32,
    group: u32,
    /// In ticks since the machine was started.
    begun: u64,
    zombie: bool,
}

impl Stat {
    /// Reads a line of `/proc/<pid>/stat`. The name of the program, in parentheses, may hold anything.
    fn parse(line: &str) -> Option<Self> {
        let (pid, rest) = line.split_once(" (")?;
        let fields: Vec<&str> = rest.rsplit_once(") ")?.1.split_whitespace().collect();
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            pid: pid.parse().ok()?,
            group: field(5)?.parse().ok()?,
            begun: field(22)?.parse().ok()?,
            zombie: field(3)? == "Z",
        })
    }
}

/// Returns the processes of a server that still run, its first one first. When the number of that has become
/// another's, the group is another's too.
fn processes(folder: &Path) -> Vec<u32> {
    let noted = fs::read_to_string(folder.join(PROCESS)).ok();
    let Some(first) = noted.as_deref().and_then(Stat::parse) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let line = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let Some(stat) = Stat::parse(&line) else { continue };
        if stat.pid == first.pid && stat.begun != first.begun {
            return Vec::new();
        }
        if stat.group == first.pid && !stat.zombie {
            found.push(stat.pid);
        }
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::servers::new_folder;
    use crate::servers::services::Launch;

    fn installation() -> Result<Installation> {
        Ok(Installation { user: "daemon".to_owned(), root: None, bin: "/usr/bin".into() })
    }

    fn two_processes(place: &Place<'_>) -> Result<Launch> {
        let serve = format!(
            "import http.server as h; h.HTTPServer(('127.0.0.1', {}), h.SimpleHTTPRequestHandler).serve_forever()",
            place.port
        );
        Ok(Launch::new("sh", &["-c", "sleep 1000 & exec python3 -c \"$0\"", &serve], &[("user", "u")]))
    }

    const TWO: Kind = Kind { name: "two", obtain: installation, prepare: two_processes };

    #[test]
    fn a_server_ends_with_all_that_it_started() {
        let folder = new_folder().unwrap();
        let planned = planned(&TWO, installation().unwrap(), &folder);
        assert_eq!(running(&planned), None);
        let service = start(&TWO, planned).unwrap();
        assert_eq!(service.settings["user"], "u");
        assert_eq!(processes(&service.front).len(), 2);
        assert!(running(&service).is_some());
        end(&service).unwrap();
        assert_eq!(running(&service), None);
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, service.port)).is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    fn nothing(_: &Place<'_>) -> Result<Launch> {
        Ok(Launch::new("sh", &["-c", "echo why; exit 1"], &[]))
    }

    #[test]
    fn a_server_that_ends_at_once_is_an_error_with_its_log() {
        let folder = new_folder().unwrap();
        let kind = Kind { name: "none", obtain: installation, prepare: nothing };
        let error = start(&kind, planned(&kind, installation().unwrap(), &folder)).unwrap_err();
        assert!(format!("{error:#}").contains("does not start; its log:\nwhy\n"), "{error:#}");
        fs::remove_dir_all(folder).unwrap();
    }

    fn one_that_stays(_: &Place<'_>) -> Result<Launch> {
        Ok(Launch::new("sh", &["-c", "sleep 1234 & exit 1"], &[]))
    }

    #[test]
    fn what_a_failed_start_began_is_ended() {
        let folder = new_folder().unwrap();
        let begun = || Command::new("pgrep").args(["-f", "^sleep 1234$"]).output().unwrap().stdout;
        let kind = Kind { name: "stays", obtain: installation, prepare: one_that_stays };
        start(&kind, planned(&kind, installation().unwrap(), &folder)).unwrap_err();
        assert_eq!(String::from_utf8_lossy(&begun()), "");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn another_process_with_the_same_number_is_left_alone() {
        let folder = new_folder().unwrap();
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        let stat = Stat::parse(&own).unwrap();
        assert_eq!(stat.pid, std::process::id());
        fs::write(folder.join(PROCESS), own.replace(&format!(" {} ", stat.begun), " 1 ")).unwrap();
        assert!(processes(&folder).is_empty());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn any_name_of_a_program_is_read() {
        let line = format!("17 (a) b (c) S 1 15{} 1234 0", " 0".repeat(16));
        let stat = Stat::parse(&line).unwrap();
        assert_eq!((stat.pid, stat.group, stat.begun, stat.zombie), (17, 15, 1234, false));
        assert!(Stat::parse("17 (a").is_none() && Stat::parse("").is_none());
    }
}
