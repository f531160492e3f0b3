//! Pages of A4 with text in the standard fonts of PDF, and what else is drawn on them.

use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str};

/// Points: the width and the height of a page.
pub(crate) const PAGE: (f32, f32) = (595.0, 842.0);

/// A font in which all characters have the same width, six tenths of its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Font {
    Plain,
    Bold,
}

impl Font {
    fn name(self) -> Name<'static> {
        match self {
            Font::Plain => Name(b"F1"),
            Font::Bold => Name(b"F2"),
        }
    }
}

/// One page.
pub(crate) struct Sheet(Content);

impl Sheet {
    /// An empty page.
    pub(crate) fn new() -> Self {
        Sheet(Content::new())
    }

    /// Writes a line that begins at a point.
    pub(crate) fn text(&mut self, x: f32, y: f32, font: Font, size: f32, text: &str) {
        self.0.begin_text();
        self.0.set_font(font.name(), size);
        self.0.next_line(x, y);
        self.0.show(Str(&latin(text)));
        self.0.end_text();
    }

    /// Draws something else.
    pub(crate) fn draw(&mut self) -> &mut Content {
        &mut self.0
    }
}

/// Makes a document of pages.
pub(crate) fn write(sheets: Vec<Sheet>) -> Vec<u8> {
    let [catalog, pages, plain, bold] = [1, 2, 3, 4].map(Ref::new);
    let (mut pdf, mut next) = (Pdf::new(), Ref::new(5));
    let numbered: Vec<_> = sheets.into_iter().map(|sheet| (next.bump(), next.bump(), sheet)).collect();
    pdf.catalog(catalog).pages(pages);
    let count = i32::try_from(numbered.len()).unwrap_or(i32::MAX);
    pdf.pages(pages).kids(numbered.iter().map(|(sheet, _, _)| *sheet)).count(count);
    for (font, name) in [(plain, &b"Courier"[..]), (bold, b"Courier-Bold")] {
        pdf.type1_font(font).base_font(Name(name)).encoding_predefined(Name(b"WinAnsiEncoding"));
    }
    for (number, content, sheet) in numbered {
        let mut description = pdf.page(number);
        description.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(pages).contents(content);
        let mut resources = description.resources();
        resources.fonts().pair(Font::Plain.name(), plain).pair(Font::Bold.name(), bold);
        resources.finish();
        description.finish();
        pdf.stream(content, &sheet.0.finish());
    }
    pdf.finish()
}

/// What the standard fonts of PDF can show.
fn latin(line: &str) -> Vec<u8> {
    line.chars().map(win_ansi).collect()
}

/// As WinAnsiEncoding has it (PDF 32000-1, annex D.2): Latin-1, but for the characters of control.
fn win_ansi(character: char) -> u8 {
    match character {
        '€' => 0x80,
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '\u{80}'..='\u{9f}' => b'?',
        other => u8::try_from(u32::from(other)).unwrap_or(b'?'),
    }
}
