//! Plain aligned tables, without boxes, so that they can be read, copied and piped.

use unicode_width::UnicodeWidthStr;

use super::{Paint, Style, escape};

/// Where a column's text stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Align {
    /// At the left, for text.
    #[default]
    Left,
    /// At the right, for numbers and sizes.
    Right,
}

/// A table with a header.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    columns: Vec<(&'static str, Align)>,
    rows: Vec<Vec<Cell>>,
}

/// One field of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    paint: Option<Paint>,
}

impl Cell {
    /// A field in a colour.
    pub(crate) fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Cell { text: text.into(), paint: Some(paint) }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Cell { text: text.into(), paint: None }
    }
}

impl Table {
    /// Makes an empty table; headers are written in capitals.
    pub(crate) fn new(columns: impl IntoIterator<Item = (&'static str, Align)>) -> Self {
        Table { columns: columns.into_iter().collect(), rows: Vec::new() }
    }

    /// Adds a row. Fields that are missing are empty; those beyond the last column are left out.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        self.rows.push(cells.into_iter().take(self.columns.len()).collect());
    }

    /// Writes the table, header first; nothing when there is no row. Every line ends with a line break.
    pub(crate) fn render(&self, style: Style) -> String {
        if self.rows.is_empty() {
            return String::new();
        }
        let header: Vec<Cell> =
            self.columns.iter().map(|(name, _)| Cell::painted(name.to_uppercase(), Paint::Dim)).collect();
        let lines: Vec<Vec<Field>> = std::iter::once(&header)
            .chain(&self.rows)
            .map(|row| (0..self.columns.len()).map(|column| Field::new(row.get(column))).collect())
            .collect();
        let width = |column: usize| {
            let fields = lines.iter().filter_map(|line| line.get(column));
            fields.map(|field| field.width).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        lines.iter().map(|line| self.line(line, &widths, style) + "\n").collect()
    }

    fn line(&self, fields: &[Field], widths: &[usize], style: Style) -> String {
        let mut line = String::new();
        // Spaces are only written when something follows, so that no line ends with them.
        let mut spaces = 0;
        for ((field, (_, align)), width) in fields.iter().zip(&self.columns).zip(widths) {
            let padding = width.saturating_sub(field.width);
            if *align == Align::Right {
                spaces += padding;
            }
            if !field.text.is_empty() {
                line.push_str(&" ".repeat(spaces));
                line.push_str(&field.shown(style));
                spaces = 0;
            }
            spaces += 2 + if *align == Align::Left { padding } else { 0 };
        }
        line
    }
}

/// A field that is safe to show, with its width in columns of the terminal.
struct Field {
    text: String,
    width: usize,
    paint: Option<Paint>,
}

impl Field {
    fn new(cell: Option<&Cell>) -> Self {
        let text = cell.map(|cell| escape(&cell.text).into_owned()).unwrap_or_default();
        Field { width: text.width(), text, paint: cell.and_then(|cell| cell.paint) }
    }

    fn shown(&self, style: Style) -> String {
        self.paint.map_or_else(|| self.text.clone(), |paint| style.paint(paint, &self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([("name", Align::Left), ("size", Align::Right), ("status", Align::Left)]);
        table.row(["shop".into(), "1.4 MB".into(), Cell::painted("good", Paint::Green)]);
        table.row(["数据库".into(), "234 MB".into(), Cell::painted("damaged", Paint::Red)]);
        table.row(["bad\u{1b}[2J".into(), "9 B".into()]);
        table
    }

    #[test]
    fn aligns_by_display_width() {
        let expected = "\
NAME            SIZE  STATUS
shop          1.4 MB  good
数据库        234 MB  damaged
bad\\u{1b}[2J     9 B
";
        assert_eq!(table().render(Style::default()), expected);
    }

    #[test]
    fn colours_do_not_move_columns() {
        let colored = table().render(Style::new(true, true));
        let plain = colored.replace("\u{1b}[32m", "").replace("\u{1b}[31m", "");
        let plain = plain.replace("\u{1b}[2m", "").replace("\u{1b}[0m", "");
        assert_eq!(plain, table().render(Style::default()));
        assert!(colored.contains("\u{1b}[32mgood\u{1b}[0m"));
    }

    #[test]
    fn odd_shapes_are_fine() {
        let mut table = Table::new([("a", Align::Left), ("b", Align::Right)]);
        assert!(table.render(Style::default()).is_empty());
        table.row([]);
        table.row(["1".into(), "2".into(), "3".into()]);
        assert_eq!(table.render(Style::default()), "A  B\n\n1  2\n");
    }
}
