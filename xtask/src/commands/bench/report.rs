//! Medians, ratios and bars, as a table for people and as JSON.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::contest::{Discipline, Results};
use crate::process;

/// What we hold ourselves to: the wall time of one contender over that of another.
const BARS: &[(&str, &str, f64)] = &[
    ("cadangkan backup --no-check", "zstd -3 -T0", 1.15),
    ("cadangkan backup --no-check", "sqlite3 .backup, zstd -3 -T0", 1.0),
    ("cadangkan restore --no-check", "zstd -d, sync", 1.25),
];
/// Holds for every run of our program.
const PEAK_MB: f64 = 150.0;

pub(super) struct Report {
    size: String,
    data_bytes: u64,
    machine: Vec<(&'static str, String)>,
    results: Vec<Results>,
}

impl Report {
    pub(super) fn new(size: &str, data_bytes: u64, results: Vec<Results>) -> Result<Self> {
        Ok(Self { size: size.to_owned(), data_bytes, machine: machine()?, results })
    }

    /// Returns the day of the measurement, as `2026-01-31`.
    pub(super) fn date(&self) -> &str {
        self.machine.iter().find(|(what, _)| *what == "date").map_or("", |(_, date)| date)
    }

    /// Writes `<stem>.md` and `<stem>.json`.
    pub(super) fn write(&self, stem: &Path) -> Result<()> {
        if let Some(folder) = stem.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = |ending: &str| format!("{}.{ending}", stem.display());
        fs::write(file("md"), self.markdown())?;
        fs::write(file("json"), format!("{:#}\n", self.json()))?;
        println!("\nwritten: {} and .json", file("md"));
        Ok(())
    }

    pub(super) fn markdown(&self) -> String {
        let megabytes = megabytes(self.data_bytes);
        let mut page = format!("# SQLite, {} ({megabytes:.0} MB)\n\n", self.size);
        for (what, value) in &self.machine {
            page.push_str(&format!("- {what}: {value}\n"));
        }
        page.push_str("\nWhole processes, in turn, on a warm page cache; medians. Ratios are wall times over the first.\n");
        for (title, discipline) in [("Backup", Discipline::Backup), ("Restore", Discipline::Restore)] {
            page.push_str(&self.section(title, discipline));
        }
        page.push_str("\n## Bars\n\n");
        for line in self.bars() {
            page.push_str(&format!("- {line}\n"));
        }
        page
    }

    fn section(&self, title: &str, discipline: Discipline) -> String {
        let mut page = format!("\n## {title}\n\n");
        page.push_str("| command | median s | min - max s | MB/s | ratio | peak MB | output MB |\n");
        page.push_str("|---|---|---|---|---|---|---|\n");
        let rows = self.results.iter().filter(|results| results.discipline == discipline);
        let first = rows.clone().next().map_or(1.0, Results::median);
        for row in rows {
            let (name, median, (low, high)) = (row.contender, row.median(), row.range());
            let (rate, ratio) = (megabytes(self.data_bytes) / median, median / first);
            let (peak, output) = (row.peak_mb(), megabytes(row.output_bytes));
            page.push_str(&format!(
                "| {name} | {median:.2} | {low:.2} - {high:.2} | {rate:.0} | {ratio:.2} | {peak:.0} | {output:.1} |\n"
            ));
        }
        page
    }

    fn bars(&self) -> Vec<String> {
        let find = |name: &str| self.results.iter().find(|results| results.contender == name);
        let mut lines = Vec::new();
        for (ours, theirs, bar) in BARS {
            if let (Some(our), Some(their)) = (find(ours), find(theirs)) {
                let ratio = our.median() / their.median();
                lines.push(format!(
                    "{}: `{ours}` is {ratio:.2} of `{theirs}`, at most {bar:.2}",
                    met(ratio <= *bar)
                ));
            }
        }
        let ours = self.results.iter().filter(|results| results.contender.starts_with("cadangkan"));
        let peak = ours.map(Results::peak_mb).fold(0.0, f64::max);
        lines.push(format!("{}: peak memory is {peak:.0} MB, at most {PEAK_MB:.0} MB", met(peak <= PEAK_MB)));
        lines
    }

    fn json(&self) -> Value {
        let result = |results: &Results| {
            json!({
                "contender": results.contender,
                "script": results.script,
                "wall_seconds": results.samples.iter().map(|sample| sample.wall.as_secs_f64()).collect::<Vec<_>>(),
                "median_seconds": results.median(),
                "peak_kib": results.samples.iter().map(|sample| sample.peak_kib).collect::<Vec<_>>(),
                "output_bytes": results.output_bytes,
            })
        };
        let machine: serde_json::Map<String, Value> =
            self.machine.iter().map(|(what, value)| ((*what).to_owned(), json!(value))).collect();
        json!({
            "machine": machine,
            "data_bytes": self.data_bytes,
            "results": self.results.iter().map(result).collect::<Vec<_>>(),
            "bars": self.bars(),
        })
    }
}

impl Results {
    /// Returns the median wall time in seconds.
    fn median(&self) -> f64 {
        let mut times: Vec<Duration> = self.samples.iter().map(|sample| sample.wall).collect();
        times.sort();
        let middle = |index: usize| times.get(index).map_or(f64::NAN, Duration::as_secs_f64);
        (middle(times.len().saturating_sub(1) / 2) + middle(times.len() / 2)) / 2.0
    }

    fn range(&self) -> (f64, f64) {
        let times = || self.samples.iter().map(|sample| sample.wall);
        (times().min().unwrap_or_default().as_secs_f64(), times().max().unwrap_or_default().as_secs_f64())
    }

    fn peak_mb(&self) -> f64 {
        megabytes(self.samples.iter().map(|sample| sample.peak_kib).max().unwrap_or(0).saturating_mul(1024))
    }
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Powers of ten; to the nearest kilobyte.
fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0
}

/// Says on what was measured.
fn machine() -> Result<Vec<(&'static str, String)>> {
    let first_line = |program: &str, arguments: &[&str]| -> Result<String> {
        let printed = process::capture(Command::new(program).args(arguments))?;
        Ok(printed.lines().next().unwrap_or_default().trim().to_owned())
    };
    let commit = process::capture(Command::new("git").args(["describe", "--always", "--dirty"]));
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    Ok(vec![
        ("date", first_line("date", &["-u", "+%Y-%m-%d"])?),
        ("commit", commit.map_or_else(|_| "none".to_owned(), |commit| commit.trim().to_owned())),
        ("processor", field("/proc/cpuinfo", "model name")),
        ("cores", first_line("nproc", &[])?),
        ("memory", field("/proc/meminfo", "MemTotal")),
        ("kernel", first_line("uname", &["-sr"])?),
        ("rustc", first_line("rustc", &["--version"])?),
        ("zstd", first_line("zstd", &["--version"])?),
        ("sqlite3", first_line("sqlite3", &["--version"])?),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::bench::contest::Sample;

    fn results(contender: &'static str, discipline: Discipline, milliseconds: &[u64]) -> Results {
        let sample = |wall: &u64| Sample { wall: Duration::from_millis(*wall), peak_kib: 200_000 };
        let samples = milliseconds.iter().map(sample).collect();
        Results { contender, script: "", discipline, samples, output_bytes: 1_000_000 }
    }

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(results("a", Discipline::Backup, &[3000, 1000, 2000]).median().to_string(), "2");
        assert_eq!(results("a", Discipline::Backup, &[4000, 1000, 2000, 3000]).median().to_string(), "2.5");
    }

    #[test]
    fn a_missed_bar_is_said() {
        let results = vec![
            results("zstd -3 -T0", Discipline::Backup, &[1000]),
            results("cadangkan backup --no-check", Discipline::Backup, &[1200]),
        ];
        let report = Report { size: "1G".into(), data_bytes: 1_000_000_000, machine: Vec::new(), results };
        let page = report.markdown();
        assert!(page.contains("MISSED: `cadangkan backup --no-check` is 1.20"), "{page}");
        assert!(page.contains("MISSED: peak memory is 205 MB"), "{page}");
        assert!(page.contains("| zstd -3 -T0 | 1.00 |"), "{page}");
        assert_eq!(report.json().pointer("/results/1/median_seconds").and_then(Value::as_f64), Some(1.2));
    }
}
