use cadangkan_core::{Error, ErrorKind, Result};
use qrcode::{Color, EcLevel, QrCode};
use zeroize::Zeroizing;

use crate::config::storage_without_secrets;
use crate::inventory::{DatabaseEntry, EffectiveOptions, StorageEntry};

/// What the kit says, before it is text or a PDF.
pub(super) struct Page {
    /// Lines of plain text.
    pub(super) lines: Vec<String>,
    /// Secrets, each under its name.
    pub(super) secrets: Vec<(&'static str, Zeroizing<String>)>,
    /// What the code at its end holds, and what it says of itself.
    code: (Zeroizing<String>, &'static str),
}

impl Page {
    /// Puts it together.
    pub(super) fn new(
        database: &DatabaseEntry,
        effective: &EffectiveOptions,
        storages: &[&StorageEntry],
        secrets: Vec<(&'static str, Zeroizing<String>)>,
        made: &str,
    ) -> Result<Self> {
        let name = &database.name;
        let location = database.location().map(|location| location.to_string()).unwrap_or_default();
        let encryption =
            effective.encryption.value.as_ref().map_or("none".to_owned(), |settings| settings.describe());
        let configuration = configuration(storages)?;
        let first = storages.first().map_or("<storage>".to_owned(), |storage| storage.name.to_string());
        let opens = match encryption.as_str() {
            "none" => "",
            _ => " --key-file key.txt     # or --passphrase-file",
        };
        let mut lines = vec![
            "CADANGKAN RECOVERY KIT".to_owned(),
            String::new(),
            format!("Made         {made}"),
            format!("Database     {name} ({}, {location})", database.engine.display_name),
            format!("Encryption   {encryption}"),
        ];
        lines.extend(storages.iter().map(|storage| {
            format!("Storage      {}: {}", storage.name, storage.location().unwrap_or_default())
        }));
        lines.extend([
            String::new(),
            "1. On any machine with cadangkan, save this as ~/.cadangkan/config.yaml:".to_owned(),
        ]);
        lines.extend(configuration.lines().map(|line| format!("   {line}")));
        lines.extend([
            "   and add the secrets of the storages, which are not on this page.".to_owned(),
            String::new(),
            "2. Bring back what is there, and restore:".to_owned(),
            format!("   cadangkan adopt {first}"),
            format!("   cadangkan backups list {name}"),
            format!("   cadangkan restore {name} --to <target>{opens}"),
            String::new(),
            "3. Without cadangkan: docs/decrypt.md of the project has a script for Python and OpenSSL;"
                .to_owned(),
            "   what it gives, zstd -dc and the database's own client read.".to_owned(),
        ]);
        let code = match secrets.first() {
            Some((what, secret)) => (secret.clone(), *what),
            None => (Zeroizing::new(configuration), "the configuration above"),
        };
        Ok(Page { lines, secrets, code })
    }

    /// All of it as text; the code in half blocks.
    pub(super) fn text(&self) -> Result<Zeroizing<String>> {
        let mut text = Zeroizing::new(self.lines.join("\n"));
        text.push('\n');
        for (what, secret) in &self.secrets {
            text.push_str(&format!("\nSECRET: {what}\n{}\n", secret.trim_end()));
        }
        let (rows, what) = self.code()?;
        text.push_str(&format!("\nThis code holds {what}:\n\n"));
        for pair in rows.chunks(2) {
            let below = pair.get(1);
            text.push_str("  ");
            for (column, upper) in pair.first().into_iter().flatten().enumerate() {
                let lower = below.and_then(|row| row.get(column)).copied().unwrap_or_default();
                text.push(match (upper, lower) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            text.push('\n');
        }
        Ok(text)
    }

    /// The code: rows of dark and light, with the light border that it needs; and what it holds.
    pub(super) fn code(&self) -> Result<(Vec<Vec<bool>>, &'static str)> {
        const BORDER: usize = 4;
        let (content, what) = &self.code;
        let code = QrCode::with_error_correction_level(content.trim_end().as_bytes(), EcLevel::M)
            .or_else(|_| QrCode::with_error_correction_level(content.trim_end().as_bytes(), EcLevel::L))
            .map_err(|error| too_much().source(error))?;
        let width = code.width();
        let dark = |x: usize, y: usize| {
            let inside = (BORDER..BORDER + width).contains(&x) && (BORDER..BORDER + width).contains(&y);
            inside && code[(x - BORDER, y - BORDER)] == Color::Dark
        };
        let all = 0..width + 2 * BORDER;
        Ok((all.clone().map(|y| all.clone().map(|x| dark(x, y)).collect()).collect(), *what))
    }
}

/// The error for what one page cannot hold.
pub(super) fn too_much() -> Error {
    Error::new(ErrorKind::Unsupported, "one page cannot hold all of it")
        .hint("write it as text, or let the database have fewer storages")
}

/// What a new machine's configuration needs, without secrets.
fn configuration(storages: &[&StorageEntry]) -> Result<String> {
    let map = storages.iter().map(|entry| (entry.name.to_string(), storage_without_secrets(entry)));
    let value = serde_json::json!({ "storages": map.collect::<serde_json::Map<_, _>>() });
    serde_saphyr::to_string(&value).map_err(|error| {
        Error::new(ErrorKind::Internal, "cannot write the configuration").source(error.to_string())
    })
}
