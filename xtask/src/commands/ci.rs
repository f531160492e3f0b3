//! `cargo xtask ci`: the same steps as the CI machine runs.

use anyhow::Result;

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    crate::no_more(arguments)?;
    super::test::everything(false)
}
