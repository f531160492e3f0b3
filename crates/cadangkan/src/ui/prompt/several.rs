use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use cadangkan_core::Pattern;

/// The positions that an answer picks: numbers from 1, ranges of them, names and globs, separated by commas. Fails with
/// the part that picks nothing.
pub(super) fn picked(answer: &str, options: &[String]) -> Result<Vec<usize>, String> {
    let mut picked = BTreeSet::new();
    for part in answer.split(',').map(str::trim) {
        let names = Pattern(part.to_owned());
        match numbers(part).filter(|numbers| *numbers.start() > 0 && *numbers.end() <= options.len()) {
            Some(numbers) if !numbers.is_empty() => picked.extend(numbers.map(|number| number - 1)),
            _ => {
                let fits = |(place, name): (usize, &String)| names.matches(name).then_some(place);
                let found: Vec<_> = options.iter().enumerate().filter_map(fits).collect();
                if found.is_empty() {
                    return Err(part.to_owned());
                }
                picked.extend(found);
            }
        }
    }
    Ok(picked.into_iter().collect())
}

fn numbers(part: &str) -> Option<RangeInclusive<usize>> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
}
