//! The channels, one file for each.

mod discord;
mod email;
mod healthchecks;
mod hook;
mod ntfy;
mod pagerduty;
mod slack;
mod teams;
mod telegram;
mod webhook;

use crate::ChannelDescriptor;

/// All channels, in the order in which they are shown.
pub static CHANNELS: &[&ChannelDescriptor] = &[
    &email::EMAIL,
    &slack::SLACK,
    &discord::DISCORD,
    &telegram::TELEGRAM,
    &teams::TEAMS,
    &ntfy::NTFY,
    &webhook::WEBHOOK,
    &pagerduty::PAGERDUTY,
    &healthchecks::HEALTHCHECKS,
];
