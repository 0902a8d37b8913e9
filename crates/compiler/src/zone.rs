//! Time zones by name: what a name that the IANA database does not have was probably meant to be.

use jiff::tz::{self, TimeZone};
use raccord_model::suggest;

/// What to write instead of a name; nothing when there is a zone of that name.
pub fn advice(name: &str) -> Option<String> {
    if TimeZone::get(name).is_ok() {
        return None;
    }
    let known: Vec<String> = tz::db().available().map(|zone| zone.to_string()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let meant = by_place(name, &known).or_else(|| suggest::nearest(name, known.iter().copied()));
    let example = "use a name of the IANA database, for example America/Montreal or UTC";
    Some(meant.map_or_else(|| example.to_owned(), |meant| format!("did you mean `{meant}`?")))
}

/// The zone of a place that was named without its continent: `Paris`, `new york`.
fn by_place<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let place = name.rsplit('/').next().unwrap_or(name).trim().replace(' ', "_");
    let is_there =
        |zone: &&&str| zone.rsplit_once('/').is_some_and(|(_, last)| last.eq_ignore_ascii_case(&place));
    known.iter().find(is_there).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_suggested() {
        let check = |name: &str, expected: Option<&str>| {
            let advice = advice(name);
            assert!(
                expected
                    .map_or(advice.is_none(), |part| advice.as_ref().is_some_and(|said| said.contains(part))),
                "{name}: {advice:?}"
            );
        };
        check("Europe/Paris", None);
        check("UTC", None);
        check("Europe/Pariss", Some("`Europe/Paris`"));
        check("Paris", Some("`Europe/Paris`"));
        check("new york", Some("`America/New_York`"));
        check("Amerika/Montreal", Some("`America/Montreal`"));
        check("Mars/Olympus", Some("IANA"));
    }
}
