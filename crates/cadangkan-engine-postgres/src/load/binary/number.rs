//! Numbers.

/// A numeric counts in groups of four decimal digits.
const GROUP: usize = 4;

/// Longer numbers are left to the server.
const MAX_GROUPS: usize = 16;

/// An integer, and what follows it.
pub(super) fn integer(text: &[u8]) -> Option<(i64, &[u8])> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (number, rest) = natural(digits);
    // 18 digits do not overflow.
    if !(1..=18).contains(&(digits.len() - rest.len())) {
        return integer_of_19_digits(text);
    }
    let number = number.cast_signed();
    Some((if digits.len() == text.len() { number } else { -number }, rest))
}

#[cold]
fn integer_of_19_digits(text: &[u8]) -> Option<(i64, &[u8])> {
    let sign = usize::from(text.starts_with(b"-"));
    let (number, rest) = text.split_at_checked(sign + 19)?;
    let is_plain = number.get(sign..)?.iter().all(u8::is_ascii_digit);
    Some((str::from_utf8(number).ok().filter(|_| is_plain)?.parse().ok()?, rest))
}

/// The digits that a text begins with, as a number that is right when there are at most 19, and what follows them.
fn natural(text: &[u8]) -> (u64, &[u8]) {
    let (mut number, mut rest) = (0_u64, text);
    while let [byte @ b'0'..=b'9', after @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(u64::from(byte - b'0'));
        rest = after;
    }
    (number, rest)
}

pub(super) fn float8(value: &[u8]) -> Option<f64> {
    let number: f64 = decimal(value)?.parse().ok()?;
    // What is too large or too small is the server's to refuse.
    (number.is_finite() && (number != 0.0 || is_zero(value))).then_some(number)
}

pub(super) fn float4(value: &[u8]) -> Option<f32> {
    let number: f32 = decimal(value)?.parse().ok()?;
    (number.is_finite() && (number != 0.0 || is_zero(value))).then_some(number)
}

fn decimal(value: &[u8]) -> Option<&str> {
    let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e');
    value.iter().all(is_part).then(|| str::from_utf8(value).ok())?
}

fn is_zero(value: &[u8]) -> bool {
    matches!(value, b"0" | b"-0")
}

/// Appends a numeric with its length, and returns what follows it: how many groups, the place of the first, sign, digits
/// behind the point, groups (`numeric_recv`). Neither the first nor the last group is zero.
pub(super) fn numeric<'a>(text: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let is_negative = digits.len() != text.len();
    let (before, rest) = natural(digits);
    let whole = digits.get(..digits.len() - rest.len())?;
    let (behind, fraction, rest) = match rest {
        [b'.', digits @ ..] => {
            let (behind, rest) = natural(digits);
            if digits.len() == rest.len() {
                return None;
            }
            (behind, digits.get(..digits.len() - rest.len())?, rest)
        }
        _ => (0, &[][..], rest),
    };
    if whole.is_empty() {
        return None;
    }
    let mut groups = [0_u16; MAX_GROUPS];
    let before_point = if let ([high, low, fourth, ..], 0..=8, Some(times)) =
        (&mut groups, whole.len(), TIMES.get(fraction.len()))
    {
        (*high, *low) = ((before / 10_000) as u16, (before % 10_000) as u16);
        *fourth = behind as u16 * times;
        2
    } else {
        split(whole, fraction, &mut groups)?
    };
    let first = groups.iter().position(|group| *group != 0);
    let last = groups.iter().rposition(|group| *group != 0);
    let (groups, weight) = match first.zip(last) {
        Some((first, last)) => (groups.get(first..=last)?, before_point as i16 - 1 - first as i16),
        None => (&[][..], 0),
    };
    let sign = if is_negative && !groups.is_empty() { 0x4000_u16 } else { 0 };
    let mut bytes = [0; 12 + 2 * MAX_GROUPS];
    let head = [
        0,
        8 + 2 * groups.len() as u16,
        groups.len() as u16,
        weight.cast_unsigned(),
        sign,
        u16::try_from(fraction.len()).ok()?,
    ];
    for (place, number) in bytes.as_chunks_mut().0.iter_mut().zip(head.iter().chain(groups)) {
        *place = number.to_be_bytes();
    }
    let end = out.len() + 12 + 2 * groups.len();
    // Copying a fixed length is cheaper than copying the right one.
    out.extend_from_slice(&bytes);
    out.truncate(end);
    Some(rest)
}

/// What the digits of a group that lacks some at the end are multiplied by.
const TIMES: [u16; 5] = [1, 1000, 100, 10, 1];

/// Splits digits into groups, and returns how many of these stand before the point.
#[cold]
fn split(whole: &[u8], fraction: &[u8], groups: &mut [u16; MAX_GROUPS]) -> Option<usize> {
    let mut places = groups.iter_mut();
    let (begin, rest) = whole.split_at_checked(whole.len() % GROUP)?;
    let mut put = |digits: &[u8], times: u16| -> Option<()> {
        *places.next()? = natural(digits).0 as u16 * times;
        Some(())
    };
    if !begin.is_empty() {
        put(begin, 1)?;
    }
    rest.chunks(GROUP).try_for_each(|digits| put(digits, 1))?;
    fraction.chunks(GROUP).try_for_each(|digits| put(digits, *TIMES.get(digits.len())?))?;
    Some(whole.len().div_ceil(GROUP))
}
