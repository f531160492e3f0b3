//! PostgreSQL: parallel, consistent dumps and restores.

mod script;
