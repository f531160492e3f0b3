/// Reads a number of bytes: `4096`, `256MiB`, `1.5 GB`. Units are those of IEC 80000-13; case does not matter.
pub(crate) fn parse_bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.');
    let (number, unit) = text.split_at_checked(digits.unwrap_or(text.len()))?;
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" | "k" => 1000,
        "mb" | "m" => 1_000_000,
        "gb" | "g" => 1_000_000_000,
        "tb" | "t" => 1_000_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        _ => return None,
    };
    match number.split_once('.') {
        None => number.parse::<u64>().ok()?.checked_mul(factor),
        Some((whole, fraction)) => {
            // At most six digits, so that the product of fraction and factor cannot overflow.
            let fraction = fraction.get(..fraction.len().min(6))?;
            let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            let part = fraction.parse::<u64>().ok()?.checked_mul(factor)? / scale;
            whole.parse::<u64>().ok()?.checked_mul(factor)?.checked_add(part)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_and_refuses_the_rest() {
        let good = [
            ("4096", 4096),
            ("256MiB", 268_435_456),
            ("1.5 GB", 1_500_000_000),
            (" 10kb ", 10_000),
            ("1.123456789TiB", 1_235_252_935_294),
            ("0", 0),
        ];
        for (text, bytes) in good {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for bad in
            ["", "MiB", "1..5GB", "1.GB", ".5GB", "-1", "1 parsec", "99999999999TB", "1e9", "١MB", "1.é"]
        {
            assert_eq!(parse_bytes(bad), None, "{bad}");
        }
    }
}
