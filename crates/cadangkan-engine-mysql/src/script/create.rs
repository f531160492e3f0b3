//! `CREATE TABLE` taken apart, so that what is quicker to build after the rows can wait.

use super::{Kind, Token, Tokens};

/// A table's definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CreateTable<'a> {
    /// Up to and with the bracket that opens the body.
    head: &'a [u8],
    items: Vec<Item<'a>>,
    /// From the bracket that closes it on.
    tail: &'a [u8],
    /// The storage engine, in lower case, where it is named.
    pub(crate) engine: Option<String>,
    /// Whether the table is in partitions.
    partitioned: bool,
    /// Whether it keeps the history of its rows.
    versioned: bool,
}

/// A line of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item<'a> {
    text: &'a [u8],
    what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Column { name: String, kind: String, auto: bool },
    Primary(Vec<String>),
    Key { kind: Key, columns: Vec<String>, plain: bool },
    Foreign(String),
    Other,
}

/// A kind of index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// Any number of rows for a value.
    Plain,
    /// One row for a value.
    Unique,
    /// For words.
    Fulltext,
    /// For shapes.
    Spatial,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// As it stands in the definition.
    pub(crate) text: Vec<u8>,
    /// The table that it refers to.
    pub(crate) parent: String,
}

/// What was taken out of a definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Indexes, as they stand in the definition.
    pub(crate) keys: Vec<(Key, Vec<u8>)>,
    /// Foreign keys.
    pub(crate) foreign: Vec<Foreign>,
}

impl<'a> CreateTable<'a> {
    /// Reads a definition; `None` for one without a body, such as `… LIKE other`, and for what is none.
    pub(crate) fn read(text: &'a [u8]) -> Option<CreateTable<'a>> {
        if super::About::read(text).kind != Kind::Table {
            return None;
        }
        let mut tokens = Tokens::new(text);
        let open =
            tokens.by_ref().find(|token| token.is_char(b'(') || token.is("LIKE") || token.is("SELECT"))?;
        if !open.is_char(b'(') {
            return None;
        }
        let (mut depth, mut from, mut words, mut items) = (1_usize, open.end, Vec::new(), Vec::new());
        let close = loop {
            let token = tokens.next()?;
            let ends = depth == 1 && (token.is_char(b',') || token.is_char(b')'));
            if ends {
                items.push(Item { text: text.get(from..token.begin)?, what: what(&words) });
                words.clear();
                from = token.end;
                if token.is_char(b')') {
                    break token;
                }
                continue;
            }
            if token.is_char(b'(') {
                depth += 1;
            } else if token.is_char(b')') {
                depth -= 1;
            }
            words.push(token);
        };
        let tail = text.get(close.begin..)?;
        let options: Vec<_> = Tokens::new(tail.get(1..)?).collect();
        let engine = options.iter().position(|token| token.is("ENGINE")).and_then(|at| {
            options
                .iter()
                .skip(at + 1)
                .find(|token| !token.is_char(b'='))
                .map(|token| token.name().to_lowercase())
        });
        let has = |one: &str, two: &str| {
            options.windows(2).any(|pair| matches!(pair, [first, second] if first.is(one) && second.is(two)))
        };
        Some(CreateTable {
            head: text.get(..open.end)?,
            items,
            tail,
            engine,
            partitioned: has("PARTITION", "BY"),
            versioned: has("SYSTEM", "VERSIONING"),
        })
    }

    /// Whether indexes are quicker to build after the rows: InnoDB sorts them then. Engines that would copy the
    /// whole table, and tables that keep their history, are left as they are.
    pub(crate) fn can_wait(&self) -> bool {
        self.engine.as_deref().is_none_or(|engine| engine == "innodb") && !self.versioned
    }

    /// The tables that foreign keys refer to.
    pub(crate) fn parents(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match &item.what {
            What::Foreign(parent) => Some(parent.as_str()),
            _ => None,
        })
    }

    /// The columns with the words of their types, in lower case.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items.iter().filter_map(|item| match &item.what {
            What::Column { name, kind, .. } => Some((name.as_str(), kind.as_str())),
            _ => None,
        })
    }

    /// Whether an index is over an expression.
    pub(crate) fn has_functional_key(&self) -> bool {
        self.items.iter().any(|item| {
            let words: Vec<_> = Tokens::new(item.text).collect();
            let opens = words.windows(2).any(|pair| pair.iter().all(|token| token.is_char(b'(')));
            opens && matches!(item.what, What::Key { .. })
        })
    }

    /// Whether its foreign keys must be made with it: MariaDB takes one on a column from which another is computed and
    /// stored, but only then.
    pub(crate) fn needs_foreign(&self) -> bool {
        let is_stored = |item: &Item<'_>| {
            matches!(item.what, What::Column { .. })
                && Tokens::new(item.text).any(|token| token.is("STORED") || token.is("PERSISTENT"))
        };
        self.items.iter().any(|item| matches!(item.what, What::Foreign(_)))
            && self.items.iter().any(is_stored)
    }

    /// Whether it keeps the history of its rows.
    pub(crate) fn is_versioned(&self) -> bool {
        self.versioned
    }

    /// Whether it has indexes that can wait.
    pub(crate) fn has_keys_to_take(&self) -> bool {
        self.can_wait() && self.items.iter().any(|item| self.is_key_to_take(item))
    }

    /// The definition without what can wait, and that.
    pub(crate) fn take(&self, keys: bool, foreign: bool) -> (Vec<u8>, Taken) {
        let (mut text, mut taken) = (self.head.to_vec(), Taken::default());
        let mut first = true;
        for item in &self.items {
            match &item.what {
                What::Foreign(parent) if foreign => {
                    let foreign = Foreign { text: item.text.trim_ascii().to_vec(), parent: parent.clone() };
                    taken.foreign.push(foreign);
                    continue;
                }
                What::Key { kind, .. } if keys && self.can_wait() && self.is_key_to_take(item) => {
                    taken.keys.push((*kind, item.text.trim_ascii().to_vec()));
                    continue;
                }
                _ => {}
            }
            if !first {
                text.push(b',');
            }
            first = false;
            text.extend_from_slice(item.text);
        }
        if !taken.keys.is_empty() || !taken.foreign.is_empty() {
            text.push(b'\n');
        }
        text.extend_from_slice(self.tail);
        (text, taken)
    }

    fn is_key_to_take(&self, item: &Item<'_>) -> bool {
        let What::Key { kind, columns, plain } = &item.what else { return false };
        // Rows are stored in the order of the first unique key when there is no primary one, and partitions may go
        // by it.
        let is_needed = *kind == Key::Unique && (self.partitioned || !self.has_primary());
        *plain && !is_needed && !self.is_for_numbers(columns)
    }

    fn has_primary(&self) -> bool {
        self.items.iter().any(|item| matches!(item.what, What::Primary(_)))
    }

    /// Whether a key is what a column that numbers itself must have: it is the first one of some key.
    fn is_for_numbers(&self, columns: &[String]) -> bool {
        let auto = self.items.iter().find_map(|item| match &item.what {
            What::Column { name, auto: true, .. } => Some(name),
            _ => None,
        });
        let Some(auto) = auto else { return false };
        let is_first =
            |columns: &[String]| columns.first().is_some_and(|column| column.eq_ignore_ascii_case(auto));
        let primary =
            self.items.iter().any(|item| matches!(&item.what, What::Primary(columns) if is_first(columns)));
        !primary && columns.iter().any(|column| column.eq_ignore_ascii_case(auto))
    }
}

fn what(words: &[Token<'_>]) -> What {
    let Some(first) = words.first() else { return What::Other };
    if first.is_quoted() {
        let auto = words.iter().any(|token| token.is("AUTO_INCREMENT"));
        return What::Column { name: first.name(), kind: type_of(words), auto };
    }
    // `CONSTRAINT name` may stand before some of them.
    let mut rest = words;
    if first.is("CONSTRAINT") {
        let named = words.get(1).is_some_and(|token| {
            !["FOREIGN", "UNIQUE", "PRIMARY", "CHECK"].iter().any(|word| token.is(word))
        });
        rest = words.get(if named { 2 } else { 1 }..).unwrap_or_default();
    }
    let Some(word) = rest.first() else { return What::Other };
    if word.is("FOREIGN") {
        let parent = rest.iter().position(|token| token.is("REFERENCES")).and_then(|at| {
            let tail = rest.get(at + 1..)?;
            let is_qualified = tail.get(1).is_some_and(|token| token.is_char(b'.'));
            tail.get(if is_qualified { 2 } else { 0 }).map(Token::name)
        });
        return parent.map_or(What::Other, What::Foreign);
    }
    if word.is("PRIMARY") {
        return What::Primary(columns(rest));
    }
    let kind = [
        ("KEY", Key::Plain),
        ("INDEX", Key::Plain),
        ("UNIQUE", Key::Unique),
        ("FULLTEXT", Key::Fulltext),
        ("SPATIAL", Key::Spatial),
    ];
    if let Some((_, kind)) = kind.iter().find(|(text, _)| word.is(text)) {
        // Those with a hidden column, and those over periods, are made with the table.
        let is_odd =
            rest.iter().any(|token| token.is("HASH") || token.is("OVERLAPS") || token.is("CLUSTERING"));
        return What::Key { kind: *kind, columns: columns(rest), plain: !is_odd };
    }
    if ["CHECK", "PERIOD", "VECTOR", "LIKE"].iter().any(|text| word.is(text)) || first.is("CONSTRAINT") {
        return What::Other;
    }
    let auto = words.iter().any(|token| token.is("AUTO_INCREMENT"));
    What::Column { name: first.name(), kind: type_of(words), auto }
}

fn type_of(words: &[Token<'_>]) -> String {
    words.get(1).map(|token| token.name().to_lowercase()).unwrap_or_default()
}

/// The columns in the first brackets.
fn columns(words: &[Token<'_>]) -> Vec<String> {
    let inner = words.iter().skip_while(|token| !token.is_char(b'(')).skip(1);
    let mut depth = 0_usize;
    let mut found = Vec::new();
    for token in inner {
        if token.is_char(b'(') {
            depth += 1;
        } else if token.is_char(b')') {
            if depth == 0 {
                break;
            }
            depth -= 1;
        } else if token.is_name() {
            found.push(token.name());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str) -> (String, Vec<String>, Vec<String>) {
        let (rest, taken) = CreateTable::read(text.as_bytes()).unwrap().take(true, true);
        let text = |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).unwrap();
        let keys = taken.keys.iter().map(|(_, key)| text(key)).collect();
        (text(&rest), keys, taken.foreign.iter().map(|foreign| text(&foreign.text)).collect())
    }

    #[test]
    fn what_can_wait_is_taken_out() {
        let (rest, keys, foreign) = take(
            "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `a,(` varchar(9) DEFAULT 'KEY (,',\n  \
             PRIMARY KEY (`id`),\n  UNIQUE KEY `u` (`a,(`),\n  KEY `k` (`a,(`(3),`id`) USING BTREE COMMENT 'x,y',\n  \
             FULLTEXT KEY `f` (`a,(`) /*!50100 WITH PARSER `ngram` */ ,\n  \
             CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `p)` (`id`) ON DELETE CASCADE,\n  \
             CONSTRAINT `c` CHECK (`id` > 0)\n) ENGINE=InnoDB AUTO_INCREMENT=4 COMMENT='a) KEY'",
        );
        assert_eq!(
            rest,
            "CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  `a,(` varchar(9) DEFAULT 'KEY (,',\n  \
             PRIMARY KEY (`id`),\n  CONSTRAINT `c` CHECK (`id` > 0)\n\n) ENGINE=InnoDB AUTO_INCREMENT=4 COMMENT='a) KEY'"
        );
        assert_eq!(keys.len(), 3);
        assert_eq!(keys[2], "FULLTEXT KEY `f` (`a,(`) /*!50100 WITH PARSER `ngram` */");
        assert_eq!(foreign, ["CONSTRAINT `fk` FOREIGN KEY (`id`) REFERENCES `p)` (`id`) ON DELETE CASCADE"]);
    }

    #[test]
    fn what_is_needed_at_once_stays() {
        let kept = [
            "CREATE TABLE t (a int AUTO_INCREMENT, b int, PRIMARY KEY (b), KEY (a))",
            "CREATE TABLE t (a int, UNIQUE KEY (a)) ENGINE=InnoDB",
            "CREATE TABLE t (a int, PRIMARY KEY (a), UNIQUE KEY (a)) /*!50100 PARTITION BY HASH (a) */",
            "CREATE TABLE t (a int, KEY (a)) ENGINE=MyISAM",
            "CREATE TABLE t (a int, KEY (a)) ENGINE=InnoDB WITH SYSTEM VERSIONING",
            "CREATE TABLE t (a text, PRIMARY KEY (b), UNIQUE KEY (a) USING HASH)",
        ];
        for text in kept {
            assert!(take(text).1.is_empty(), "{text}");
            assert!(!CreateTable::read(text.as_bytes()).unwrap().has_keys_to_take());
        }
        assert_eq!(take("CREATE TABLE t (a int AUTO_INCREMENT, PRIMARY KEY (a), KEY (a, b))").1.len(), 1);
        assert_eq!(take("CREATE TABLE t (a int, key int, KEY ((lower(a))))").1.len(), 2);
        for none in ["CREATE TABLE t LIKE u", "CREATE TABLE t (a int", "CREATE VIEW v AS SELECT (1)", ""] {
            assert_eq!(CreateTable::read(none.as_bytes()), None, "{none}");
        }
    }
}
