//! Several servers of which one is meant: tried in their order (manual, "Specifying Multiple Hosts").

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use cadangkan_core::{Control, Error, ErrorKind, Result};

use crate::passfile::Passwords;
use crate::{Connection, Target};

/// One of the servers.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
    /// What the password file has for it.
    pub(crate) stored: Passwords,
}

/// All of them, and the one that took us: from then on no other is tried, also by copies of the target, since what
/// belongs together has to be read from one server.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    all: Arc<Vec<Host>>,
    chosen: Arc<OnceLock<usize>>,
}

impl Hosts {
    pub(crate) fn new(all: Vec<Host>) -> Hosts {
        Hosts { all: Arc::new(all), chosen: Arc::default() }
    }

    /// All names, as they were given.
    pub(crate) fn names(&self) -> String {
        self.all.iter().map(|host| host.name.as_str()).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn are_several(&self) -> bool {
        self.all.len() > 1
    }
}

/// Connects to the first server that takes us and is of the kind that is asked for.
///
/// Unlike libpq, one that has too many connections is passed by as well; like it, one that refuses the password is not.
pub(crate) fn open(target: &Target, control: &Control<'_>) -> Result<Connection> {
    let mut failures = Vec::new();
    for wanted in target.session.rounds() {
        for (place, one) in candidates(target) {
            let opened = Connection::open_one(&one, control)
                .and_then(|mut connection| wanted.check(&mut connection, control).map(|()| connection));
            match opened {
                // Another thread may have been first elsewhere.
                Ok(_) if *target.hosts.chosen.get_or_init(|| place) != place => return open(target, control),
                Ok(connection) => return Ok(connection),
                Err(error) if matches!(error.kind(), ErrorKind::Unreachable | ErrorKind::Timeout) => {
                    failures.push((one, error));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Err(together(failures))
}

/// The target with the server that was chosen, else with the first.
pub(crate) fn settled(target: &Target) -> Target {
    candidates(target).into_iter().next().map_or_else(|| target.clone(), |(_, one)| one)
}

fn candidates(target: &Target) -> Vec<(usize, Target)> {
    let chosen = target.hosts.chosen.get();
    let all = target.hosts.all.iter().enumerate();
    all.filter(|(place, _)| chosen.is_none_or(|chosen| chosen == place))
        .map(|(place, host)| (place, at(target, host)))
        .collect()
}

fn at(target: &Target, host: &Host) -> Target {
    Target {
        host: host.name.clone(),
        hostaddr: host.address,
        port: host.port,
        stored: host.stored.clone(),
        hosts: Hosts::new(vec![host.clone()]),
        ..target.clone()
    }
}

fn together(mut failures: Vec<(Target, Error)>) -> Error {
    let several = failures.iter().any(|(one, _)| {
        failures.first().is_some_and(|(first, _)| first.host != one.host || first.port != one.port)
    });
    let Some((_, last)) = failures.pop() else {
        return Error::new(ErrorKind::Internal, "there is no server to connect to");
    };
    if !several {
        return last;
    }
    let hint = last.advice().unwrap_or("check the hosts and ports").to_owned();
    let (kind, retryable) = (last.kind(), last.is_retryable());
    let mut error = Error::new(kind, "none of the servers can be used").operation("connect");
    for (one, failure) in &failures {
        error = error.context("tried", format!("{}:{}: {}", one.host, one.port, failure.message()));
    }
    error = error.context("tried last", last.message()).hint(hint);
    if retryable { error.retryable() } else { error }
}
