//! Scripts of statements: ours, and those of `mysqldump` and `mariadb-dump`, taken apart without being run.
//!
//! All of it works on bytes, since a script may hold texts of several character sets. What is read is hostile until
//! it has been understood; nothing here panics on any input.

mod about;
mod account;
mod create;
mod definer;
mod entry;
mod lexer;
mod rows;
mod split;

pub(crate) use about::{About, Kind};
pub(crate) use account::{
    Account, AccountStatement, Does, Moved, On, PUBLIC, accounts, cautious, like, moved, plain_grant,
};
pub(crate) use create::{CreateTable, Foreign, Key, Taken};
pub(crate) use definer::{definer, with_definer, without_definer};
pub(crate) use entry::Header;
pub(crate) use lexer::{Token, Tokens, in_quotes};
pub(crate) use rows::{Insert, Inserts, Shapes};
pub(crate) use split::{Splitter, Statement};
