/// The shortest text that is taken for a secret: what is shorter stands anywhere by chance.
const SHORTEST_SECRET: usize = 6;
/// The least of a secret that is seen as its begin, where a text was made short within it.
const SHORTEST_BEGIN: usize = 4;

/// What somebody else said, without these secrets, should it repeat them.
pub(crate) fn cut_out(secrets: &[String], said: &str) -> String {
    let mut secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
    // Of two that begin alike, the longer one is cut out as a whole.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let clean = secrets.iter().fold(said.to_owned(), |text, secret| text.replace(secret, "***"));
    if !clean.contains('…') {
        return clean;
    }
    secrets.iter().fold(clean, |text, secret| {
        let ends = secret.char_indices().map(|(end, _)| end).filter(|end| *end >= SHORTEST_BEGIN);
        let begins = ends.rev().filter_map(|end| secret.get(..end));
        begins.fold(text, |text, begin| text.replace(&format!("{begin}…"), "***…"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_cut_out_whole_and_where_the_text_was_made_short() {
        let secrets = ["Bearer mArKeD", "mArKeD", "T0/B0/schlüssel", "short"].map(str::to_owned);
        assert_eq!(cut_out(&secrets, "Bearer mArKeD, mArKeD: short"), "***, ***: short");
        assert_eq!(cut_out(&secrets, "no Bearer mArK… (host: x)"), "no ***… (host: x)");
        assert_eq!(cut_out(&secrets, "POST /T0/B0/schlüs…: no"), "POST /***…: no");
        assert_eq!(cut_out(&secrets, "it is m…"), "it is m…");
    }
}
