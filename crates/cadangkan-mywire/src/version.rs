use std::fmt;

/// What a server is, and how new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Whose server it is.
    pub flavor: Flavor,
    /// Major, minor and patch, as in `(10, 11, 14)`.
    pub number: (u16, u16, u16),
    /// As the server says it, such as `10.11.14-MariaDB-0+deb12u2`.
    pub text: String,
}

/// The two families of servers; Percona's and the clouds' builds of MySQL are `MySql`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// MySQL.
    MySql,
    /// MariaDB.
    MariaDb,
}

impl fmt::Display for Flavor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Flavor::MySql => "MySQL",
            Flavor::MariaDb => "MariaDB",
        })
    }
}

impl fmt::Display for Version {
    /// As in `MariaDB 10.11.14`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (major, minor, patch) = self.number;
        write!(f, "{} {major}.{minor}.{patch}", self.flavor)
    }
}

impl Version {
    /// Reads the version of a greeting. MariaDB 10 puts `5.5.5-` before it, for the replicas of old servers.
    ///
    /// Servers whose text does not say it, such as those behind some proxies, are known by `mariadb`: they do not
    /// claim to speak MySQL's dialect of the capabilities.
    pub(crate) fn read(text: &str, mariadb: bool) -> Version {
        let named = text.to_ascii_lowercase().contains("mariadb");
        let flavor = if named || mariadb { Flavor::MariaDb } else { Flavor::MySql };
        let text = match flavor {
            Flavor::MariaDb => text.strip_prefix("5.5.5-").unwrap_or(text),
            Flavor::MySql => text,
        };
        let mut parts = text.split(['.', '-', '+', '_', '~']).map(|part| {
            let digits: String = part.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u16>().unwrap_or(0)
        });
        let mut next = || parts.next().unwrap_or(0);
        let number = (next(), next(), next());
        Version { flavor, number, text: text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_real_servers_are_read() {
        let cases = [
            ("5.5.5-10.11.14-MariaDB-0+deb12u2-log", Flavor::MariaDb, (10, 11, 14)),
            ("11.8.3-MariaDB-0+deb13u1 from Debian", Flavor::MariaDb, (11, 8, 3)),
            ("9.7.0", Flavor::MySql, (9, 7, 0)),
            ("8.0.36-28", Flavor::MySql, (8, 0, 36)),
            ("8.0.mysql_aurora.3.04.0", Flavor::MySql, (8, 0, 0)),
            ("5.5.5", Flavor::MySql, (5, 5, 5)),
            ("", Flavor::MySql, (0, 0, 0)),
            ("99999.x", Flavor::MySql, (0, 0, 0)),
        ];
        for (text, flavor, number) in cases {
            let version = Version::read(text, false);
            assert_eq!((version.flavor, version.number), (flavor, number), "{text}");
        }
        assert_eq!(Version::read("10.6.1", true).to_string(), "MariaDB 10.6.1");
    }
}
