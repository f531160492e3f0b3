//! `notify …`: the channels for notifications.

use std::time::Duration;

use cadangkan_catalog::ChannelState;
use cadangkan_core::{Clock as _, Error, ErrorKind, Result, ResultExt};
use cadangkan_notify::{EventKind, Purpose};
use serde_json::{Value, json};

use crate::app::{App, CatalogNeed, Session};
use crate::config::DeclaredChannel;
use crate::health::{Grade, Problem};
use crate::notifications::{OpenChannel, deliver_due, message};
use crate::ui::count::count;
use crate::ui::escape;
use crate::ui::suggest;
use crate::ui::table::{Align, Cell, Table};
use crate::ui::time::format_age;

/// How long a channel may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Arguments of `notify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cadangkan notify list\n  cadangkan notify test ops")]
pub(crate) struct NotifyArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List the channels, what each hears, and how delivery goes
    #[command(
        visible_alias = "ls",
        after_help = "Examples:\n  cadangkan notify list\n  cadangkan notify list --output json"
    )]
    List,
    /// Send a message that says it is a test
    #[command(after_help = "Examples:\n  cadangkan notify test ops")]
    Test {
        /// The channel
        channel: String,
    },
    /// Deliver what waits and is due: what failed before, and summaries
    #[command(after_help = "Examples:\n  cadangkan notify deliver    # from cron, where no daemon runs")]
    Deliver,
}

/// Carries out a subcommand.
pub(crate) fn run(app: &App, args: &NotifyArgs) -> Result<()> {
    let session = app.session(CatalogNeed::Required)?;
    match &args.command {
        Command::List => list(app, &session),
        Command::Test { channel } => test(app, &session, channel),
        Command::Deliver => deliver(app, &session),
    }
}

fn list(app: &App, session: &Session) -> Result<()> {
    let states = session.catalog()?.channel_states()?;
    let channels = &session.inventory.config().notifications;
    let state =
        |channel: &DeclaredChannel| states.iter().find(|state| state.channel == channel.name.as_str());
    let values: Vec<Value> = channels.iter().map(|channel| value(channel, state(channel))).collect();
    app.print(&values, || {
        if channels.is_empty() {
            return "No channels: add some under `notifications:` in the configuration\n".to_owned();
        }
        let mut table = Table::new([
            ("channel", Align::Left),
            ("kind", Align::Left),
            ("hears", Align::Left),
            ("last delivery", Align::Left),
            ("waiting", Align::Right),
        ]);
        let now = app.clock.now();
        for channel in channels {
            let state = state(channel);
            let delivered = state.and_then(|state| state.delivered_at).map(|at| format_age(at, now));
            table.row([
                Cell::from(channel.name.to_string()),
                channel.kind.id.into(),
                heard(channel).into(),
                delivered.unwrap_or_else(|| "-".to_owned()).into(),
                state.map_or(0, |state| state.waiting).to_string().into(),
            ]);
        }
        let problems = channels.iter().filter_map(|channel| problem(state(channel)?));
        let line = |problem: Problem| format!("{} {}\n", app.style.bad_mark(), problem.line());
        table.render(app.style) + &problems.map(line).collect::<String>()
    })
}

/// The channels that could not be reached, and why.
pub(crate) fn problems(session: &Session) -> Result<Vec<Problem>> {
    let states = session.catalog()?.channel_states()?;
    let is_there = |state: &&ChannelState| {
        session.inventory.config().notifications.iter().any(|channel| channel.name.as_str() == state.channel)
    };
    Ok(states.iter().filter(is_there).filter_map(problem).collect())
}

/// What is heard, in few words.
fn heard(channel: &DeclaredChannel) -> String {
    let hears = channel.hears();
    let mut text = match hears == EventKind::TROUBLE {
        true => "trouble, and its end".to_owned(),
        false => hears.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
    };
    if let Some(digest) = channel.options.digest {
        text = format!("{} summary", json!(digest).as_str().unwrap_or_default());
    }
    match channel.options.after_failures.filter(|failures| *failures > 1) {
        Some(failures) => format!("{text}; from failure {failures} on"),
        None => text,
    }
}

fn problem(state: &ChannelState) -> Option<Problem> {
    let error = state.error.as_ref()?;
    let counts = [(state.waiting, "waiting"), (state.given_up, "given up")].into_iter();
    let counts = counts.filter(|(number, _)| *number > 0);
    let counts: String = counts.map(|(number, how)| format!(", {} {how}", count(number, "event"))).collect();
    Some(Problem {
        grade: Grade::Warning,
        code: "channel",
        text: format!("{} could not be reached{counts}: {}", state.channel, escape(error)),
        command: Some(format!("cadangkan notify test {}", state.channel)),
        lead: "try",
    })
}

fn value(channel: &DeclaredChannel, state: Option<&ChannelState>) -> Value {
    json!({
        "name": channel.name,
        "kind": channel.kind.id,
        "hears": channel.hears(),
        "after_failures": channel.options.after_failures.unwrap_or(1),
        "digest": channel.options.digest,
        "delivered_at": state.and_then(|state| state.delivered_at),
        "waiting": state.map_or(0, |state| state.waiting),
        "given_up": state.map_or(0, |state| state.given_up),
        "error": state.and_then(|state| state.error.as_ref()),
    })
}

fn test(app: &App, session: &Session, name: &str) -> Result<()> {
    let channels = &session.inventory.config().notifications;
    let declared = channels.iter().find(|channel| channel.name.as_str() == name).ok_or_else(|| {
        let names = || channels.iter().map(|channel| channel.name.as_str());
        let hint = match suggest::nearest(name, names()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if channels.is_empty() => {
                "add channels under `notifications:` in the configuration".to_owned()
            }
            None => format!("there is: {}", names().collect::<Vec<_>>().join(", ")),
        };
        Error::new(ErrorKind::NotFound, format!("there is no channel \"{}\"", name.escape_debug())).hint(hint)
    })?;
    let message = message(app, Purpose::Test, Vec::new(), app.clock.now());
    if app.global.dry_run {
        return app.print(&json!({ "channel": name, "sent": false }), || {
            format!("{name} would get: {}\nThis was a dry run: nothing was sent.\n", message.title())
        });
    }
    let sent = OpenChannel::of(session, declared)?.send(&message, LIMIT);
    sent.map_err(|undelivered| undelivered.error).context("channel", name)?;
    app.print(&json!({ "channel": name, "sent": true }), || {
        format!(
            "{} {name} ({}) has taken a test message\n",
            app.style.good_mark(),
            declared.kind.display_name
        )
    })
}

fn deliver(app: &App, session: &Session) -> Result<()> {
    let waiting = || -> Result<u64> {
        Ok(session.catalog()?.channel_states()?.iter().map(|state| state.waiting).sum())
    };
    if app.global.dry_run {
        let waiting = waiting()?;
        return app.print(&json!({ "waiting": waiting }), || {
            format!("{} waiting\nThis was a dry run: nothing was sent.\n", count(waiting, "event"))
        });
    }
    let delivery = deliver_due(app, session, LIMIT)?;
    let failed: Vec<&String> = delivery.failed.iter().map(|(channel, _)| channel).collect();
    let waiting = waiting()?;
    app.print(&json!({ "delivered": delivery.delivered, "waiting": waiting, "failed": failed }), || {
        // What has just failed is not due, and summaries have their time.
        let waiting = if waiting > 0 { format!(", {waiting} waiting") } else { String::new() };
        format!("Delivered {}{waiting}\n", count(delivery.delivered as u64, "event"))
    })?;
    match delivery.failed.into_iter().next() {
        Some((channel, error)) => Err(error.context("channel", channel)),
        None => Ok(()),
    }
}
