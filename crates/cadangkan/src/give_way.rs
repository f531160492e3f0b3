//! A run that gives way to other processes, with all threads and processes that it begins from here on.

use std::process::{Command, Stdio};
use std::time::Duration;

use cadangkan_core::{Cancel, Error, Result};
use cadangkan_scheduler::{Io, Schedule};

use crate::app::App;
use crate::program::{self, How};

/// How long the program may take that changes the class of reads and writes.
const LIMIT: Duration = Duration::from_secs(10);

/// Gives way as a schedule says. A class of reads and writes that cannot be set holds no backup up: it is told.
pub(crate) fn give_way(app: &App, schedule: &Schedule) -> Result<()> {
    let failed = |what: &'static str| move |error: rustix::io::Errno| Error::io(what, error.into());
    if let Some(nice) = schedule.nice {
        rustix::process::nice(i32::from(nice)).map_err(failed("cannot give way to other processes"))?;
    }
    if let Some(io) = schedule.io
        && let Err(why) = set_class(io)
    {
        app.warn(&format!("reads and writes do not give way as `io` says: {why}"));
    }
    #[cfg(target_os = "linux")]
    if let Some(cpus) = schedule.cpus {
        use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
        let allowed = sched_getaffinity(None).map_err(failed("cannot tell the processors"))?;
        let mut chosen = CpuSet::new();
        let usable = (0..CpuSet::MAX_CPU).filter(|cpu| allowed.is_set(*cpu));
        usable.take(usize::from(cpus)).for_each(|cpu| chosen.set(cpu));
        sched_setaffinity(None, &chosen).map_err(failed("cannot limit the processors"))?;
    }
    Ok(())
}

/// Lets `ionice` of util-linux change this thread, from which others take it over: no library that we use makes this call.
fn set_class(io: Io) -> Result<(), String> {
    let class: &[&str] = match io {
        Io::Idle => &["-c", "3"],
        Io::Low => &["-c", "2", "-n", "7"],
    };
    let mut command = Command::new("ionice");
    command.args(class).arg("-p").arg(std::process::id().to_string()).stdin(Stdio::null());
    let (how, _) = program::run(&mut command, LIMIT, &Cancel::default())
        .map_err(|error| format!("`ionice` cannot be run ({error})"))?;
    match how {
        How::Ended(status) if status.success() => Ok(()),
        How::Ended(status) => Err(format!("`ionice` ended with {status}")),
        How::TookTooLong | How::Stopped => Err("`ionice` does not end".to_owned()),
    }
}
