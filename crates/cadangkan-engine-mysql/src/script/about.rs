//! What a statement does, as far as a load must know.

use super::{Token, Tokens};

/// What a statement does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Sets variables of the session.
    Set,
    /// Sets variables of the server, or what must not be touched.
    SetServer,
    /// Chooses a database.
    Use,
    /// Makes, changes or drops a database.
    Database,
    /// Makes a table.
    Table,
    /// Makes a view.
    View,
    /// Makes a trigger.
    Trigger,
    /// Makes a function.
    Function,
    /// Makes a procedure.
    Procedure,
    /// Makes a package, or its body.
    Package,
    /// Makes an event.
    Event,
    /// Makes a sequence.
    Sequence,
    /// Sets the value of a sequence.
    SequenceValue,
    /// Adds rows.
    Insert,
    /// Switches the keys of a table off or on.
    Keys,
    /// Changes a table.
    Alter,
    /// Locks tables, or lets go of them.
    Lock,
    /// Drops something.
    Drop,
    /// Begins or ends a transaction.
    Transaction,
    /// Anything else.
    Other,
}

impl Kind {
    /// The word as it stands in entries.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Kind::Table => "TABLE",
            Kind::View => "VIEW",
            Kind::Trigger => "TRIGGER",
            Kind::Function => "FUNCTION",
            Kind::Procedure => "PROCEDURE",
            Kind::Package => "PACKAGE",
            Kind::Event => "EVENT",
            Kind::Sequence => "SEQUENCE",
            Kind::SequenceValue => "SEQUENCE VALUE",
            Kind::Database => "DATABASE",
            _ => "STATEMENT",
        }
    }

    fn of_word(token: &Token<'_>) -> Option<Kind> {
        const WORDS: [(&str, Kind); 10] = [
            ("TABLE", Kind::Table),
            ("VIEW", Kind::View),
            ("TRIGGER", Kind::Trigger),
            ("FUNCTION", Kind::Function),
            ("PROCEDURE", Kind::Procedure),
            ("PACKAGE", Kind::Package),
            ("EVENT", Kind::Event),
            ("SEQUENCE", Kind::Sequence),
            ("DATABASE", Kind::Database),
            ("SCHEMA", Kind::Database),
        ];
        WORDS.iter().find(|(word, _)| token.is(word)).map(|(_, kind)| *kind)
    }
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct About {
    pub(crate) kind: Kind,
    /// The object that it makes, changes or fills.
    pub(crate) name: Option<String>,
    /// The database that it names.
    pub(crate) database: Option<String>,
    /// The table of a trigger.
    pub(crate) table: Option<String>,
}

impl About {
    /// Reads the first words of a statement.
    pub(crate) fn read(text: &[u8]) -> About {
        read(text).unwrap_or_else(|| about(Kind::Other, None))
    }
}

fn about(kind: Kind, name: Option<(String, Option<String>)>) -> About {
    let (name, database) = name.map_or((None, None), |(name, database)| (Some(name), database));
    About { kind, name, database, table: None }
}

fn read(text: &[u8]) -> Option<About> {
    let mut tokens = Tokens::new(text);
    let verb = tokens.next()?;
    if verb.is("SET") {
        return Some(about(if is_of_server(tokens) { Kind::SetServer } else { Kind::Set }, None));
    }
    if verb.is("USE") {
        let name = tokens.next()?.name();
        return Some(About { database: Some(name.clone()), ..about(Kind::Use, Some((name, None))) });
    }
    if verb.is("INSERT") || verb.is("REPLACE") {
        for word in ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"] {
            tokens.accept(word);
        }
        return Some(about(Kind::Insert, tokens.qualified()));
    }
    if verb.is("CREATE") {
        return create(tokens);
    }
    if verb.is("ALTER") {
        let kind = tokens.next()?;
        return Some(match Kind::of_word(&kind) {
            Some(Kind::Table) => {
                let name = tokens.qualified();
                let keys = (tokens.accept("DISABLE") || tokens.accept("ENABLE")) && tokens.accept("KEYS");
                about(if keys { Kind::Keys } else { Kind::Alter }, name)
            }
            Some(Kind::Database) => {
                // `ALTER DATABASE CHARACTER SET …` is of the current one.
                let words = ["CHARACTER", "CHARSET", "DEFAULT", "COLLATE", "ENCRYPTION", "READ", "COMMENT"];
                let name = tokens.next().filter(|token| !words.iter().any(|word| token.is(word)));
                let name = name.filter(Token::is_name).map(|token| token.name());
                About { database: name.clone(), ..about(Kind::Database, name.map(|name| (name, None))) }
            }
            _ => about(Kind::Other, None),
        });
    }
    if verb.is("DROP") {
        let kind = tokens.next()?;
        if Kind::of_word(&kind) == Some(Kind::Database) {
            return Some(about(Kind::Database, named(&mut tokens)));
        }
        return Some(about(Kind::Drop, named(&mut tokens)));
    }
    let kind = if verb.is("LOCK") || verb.is("UNLOCK") {
        Kind::Lock
    } else if ["BEGIN", "START", "COMMIT", "ROLLBACK"].iter().any(|word| verb.is(word)) {
        Kind::Transaction
    } else if verb.is("SELECT") || verb.is("DO") {
        let is_value = tokens.next().is_some_and(|token| token.is("SETVAL")) && tokens.accept("(");
        return Some(if is_value {
            about(Kind::SequenceValue, tokens.qualified())
        } else {
            about(Kind::Other, None)
        });
    } else {
        Kind::Other
    };
    Some(about(kind, None))
}

fn create(mut tokens: Tokens<'_>) -> Option<About> {
    // Definers may be called anything, but not more than so many words come before the kind.
    let mut kind = None;
    for _ in 0..16 {
        let token = tokens.next()?;
        if token.is("DEFINER") && tokens.accept("=") {
            tokens.next()?;
            if tokens.accept("@") {
                tokens.next()?;
            }
            continue;
        }
        kind = Kind::of_word(&token);
        if kind.is_some() {
            break;
        }
    }
    let kind = kind?;
    if kind == Kind::Package {
        tokens.accept("BODY");
    }
    let mut about = about(kind, named(&mut tokens));
    if kind == Kind::Trigger {
        while let Some(token) = tokens.next() {
            if token.is("ON") {
                about.table = tokens.qualified().map(|(table, _)| table);
                break;
            }
        }
    }
    Some(about)
}

/// Reads a name behind `IF [NOT] EXISTS`.
fn named(tokens: &mut Tokens<'_>) -> Option<(String, Option<String>)> {
    let mut ahead = tokens.clone();
    if ahead.accept("IF") {
        ahead.accept("NOT");
        if ahead.accept("EXISTS") {
            *tokens = ahead;
        }
    }
    tokens.qualified()
}

/// Tells whether a SET is of the server, or of what only its owner decides: the binary log, its GTIDs, passwords.
fn is_of_server(tokens: Tokens<'_>) -> bool {
    const WORDS: [&str; 9] = [
        "GLOBAL",
        "PERSIST",
        "PERSIST_ONLY",
        "SQL_LOG_BIN",
        "GTID_PURGED",
        "PASSWORD",
        "ROLE",
        "GTID_NEXT",
        "GTID_SLAVE_POS",
    ];
    let mut tokens = tokens.filter(|token| !token.is_quoted());
    tokens.any(|token| WORDS.iter().any(|word| token.is(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_dumps_are_known() {
        let cases = [
            ("CREATE TABLE `a``b` (x int)", Kind::Table, Some("a`b")),
            ("CREATE TABLE IF NOT EXISTS `s`.t (x int)", Kind::Table, Some("t")),
            ("/*!50001 CREATE VIEW `v` AS SELECT 1 */", Kind::View, Some("v")),
            (
                "/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`table`@`%` SQL SECURITY DEFINER */\n/*!50001 VIEW `v` AS select 1 */",
                Kind::View,
                Some("v"),
            ),
            (
                "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER `t` BEFORE INSERT ON `x y` FOR EACH ROW BEGIN END */",
                Kind::Trigger,
                Some("t"),
            ),
            ("CREATE DEFINER=`r`@`%` PROCEDURE `p`()\nBEGIN END", Kind::Procedure, Some("p")),
            ("CREATE DEFINER=`r`@`%` PACKAGE BODY `p` AS END", Kind::Package, Some("p")),
            ("CREATE AGGREGATE FUNCTION f() RETURNS int", Kind::Function, Some("f")),
            ("CREATE SEQUENCE `s` start with 1", Kind::Sequence, Some("s")),
            ("DO SETVAL(`s`, 3, 0)", Kind::SequenceValue, Some("s")),
            ("SELECT SETVAL(`s`, 3)", Kind::SequenceValue, Some("s")),
            ("INSERT IGNORE INTO `t` VALUES (1)", Kind::Insert, Some("t")),
            ("REPLACE INTO t VALUES (1)", Kind::Insert, Some("t")),
            ("/*!40000 ALTER TABLE `t` DISABLE KEYS */", Kind::Keys, Some("t")),
            ("ALTER TABLE t ADD KEY (a)", Kind::Alter, Some("t")),
            ("ALTER DATABASE CHARACTER SET utf8mb4", Kind::Database, None),
            ("ALTER DATABASE `x` CHARACTER SET utf8mb4", Kind::Database, Some("x")),
            (
                "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */",
                Kind::Database,
                Some("shop"),
            ),
            ("USE `shop`", Kind::Use, Some("shop")),
            ("LOCK TABLES `t` WRITE", Kind::Lock, None),
            ("UNLOCK TABLES", Kind::Lock, None),
            ("DROP TABLE IF EXISTS `t`", Kind::Drop, Some("t")),
            ("/*!40101 SET @saved_cs_client = @@character_set_client */", Kind::Set, None),
            ("SET NAMES 'global'", Kind::Set, None),
            ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ ''", Kind::SetServer, None),
            ("SET @@SESSION.SQL_LOG_BIN= 0", Kind::SetServer, None),
            ("START TRANSACTION", Kind::Transaction, None),
            ("GRANT ALL ON *.* TO x", Kind::Other, None),
            ("", Kind::Other, None),
        ];
        for (text, kind, name) in cases {
            let about = About::read(text.as_bytes());
            assert_eq!((about.kind, about.name.as_deref()), (kind, name), "{text}");
        }
        let trigger = About::read(b"CREATE TRIGGER t AFTER UPDATE ON `x y` FOR EACH ROW SET @on = 1");
        assert_eq!(trigger.table.as_deref(), Some("x y"));
    }
}
