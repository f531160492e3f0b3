//! A PostgreSQL of its own, which a test may stop as it likes, and a way to it that can be cut.
#![allow(clippy::disallowed_methods, reason = "a way carries bytes until it is dropped, beside the test")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use cadangkan_testkit::servers::postgres_main;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Nothing here takes longer unless it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A server with trust in everybody on this machine; stopped when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    bin: PathBuf,
    port: u16,
    process: Option<Child>,
}

impl Server {
    /// Starts one with the programs of the test server; `None` where there are none.
    pub(crate) fn start() -> Option<Server> {
        let bin = postgres_main()?.bin?;
        let folder = tempfile::Builder::new().prefix("postgres-").tempdir().unwrap();
        let root = rustix::process::getuid().is_root();
        if root {
            let owner = Command::new("chown").arg("postgres").arg(folder.path()).status();
            assert!(owner.unwrap().success());
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Server { folder, bin, port, process: None };
        let mut make = server.program("initdb");
        make.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        let made = make.arg("-D").arg(server.folder.path().join("data")).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        server.up();
        Some(server)
    }

    /// A program of the server, as the user that may run it.
    fn program(&self, name: &str) -> Command {
        let path = self.bin.join(name);
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Starts the server again, and waits until it answers.
    pub(crate) fn up(&mut self) {
        let mut command = self.program("postgres");
        command.arg("-D").arg(self.folder.path().join("data")).arg("-k").arg(self.folder.path());
        command.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]);
        command.args(["-c", "logging_collector=off", "-c", "max_connections=50"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        self.process = Some(command.spawn().unwrap());
        let began = Instant::now();
        while self.try_psql("postgres", "SELECT 1").is_err() {
            assert!(began.elapsed() < LIMIT, "the server does not start");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Stops the server as a crash does: nobody is told, nothing is written.
    pub(crate) fn crash(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = kill_process(Pid::from_child(&process), Signal::QUIT);
            let _ = process.wait();
        }
    }

    /// Stops the server in order, and starts it as a standby that nobody sends anything.
    pub(crate) fn become_standby(&mut self) {
        if let Some(mut process) = self.process.take() {
            kill_process(Pid::from_child(&process), Signal::INT).unwrap();
            process.wait().unwrap();
        }
        std::fs::write(self.folder.path().join("data/standby.signal"), "").unwrap();
        self.up();
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn bin(&self) -> &std::path::Path {
        &self.bin
    }

    pub(crate) fn psql(&self, database: &str, sql: &str) -> String {
        self.try_psql(database, sql).unwrap_or_else(|said| panic!("{sql}: {said}"))
    }

    fn try_psql(&self, database: &str, sql: &str) -> Result<String, String> {
        let mut command = Command::new(self.bin.join("psql"));
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-h", "127.0.0.1"]);
        command
            .args(["-p", &self.port.to_string(), "-d", database, "-c", sql])
            .env("PGCONNECT_TIMEOUT", "10");
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

const OPEN: u8 = 0;
const STALLED: u8 = 1;
const CUT: u8 = 2;

/// A way to a server on 127.0.0.1 that ends, or stops moving, after a number of bytes.
pub(crate) struct Way {
    pub(crate) port: u16,
    state: Arc<State>,
}

struct State {
    target: u16,
    /// What becomes of the way after `left` bytes.
    then: AtomicU8,
    now: AtomicU8,
    left: AtomicU64,
    passed: AtomicU64,
    /// How often counting began anew: a connection from before counts no more.
    epoch: AtomicU64,
    ended: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
}

impl Way {
    pub(crate) fn to(target: u16) -> Way {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            target,
            then: AtomicU8::new(OPEN),
            now: AtomicU8::new(OPEN),
            left: AtomicU64::new(u64::MAX),
            passed: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            streams: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    shared.accept(stream);
                }
            }
        });
        Way { port, state }
    }

    /// Lets everything through, and counts from 0.
    pub(crate) fn open(&self) {
        self.state.left.store(u64::MAX, Ordering::SeqCst);
        self.state.now.store(OPEN, Ordering::SeqCst);
        self.state.passed.store(0, Ordering::SeqCst);
    }

    /// Ends all connections after so many bytes, and refuses new ones.
    pub(crate) fn cut_after(&self, bytes: u64) {
        self.after(bytes, CUT);
    }

    /// Moves nothing any more after so many bytes, as when a network is gone.
    pub(crate) fn stall_after(&self, bytes: u64) {
        self.after(bytes, STALLED);
    }

    fn after(&self, bytes: u64, then: u8) {
        // What earlier runs left on the way must not be taken for bytes of the next one.
        self.state.epoch.fetch_add(1, Ordering::SeqCst);
        self.state.end_all();
        self.open();
        self.state.then.store(then, Ordering::SeqCst);
        self.state.left.store(bytes, Ordering::SeqCst);
    }

    /// How many bytes passed since it was opened.
    pub(crate) fn passed(&self) -> u64 {
        self.state.passed.load(Ordering::SeqCst)
    }

    /// Whether the bytes were enough to stall or cut it.
    pub(crate) fn is_hit(&self) -> bool {
        self.state.now.load(Ordering::SeqCst) != OPEN
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::SeqCst);
        self.state.now.store(CUT, Ordering::SeqCst);
        self.state.end_all();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn accept(self: &Arc<Self>, client: TcpStream) {
        if self.now.load(Ordering::SeqCst) == CUT {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.target)) else { return };
        let epoch = self.epoch.load(Ordering::SeqCst);
        let mut streams = self.streams.lock().unwrap();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            streams.push(from.try_clone().unwrap());
            let state = Arc::clone(self);
            thread::spawn(move || state.carry(from, to, epoch));
        }
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, epoch: u64) {
        let mut buffer = [0; 1 << 14];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if self.epoch.load(Ordering::SeqCst) != epoch {
                break;
            }
            let bytes = read as u64;
            let left = self.left.load(Ordering::SeqCst);
            let allowed = left.min(bytes);
            if left != u64::MAX {
                self.left.fetch_sub(allowed, Ordering::SeqCst);
            }
            self.passed.fetch_add(allowed, Ordering::SeqCst);
            let (now, later) = buffer[..read].split_at(usize::try_from(allowed).unwrap());
            if to.write_all(now).is_err() {
                break;
            }
            if !later.is_empty() {
                self.now.store(self.then.load(Ordering::SeqCst), Ordering::SeqCst);
                if self.now.load(Ordering::SeqCst) == CUT {
                    self.end_all();
                    break;
                }
                while self.now.load(Ordering::SeqCst) == STALLED {
                    thread::sleep(Duration::from_millis(5));
                }
                if to.write_all(later).is_err() {
                    break;
                }
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    fn end_all(&self) {
        for stream in self.streams.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}
