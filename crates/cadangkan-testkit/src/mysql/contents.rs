//! What is in the tables of a database, told by the server itself.

use super::TestDatabase;
use super::definitions::unescape;

impl TestDatabase {
    /// Returns a line per table: its name, the number of rows, and checksums of all values that do not depend on the
    /// order of rows; and a line per sequence with what it gives next.
    ///
    /// The server computes them from each value's bytes as hexadecimal digits: texts in their own character set,
    /// numbers and times as text, FLOAT with all its digits and its sign. Of system-versioned tables, these are the current rows.
    ///
    /// # Panics
    /// When a table cannot be read.
    pub fn contents(&self) -> String {
        let columns = self.run(COLUMNS);
        let mut tables: Vec<(String, Vec<String>)> = Vec::new();
        for line in columns.lines() {
            let fields: Vec<String> = line.split('\t').map(unescape).collect();
            let [table, column, kind] = fields.as_slice() else { panic!("{line}") };
            if tables.last().is_none_or(|(last, _)| last != table) {
                tables.push((table.clone(), Vec::new()));
            }
            let (_, values) = tables.last_mut().expect("one was pushed");
            values.push(value(column, kind));
        }
        let mut sql = "SET time_zone = '+00:00', group_concat_max_len = 1048576, sql_mode = '';\n".to_owned();
        for (table, values) in tables {
            sql += &checksum(&table, &values);
        }
        sql += &self.run(SEQUENCES).lines().map(unescape).collect::<String>();
        self.run(&sql)
    }
}

/// Returns a statement that prints the line of a table.
fn checksum(table: &str, values: &[String]) -> String {
    let quoted = quote(table);
    let literal = table.replace('\\', "\\\\").replace('\'', "''");
    format!(
        "SELECT '{literal}', COUNT(*), IFNULL(SUM(CRC32(v)), 0),
  BIT_XOR(CAST(CONV(LEFT(SHA2(v, 256), 16), 16, 10) AS UNSIGNED))
FROM (SELECT CONCAT_WS(',', {}) AS v FROM {quoted}) AS all_rows;\n",
        values.join(", ")
    )
}

/// Returns an expression that has one text for each value of a column.
fn value(column: &str, kind: &str) -> String {
    let column = quote(column);
    let exact = match kind {
        "float" => format!("CONCAT({column} * 1e0)"),
        // An invalid value and an empty member look alike, but not as numbers.
        "enum" => format!("CONCAT({column} + 0, ':', {column})"),
        "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "binary" | "varbinary"
        | "tinyblob" | "blob" | "mediumblob" | "longblob" | "bit" | "vector" => column,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geometrycollection" | "geomcollection" => column,
        _ => format!("CONCAT({column})"),
    };
    format!("IFNULL(HEX({exact}), 'NULL')")
}

fn quote(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// The start and end of a row's time are the server's own doing.
const COLUMNS: &str = "SELECT c.table_name, c.column_name, c.data_type
FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
WHERE table_schema = DATABASE() AND t.table_type IN ('BASE TABLE', 'SYSTEM VERSIONED')
  AND IFNULL(c.generation_expression, '') NOT IN ('ROW START', 'ROW END')
ORDER BY HEX(c.table_name), c.ordinal_position;";

const SEQUENCES: &str =
    "SELECT CONCAT('SELECT ''', REPLACE(table_name, '''', ''''''), ''', next_not_cached_value,
  cycle_count FROM `', REPLACE(table_name, '`', '``'), '`;\\n')
FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'SEQUENCE'
ORDER BY HEX(table_name);";
