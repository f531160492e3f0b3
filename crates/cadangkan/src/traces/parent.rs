/// The span that another one belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    /// The trace, as 32 digits.
    pub(super) trace: String,
    /// The span, as 16 digits.
    pub(super) span: String,
    /// Whether whoever began the trace wishes it to be kept.
    pub(super) is_sampled: bool,
}

/// Reads the span that this process was begun in (<https://www.w3.org/TR/trace-context/#traceparent-header>). What is not one
/// counts as none.
pub(super) fn parse(text: &str) -> Option<Parent> {
    let mut parts = text.trim().split('-');
    let version = digits(parts.next()?, 2)?;
    let (trace, span) = (digits(parts.next()?, 32)?, digits(parts.next()?, 16)?);
    let flags = u8::from_str_radix(digits(parts.next()?, 2)?, 16).ok()?;
    let is_none = |id: &str| id.bytes().all(|byte| byte == b'0');
    // Later versions may have more behind.
    let has_more = parts.next().is_some();
    if version == "ff" || (version == "00" && has_more) || is_none(trace) || is_none(span) {
        return None;
    }
    Some(Parent { trace: trace.to_owned(), span: span.to_owned(), is_sampled: flags & 1 == 1 })
}

fn digits(text: &str, count: usize) -> Option<&str> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == count && text.bytes().all(is_digit)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn what_a_process_was_begun_in_is_read() {
        let read = parse(&format!("00-{TRACE}-{SPAN}-01")).unwrap();
        assert_eq!((read.trace.as_str(), read.span.as_str(), read.is_sampled), (TRACE, SPAN, true));
        assert!(!parse(&format!("00-{TRACE}-{SPAN}-00")).unwrap().is_sampled);
        assert!(parse(&format!("cc-{TRACE}-{SPAN}-09-what-comes-later")).unwrap().is_sampled);
    }

    #[test]
    fn what_is_none_counts_as_none() {
        for wrong in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}é-{SPAN}-01"),
        ] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
