//! Did you mean: the known name that is nearest to a wrong one.

/// Longer texts are not typing mistakes of a name; comparing them would only cost time.
const LONGEST: usize = 64;

/// The nearest of the candidates, when one is near enough to be meant.
pub fn nearest<'c, C>(wrong: &str, candidates: C) -> Option<&'c str>
where
    C: IntoIterator<Item = &'c str, IntoIter: Clone>,
{
    let candidates = candidates.into_iter();
    if wrong.is_empty() || wrong.len() > LONGEST {
        return None;
    }
    let lower = wrong.to_lowercase();
    let allowed = (lower.chars().count() / 3).min(3);
    candidates
        .clone()
        .filter(|candidate| candidate.len() <= LONGEST)
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate)
        .or_else(|| the_one_begun(&lower, candidates))
}

/// The fewest letters that stand for a longer name.
const BEGINNING: usize = 3;

/// The only candidate that begins with the name: `upper` for `uppercase`.
fn the_one_begun<'c>(lower: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    if lower.len() < BEGINNING {
        return None;
    }
    let mut begun = candidates.filter(|candidate| candidate.to_lowercase().starts_with(lower));
    begun.next().filter(|_| begun.next().is_none())
}

/// How many letters two names differ by. Beginnings and separators are forgiven: `pagination_` and `data-type` are as near as a single letter.
pub fn distance(wrong: &str, candidate: &str) -> usize {
    let bare = |text: &str| text.replace(['-', '_', ' '], "");
    if bare(wrong) == bare(candidate) {
        return usize::from(wrong != candidate);
    }
    strsim::damerau_levenshtein(wrong, candidate)
}

/// The advice that names the nearest candidate, or lists them all when they are few.
pub fn advice(wrong: &str, candidates: &[&str], what: &str) -> Option<String> {
    if let Some(meant) = nearest(wrong, candidates.iter().copied()) {
        return Some(format!("did you mean `{meant}`?"));
    }
    if candidates.is_empty() || candidates.len() > 24 {
        return None;
    }
    let list: Vec<String> = candidates.iter().map(|candidate| format!("`{candidate}`")).collect();
    Some(format!("{what}: {}", list.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let cases = [
            ("loopback", Some("lookback")),
            ("shedule", Some("schedule")),
            ("data_type", Some("dataType")),
            ("Mapping", Some("mapping")),
            ("x", None),
            ("", None),
            ("quite-another", None),
            ("map", Some("mapping")),
            ("ma", None),
        ];
        let known = ["lookback", "schedule", "dataType", "mapping", "to"];
        for (wrong, expected) in cases {
            assert_eq!(nearest(wrong, known), expected, "{wrong}");
        }
    }
}
