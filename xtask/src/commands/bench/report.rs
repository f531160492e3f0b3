//! Medians, ratios and bars, as a table for people and as JSON.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::contest::{Discipline, Place, Results, Sample};
use crate::process;

/// What is measured, and what we hold ourselves to.
pub(super) struct Subject {
    pub(super) title: &'static str,
    pub(super) bars: &'static [Bar],
    /// Holds for every run of our program.
    pub(super) peak_mb: f64,
    /// How fast a backup could be at best, where that can be told.
    pub(super) bound: Option<Bound>,
    /// Programs whose versions matter, with the argument that prints them.
    pub(super) programs: &'static [&'static [&'static str]],
}

/// One contender over another.
pub(super) enum Bar {
    Time {
        ours: &'static str,
        theirs: &'static str,
        at_most: f64,
    },
    Size {
        ours: &'static str,
        theirs: &'static str,
        at_most: f64,
    },
    /// Seconds for each GB of data.
    Pace {
        ours: &'static str,
        at_most: f64,
    },
}

/// The time on processors that a backup cannot do without, shared by all cores: what the server spends on the
/// contender `uncompressed`, and what `compressor` spends beyond that contender.
pub(super) struct Bound {
    pub(super) ours: &'static str,
    pub(super) uncompressed: &'static str,
    pub(super) compressor: &'static str,
}

pub(super) struct Report<'a> {
    subject: &'a Subject,
    size: String,
    data_bytes: u64,
    machine: Vec<(String, String)>,
    results: Vec<Results>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        subject: &'a Subject,
        place: &Place,
        size: &str,
        data_bytes: u64,
        results: Vec<Results>,
    ) -> Result<Self> {
        let machine = machine(place, subject.programs)?;
        Ok(Self { subject, size: size.to_owned(), data_bytes, machine, results })
    }

    /// Returns the day of the measurement, as `2026-01-31`.
    pub(super) fn date(&self) -> &str {
        self.machine.iter().find(|(what, _)| what == "date").map_or("", |(_, date)| date)
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
        let mut page = format!("# {}, {} ({megabytes:.0} MB)\n\n", self.subject.title, self.size);
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
        page.push_str("| command | median s | min - max s | MB/s | ratio | peak MB | busy s | output MB |\n");
        page.push_str("|---|---|---|---|---|---|---|---|\n");
        let rows = self.results.iter().filter(|results| results.discipline == discipline);
        let first = rows.clone().next().map_or(1.0, Results::median);
        for row in rows {
            let (name, median, (low, high)) = (row.contender, row.median(), row.range());
            let (rate, ratio) = (megabytes(self.data_bytes) / median, median / first);
            let (peak, output) = (row.peak_mb(), megabytes(row.output_bytes));
            let busy = row.busy() + row.server_busy();
            page.push_str(&format!(
                "| {name} | {median:.2} | {low:.2} - {high:.2} | {rate:.0} | {ratio:.2} | {peak:.0} | {busy:.1} | {output:.1} |\n"
            ));
        }
        page
    }

    fn bars(&self) -> Vec<String> {
        let find = |name: &str| self.results.iter().find(|results| results.contender == name);
        let mut lines = Vec::new();
        for bar in self.subject.bars {
            let line = match *bar {
                Bar::Time { ours, theirs, at_most } => find(ours).zip(find(theirs)).map(|(our, their)| {
                    let ratio = our.median() / their.median();
                    let verdict = met(ratio <= at_most);
                    format!("{verdict}: `{ours}` is {ratio:.2} of `{theirs}`, at most {at_most:.2}")
                }),
                Bar::Size { ours, theirs, at_most } => find(ours).zip(find(theirs)).map(|(our, their)| {
                    let ratio = megabytes(our.output_bytes) / megabytes(their.output_bytes);
                    let verdict = met(ratio <= at_most);
                    format!("{verdict}: `{ours}` writes {ratio:.3} of `{theirs}`, at most {at_most:.2}")
                }),
                Bar::Pace { ours, at_most } => find(ours).map(|our| {
                    let pace = our.median() / (megabytes(self.data_bytes) / 1000.0);
                    let verdict = met(pace <= at_most);
                    format!("{verdict}: `{ours}` takes {pace:.1} s for a GB, at most {at_most:.0} s")
                }),
            };
            lines.extend(line);
        }
        lines.extend(self.bound());
        let ours = self.results.iter().filter(|results| results.contender.starts_with("cadangkan"));
        let peak = ours.map(Results::peak_mb).fold(0.0, f64::max);
        let at_most = self.subject.peak_mb;
        lines.push(format!("{}: peak memory is {peak:.0} MB, at most {at_most:.0} MB", met(peak <= at_most)));
        lines
    }

    /// Says how close a backup comes to the time that the server's reading and compression alone would take.
    fn bound(&self) -> Option<String> {
        let bound = self.subject.bound.as_ref()?;
        let find = |name: &str| self.results.iter().find(|results| results.contender == name);
        let (plain, packed) = (find(bound.uncompressed)?, find(bound.compressor)?);
        let cores = self.machine.iter().find(|(what, _)| what == "cores")?.1.parse::<f64>().ok()?;
        let least = (plain.server_busy() + (packed.busy() - plain.busy()).max(0.0)) / cores;
        let ours = find(bound.ours)
            .map(|ours| format!("; `{}` takes {:.2} of that", bound.ours, ours.median() / least));
        Some(format!(
            "bound: reading and compression alone take {least:.2} s on {cores} cores{}",
            ours.unwrap_or_default()
        ))
    }

    fn json(&self) -> Value {
        let result = |results: &Results| {
            json!({
                "contender": results.contender,
                "script": results.script,
                "wall_seconds": results.samples.iter().map(|sample| sample.wall.as_secs_f64()).collect::<Vec<_>>(),
                "median_seconds": results.median(),
                "busy_seconds": results.samples.iter().map(|sample| sample.busy.as_secs_f64()).collect::<Vec<_>>(),
                "server_busy_seconds":
                    results.samples.iter().map(|sample| sample.server_busy.as_secs_f64()).collect::<Vec<_>>(),
                "peak_kib": results.samples.iter().map(|sample| sample.peak_kib).collect::<Vec<_>>(),
                "output_bytes": results.output_bytes,
            })
        };
        let machine: serde_json::Map<String, Value> =
            self.machine.iter().map(|(what, value)| (what.clone(), json!(value))).collect();
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
        self.median_of(|sample| sample.wall)
    }

    /// Returns the median time on processors in seconds, without the server's.
    fn busy(&self) -> f64 {
        self.median_of(|sample| sample.busy)
    }

    fn server_busy(&self) -> f64 {
        self.median_of(|sample| sample.server_busy)
    }

    fn median_of(&self, time: impl Fn(&Sample) -> Duration) -> f64 {
        let mut times: Vec<Duration> = self.samples.iter().map(time).collect();
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

/// Says on what was measured, and with what.
fn machine(place: &Place, programs: &[&[&str]]) -> Result<Vec<(String, String)>> {
    let first_line = |program: &str, arguments: &[&str]| -> Result<String> {
        let mut command = place.shell(program, arguments);
        let printed = process::capture(command.stdout(Stdio::piped()))?;
        Ok(printed.lines().next().unwrap_or_default().trim().to_owned())
    };
    let mut describe = Command::new("git");
    let commit = process::capture(describe.args(["describe", "--always", "--dirty"]));
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let rustc = process::capture(Command::new("rustc").arg("--version"))?.trim().to_owned();
    let mut machine = vec![
        ("date".to_owned(), first_line("date", &["-u", "+%Y-%m-%d"])?),
        ("commit".to_owned(), commit.map_or_else(|_| "none".to_owned(), |commit| commit.trim().to_owned())),
        ("processor".to_owned(), field("/proc/cpuinfo", "model name")),
        ("cores".to_owned(), first_line("nproc", &[])?),
        ("memory".to_owned(), field("/proc/meminfo", "MemTotal")),
        ("kernel".to_owned(), first_line("uname", &["-sr"])?),
        ("rustc".to_owned(), rustc),
    ];
    for program in programs {
        if let Some((name, arguments)) = program.split_first() {
            machine.push(((*name).to_owned(), first_line(name, arguments)?));
        }
    }
    Ok(machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(contender: &'static str, discipline: Discipline, milliseconds: &[u64]) -> Results {
        let sample = |wall: &u64| Sample {
            wall: Duration::from_millis(*wall),
            busy: Duration::from_millis(wall * 2),
            server_busy: Duration::from_millis(wall * 3),
            peak_kib: 200_000,
        };
        let samples = milliseconds.iter().map(sample).collect();
        Results { contender, script: "", discipline, samples, output_bytes: 1_000_000 }
    }

    const SUBJECT: Subject = Subject {
        title: "Test",
        bars: &[
            Bar::Time { ours: "cadangkan backup --no-check", theirs: "zstd -3 -T0", at_most: 1.15 },
            Bar::Size { ours: "cadangkan backup --no-check", theirs: "zstd -3 -T0", at_most: 1.05 },
            Bar::Pace { ours: "cadangkan backup --no-check", at_most: 1.0 },
        ],
        peak_mb: 150.0,
        bound: Some(Bound {
            ours: "cadangkan backup --no-check",
            uncompressed: "zstd -3 -T0",
            compressor: "cadangkan backup --no-check",
        }),
        programs: &[],
    };

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
        let machine = vec![("cores".to_owned(), "2".to_owned())];
        let report =
            Report { subject: &SUBJECT, size: "1G".into(), data_bytes: 1_000_000_000, machine, results };
        let page = report.markdown();
        assert!(page.contains("MISSED: `cadangkan backup --no-check` is 1.20"), "{page}");
        assert!(page.contains("met: `cadangkan backup --no-check` writes 1.000 of"), "{page}");
        assert!(
            page.contains("MISSED: `cadangkan backup --no-check` takes 1.2 s for a GB, at most 1 s"),
            "{page}"
        );
        // The server's 3 s, and 2.4 - 2.0 s of compression, on two cores.
        assert!(
            page.contains("alone take 1.70 s on 2 cores; `cadangkan backup --no-check` takes 0.71"),
            "{page}"
        );
        assert!(page.contains("MISSED: peak memory is 205 MB"), "{page}");
        assert!(page.contains("| zstd -3 -T0 | 1.00 |"), "{page}");
        assert_eq!(report.json().pointer("/results/1/median_seconds").and_then(Value::as_f64), Some(1.2));
    }
}
