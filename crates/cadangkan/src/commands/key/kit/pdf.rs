//! The kit as a page of A4.

use cadangkan_core::Result;
use pdf_writer::Content;

use super::page::{Page, too_much};
use crate::ui::pdf::{Font, PAGE, Sheet, write as write_sheets};

/// Points: the margin, lines, and the side of the code.
const MARGIN: f32 = 48.0;
const FONT: f32 = 8.5;
const LINE: f32 = 11.0;
const CODE: f32 = 190.0;
/// Characters of a line.
const COLUMNS: usize = 96;

/// Writes one page: text, and the code below it.
pub(super) fn write(page: &Page) -> Result<Vec<u8>> {
    let mut sheet = Sheet::new();
    let mut y = PAGE.1 - MARGIN;
    for line in lines(page)? {
        sheet.text(MARGIN, y, Font::Plain, FONT, &line);
        y -= LINE;
    }
    if y - CODE < MARGIN / 2.0 {
        return Err(too_much());
    }
    draw(sheet.draw(), &page.code()?.0, y - CODE);
    Ok(write_sheets(vec![sheet]))
}

fn lines(page: &Page) -> Result<Vec<String>> {
    let mut lines = page.lines.clone();
    for (what, secret) in &page.secrets {
        lines.extend([String::new(), format!("SECRET: {what}")]);
        lines.extend(secret.trim_end().lines().map(str::to_owned));
    }
    lines.extend([String::new(), format!("This code holds {}:", page.code()?.1)]);
    let pieces = |line: String| {
        let characters: Vec<char> = line.chars().collect();
        match characters.is_empty() {
            true => vec![String::new()],
            false => characters.chunks(COLUMNS).map(|piece| piece.iter().collect()).collect(),
        }
    };
    Ok(lines.into_iter().flat_map(pieces).collect())
}

fn draw(content: &mut Content, rows: &[Vec<bool>], bottom: f32) {
    let side = CODE / rows.len().max(1) as f32;
    content.set_fill_gray(0.0);
    for (row, cells) in rows.iter().rev().enumerate() {
        for (column, _) in cells.iter().enumerate().filter(|(_, dark)| **dark) {
            // A hair wider, so that no light shines between neighbours.
            let (x, y) = (MARGIN + column as f32 * side, bottom + row as f32 * side);
            content.rect(x, y, side + 0.05, side + 0.05);
        }
    }
    content.fill_nonzero();
}
