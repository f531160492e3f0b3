//! `cargo xtask tidy`: prints every broken rule.

use anyhow::{Result, bail};

use crate::{project, tidy};

pub(crate) fn run(arguments: &mut lexopt::Parser) -> Result<()> {
    crate::no_more(arguments)?;
    print_findings()
}

pub(crate) fn print_findings() -> Result<()> {
    let findings = tidy::check(&project::root()?)?;
    for finding in &findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => {
            println!("tidy");
            Ok(())
        }
        1 => bail!("1 rule is broken"),
        count => bail!("{count} rules are broken"),
    }
}
