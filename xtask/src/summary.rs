//! Steps that are all run, and the table of what came of them.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// What came of one step that did not fail.
pub(crate) enum Outcome {
    /// It ran and found nothing wrong.
    Passed,
    /// It could not run; the reason is shown.
    Skipped(String),
}

/// Collects the results of steps; one failing does not stop the next.
#[derive(Default)]
pub(crate) struct Summary {
    rows: Vec<Row>,
}

struct Row {
    name: &'static str,
    took: Duration,
    result: Result<Outcome, String>,
}

impl Summary {
    /// Runs a step and keeps its result.
    pub(crate) fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<Outcome>) {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = work().map_err(|error| format!("{error:#}"));
        if let Err(error) = &result {
            println!("{name} failed: {error}");
        }
        self.rows.push(Row { name, took: start.elapsed(), result });
    }

    /// Prints the table; fails when any step failed.
    pub(crate) fn finish(self) -> Result<()> {
        print!("\n{}", self.table());
        let failed: Vec<&str> =
            self.rows.iter().filter(|row| row.result.is_err()).map(|row| row.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }

    fn table(&self) -> String {
        let width = self.rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let mut table = String::new();
        for Row { name, took, result } in &self.rows {
            let result = match result {
                Ok(Outcome::Passed) => "passed".to_owned(),
                Ok(Outcome::Skipped(reason)) => format!("skipped: {reason}"),
                Err(error) => format!("FAILED: {}", error.lines().next().unwrap_or_default()),
            };
            table.push_str(&format!("{name:width$}  {:7.1} s  {result}\n", took.as_secs_f64()));
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_failure_fails_the_whole_but_the_rest_runs() {
        let mut summary = Summary::default();
        summary.step("first", || bail!("broken\nsecond line"));
        summary.step("second", || Ok(Outcome::Passed));
        summary.step("third", || Ok(Outcome::Skipped("no network".into())));
        let table = summary.table();
        assert!(table.contains("FAILED: broken\n") && table.contains("skipped: no network"), "{table}");
        assert_eq!(summary.finish().unwrap_err().to_string(), "failed: first");
    }

    #[test]
    fn all_passed_is_success() {
        let mut summary = Summary::default();
        summary.step("only", || Ok(Outcome::Passed));
        summary.finish().unwrap();
    }
}
