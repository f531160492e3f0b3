//! Definitions of a database as text that can be compared.

use super::{PostgresServer, TestDatabase};

impl PostgresServer {
    /// Returns the definitions of a database as pg_dump of its own version writes them, without what differs each time:
    /// some builds of servers keep numbers of their own with columns, which only that leaves out.
    ///
    /// # Panics
    /// When pg_dump fails.
    pub fn schema(&self, database: &str) -> String {
        let mut command = self.own_tool("pg_dump", database);
        // Times in defaults are shown in the zone of who looks, which may be a setting of the database.
        command.env("PGTZ", "UTC").args(["--schema-only", "--no-sync"]);
        let output = command.output().expect("pg_dump starts");
        assert!(output.status.success(), "pg_dump: {}", String::from_utf8_lossy(&output.stderr));
        normalise(&String::from_utf8(output.stdout).expect("the database is UTF-8"))
    }
}

impl TestDatabase {
    /// Returns the definitions, see [`PostgresServer::schema`].
    pub fn schema(&self) -> String {
        self.server.schema(&self.name)
    }
}

/// Drops the random `\restrict` lines and the versions; only at their places, because a body may contain the same.
fn normalise(dump: &str) -> String {
    let mut lines: Vec<&str> = dump.lines().collect();
    let differs = |line: &&str| {
        line.starts_with("\\restrict ")
            || line.starts_with("-- Dumped from database version ")
            || line.starts_with("-- Dumped by pg_dump version ")
    };
    let head = lines.len().min(12);
    let mut kept: Vec<&str> = lines.drain(..head).filter(|line| !differs(line)).collect();
    let tail = lines.iter().rposition(|line| line.starts_with("\\unrestrict "));
    if let Some(tail) = tail.filter(|tail| lines.len() - tail < 5) {
        lines.remove(tail);
    }
    kept.append(&mut lines);
    kept.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_each_time_is_dropped_at_its_places_only() {
        let body = "SELECT '\n\\restrict abc\n-- Dumped from database version 1\n'\n".repeat(4);
        let dump = format!(
            "--\n-- PostgreSQL database dump\n--\n\n\\restrict a1\n\n-- Dumped from database version 15.1\n\
             -- Dumped by pg_dump version 18.1\n\n\n\n\n{body}\n\\unrestrict a1\n\n"
        );
        let expected = format!("--\n-- PostgreSQL database dump\n--\n\n\n\n\n\n\n{body}\n\n");
        assert_eq!(normalise(&dump), expected);
    }
}
