//! The kit as a page of A4.

use cadangkan_core::Result;
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

use super::page::{Page, too_much};

/// Points: A4, its margin, lines, and the side of the code.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 48.0;
const FONT: f32 = 8.5;
const LINE: f32 = 11.0;
const CODE: f32 = 190.0;
/// Characters of a line.
const COLUMNS: usize = 96;

/// Writes one page: text in Courier, and the code below it.
pub(super) fn write(page: &Page) -> Result<Vec<u8>> {
    let [catalog, pages, sheet, font, content] = [1, 2, 3, 4, 5].map(Ref::new);
    let name = Name(b"F1");
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(pages);
    pdf.pages(pages).kids([sheet]).count(1);
    let mut description = pdf.page(sheet);
    description.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(pages).contents(content);
    description.resources().fonts().pair(name, font);
    description.finish();
    pdf.type1_font(font).base_font(Name(b"Courier")).encoding_predefined(Name(b"WinAnsiEncoding"));
    let mut drawn = Content::new();
    let mut y = PAGE.1 - MARGIN;
    for line in lines(page)? {
        drawn.begin_text();
        drawn.set_font(name, FONT);
        drawn.next_line(MARGIN, y);
        drawn.show(Str(&latin(&line)));
        drawn.end_text();
        y -= LINE;
    }
    if y - CODE < MARGIN / 2.0 {
        return Err(too_much());
    }
    draw(&mut drawn, &page.code()?.0, y - CODE);
    pdf.stream(content, &drawn.finish());
    Ok(pdf.finish())
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

/// What the standard fonts of PDF can show (Latin-1).
fn latin(line: &str) -> Vec<u8> {
    line.chars().map(|character| u8::try_from(u32::from(character)).unwrap_or(b'?')).collect()
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
