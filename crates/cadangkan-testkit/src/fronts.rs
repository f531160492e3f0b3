//! Small programs before servers of this machine: TLS where there is none, and a proxy that leads every name here.
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "helpers of tests may fail, and are told by the environment where the servers are"
)]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::servers::VARIABLE;

/// Takes connections with TLS and passes them on; ends with its value.
#[derive(Debug)]
pub struct TlsFront {
    /// Where it listens, on 127.0.0.1; its certificate is for that and for `localhost`.
    pub port: u16,
    /// The certificate of its authority.
    pub ca_file: PathBuf,
    _program: Program,
}

impl TlsFront {
    /// Starts one before a port, with the certificate of the servers that run.
    ///
    /// # Panics
    /// When no servers run, or it does not start.
    pub fn to(server: u16) -> Self {
        let state = PathBuf::from(std::env::var_os(VARIABLE).expect("servers run"));
        let file = |name: &str| state.with_file_name("tls").join(name);
        let files = ["server.crt", "server.key"].map(|name| file(name).display().to_string());
        let [certificate, key] = files;
        let (program, port) =
            Program::start(include_str!("fronts/tls.py"), &[server.to_string(), certificate, key]);
        TlsFront { port, ca_file: file("root.crt"), _program: program }
    }
}

/// A proxy for CONNECT to which every name is this machine; ends with its value.
#[derive(Debug)]
pub struct NameProxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    program: Program,
}

impl NameProxy {
    /// Starts one.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let (program, port) = Program::start(include_str!("fronts/connect.py"), &[]);
        NameProxy { port, program }
    }

    /// Ends it, and returns what it was asked for: lines of names with ports.
    ///
    /// # Panics
    /// When its output cannot be read.
    pub fn asked_for(mut self) -> String {
        let _ = self.program.0.kill();
        let mut names = String::new();
        let mut output = self.program.0.stderr.take().expect("it is piped");
        output.read_to_string(&mut names).expect("it is text");
        names
    }
}

#[derive(Debug)]
struct Program(Child);

impl Program {
    /// Starts a script that says first where it listens.
    fn start(script: &str, arguments: &[String]) -> (Self, u16) {
        let mut command = Command::new("python3");
        command.args(["-c", script]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("python3 is there");
        let mut line = String::new();
        let output = child.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        (Program(child), line.trim().parse().expect("a port"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
