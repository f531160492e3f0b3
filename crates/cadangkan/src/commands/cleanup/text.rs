use std::collections::BTreeMap;
use std::fmt::Write;

use cadangkan_core::format_bytes;
use cadangkan_ops::retention::SeriesPlan;
use cadangkan_retention::{Decision, Verdict};
use jiff::tz::TimeZone;

use super::Plans;
use crate::app::App;
use crate::ui::count::count;
use crate::ui::escape;
use crate::ui::table::{Align, Table};
use crate::ui::time::format_time;

/// What goes and what stays, and why.
pub(super) fn plans(app: &App, zone: &TimeZone, plans: &Plans) -> String {
    let mut text = String::new();
    for series in plans.retention.iter().flat_map(|plan| &plan.series) {
        text.push_str(&of_series(app, zone, series));
    }
    let nothing = plans.leftovers.items.is_empty() && plans.staged.is_empty();
    if !nothing {
        if !text.is_empty() {
            text.push_str("Left behind\n");
        }
        text.push_str(&leftovers(app, plans));
    }
    let goes = plans.retention.as_ref().map_or(0, |plan| plan.removals().count());
    if nothing && goes == 0 {
        text.push_str("There is nothing to remove.\n");
    }
    text
}

fn of_series(app: &App, zone: &TimeZone, series: &SeriesPlan) -> String {
    let mut table = Table::new([
        ("backup id", Align::Left),
        ("made", Align::Left),
        ("size", Align::Right),
        ("", Align::Left),
        ("because", Align::Left),
    ]);
    for decision in &series.plan.decisions {
        let verdict = if decision.verdict == Verdict::Keep { "stays" } else { "goes" };
        table.row([
            decision.id.to_string().into(),
            format_time(decision.created_at, zone).into(),
            format_bytes(decision.size_bytes).into(),
            verdict.into(),
            decision.because().into(),
        ]);
    }
    let mut title = format!("Storage {}", series.storage);
    if let Some(original) = &series.original {
        let _ = write!(title, ", {}", escape(original));
    }
    if let Some(holds) = series.holds {
        let _ = write!(title, ", {holds}");
    }
    let (kept, gone) = (sum(series.plan.kept()), sum(series.plan.removals()));
    let mut text =
        format!("{title}: {}\n{}", policies(&series.policy, &series.schedules), table.render(app.style));
    let _ =
        writeln!(text, "{} stay, {}; {} go, {}", kept.0, format_bytes(kept.1), gone.0, format_bytes(gone.1));
    if let Some(why) = &series.halted {
        let _ = writeln!(text, "{} Nothing goes now: {why}", app.style.warning_mark());
    }
    text + "\n"
}

/// The policy, and those of schedules that have one of their own.
pub(super) fn policies(usual: &str, schedules: &BTreeMap<String, String>) -> String {
    let own = schedules.iter().map(|(name, policy)| format!("; of {}: {policy}", escape(name)));
    usual.to_owned() + &own.collect::<String>()
}

fn sum<'a>(decisions: impl Iterator<Item = &'a Decision>) -> (usize, u64) {
    decisions.fold((0, 0), |(count, bytes), decision| (count + 1, bytes + decision.size_bytes))
}

fn leftovers(app: &App, plans: &Plans) -> String {
    let mut table = Table::new([
        ("what", Align::Left),
        ("size", Align::Right),
        ("in", Align::Left),
        ("where", Align::Left),
    ]);
    let of_runs = plans
        .leftovers
        .items
        .iter()
        .map(|item| (item.storage.as_deref().unwrap_or("beside the database"), &item.leftover));
    let of_stage = plans.staged.iter().map(|leftover| ("this machine", leftover));
    for (place, leftover) in of_runs.chain(of_stage) {
        table.row([
            leftover.description.clone().into(),
            format_bytes(leftover.size_bytes).into(),
            place.to_owned().into(),
            leftover.location.clone().into(),
        ]);
    }
    table.render(app.style)
}

/// How many days a simulation shows, in words.
pub(super) fn days(number: usize) -> String {
    count(number as u64, "day")
}
