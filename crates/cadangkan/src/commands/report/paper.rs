//! The report on pages of A4.

use super::text::{Line, Look};
use crate::ui::pdf::{Font, Sheet, write as write_sheets};

/// Points of a page: its height, its margins, and the size of each look.
const TOP: f32 = 842.0 - 56.0;
const BOTTOM: f32 = 56.0;
const LEFT: f32 = 52.0;
const FOOT: f32 = 32.0;

/// Writes as many pages as are needed.
pub(super) fn write(lines: &[Line]) -> Vec<u8> {
    let mut sheets = vec![Sheet::new()];
    let mut y = TOP;
    for (place, line) in lines.iter().enumerate() {
        let (font, size, height) = look(line.look);
        // No heading stands alone at the end of a page.
        let follows = lines.get(place + 1..place + 4).unwrap_or_default();
        let needed: f32 = match line.look {
            Look::Heading | Look::Head => follows.iter().map(|line| look(line.look).2).sum(),
            Look::Title | Look::Plain => 0.0,
        };
        if y - height - needed < BOTTOM {
            sheets.push(Sheet::new());
            y = TOP;
        }
        y -= height;
        if let Some(sheet) = sheets.last_mut() {
            sheet.text(LEFT, y, font, size, &line.text);
        }
    }
    let all = sheets.len();
    for (number, sheet) in sheets.iter_mut().enumerate() {
        sheet.text(LEFT, FOOT, Font::Plain, 7.0, &format!("Page {} of {all}", number + 1));
    }
    write_sheets(sheets)
}

/// The font of a look, its size and the height of its line.
fn look(look: Look) -> (Font, f32, f32) {
    match look {
        Look::Title => (Font::Bold, 18.0, 30.0),
        Look::Heading => (Font::Bold, 12.0, 20.0),
        Look::Head => (Font::Bold, 8.0, 12.0),
        Look::Plain => (Font::Plain, 8.0, 10.5),
    }
}
