//! What a number format shows of a date: the day, the time of day, or both.

/// What a format shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shows {
    pub(super) day: bool,
    pub(super) time: bool,
}

/// Reads the first section of a format code, as `yyyy-mm-dd hh:mm`. An `m` is a minute beside an hour or a second, and
/// otherwise a month.
pub(super) fn shows(code: &str) -> Shows {
    let letters = letters(code);
    let has = |wanted: &[char]| letters.iter().any(|letter| wanted.contains(letter));
    let time = has(&['h', 's']);
    let is_minute = |at: usize| {
        let before = letters.get(..at).and_then(|before| before.iter().rfind(|letter| **letter != 'm'));
        let after = letters.get(at..).and_then(|after| after.iter().find(|letter| **letter != 'm'));
        before == Some(&'h') || after == Some(&'s')
    };
    let has_month = letters.iter().enumerate().any(|(at, letter)| *letter == 'm' && !is_minute(at));
    Shows { day: has(&['y', 'd']) || has_month, time }
}

/// The letters that stand for parts of a date, in their order, without literals, colours and languages.
fn letters(code: &str) -> Vec<char> {
    let (mut letters, mut is_quoted, mut in_brackets) = (Vec::new(), false, false);
    let mut characters = code.chars();
    while let Some(c) = characters.next() {
        match c {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            ']' => in_brackets = false,
            '[' => in_brackets = true,
            _ if in_brackets => {}
            // The next character is a literal, or the width of one.
            '\\' | '_' | '*' => drop(characters.next()),
            ';' => break,
            _ => {
                let letter = c.to_ascii_lowercase();
                if matches!(letter, 'y' | 'm' | 'd' | 'h' | 's') {
                    letters.push(letter);
                } else if letter == 'a' {
                    // AM/PM: its `m` is none of a month.
                    let rest = characters.as_str();
                    if rest.get(..4).is_some_and(|rest| rest.eq_ignore_ascii_case("m/pm")) {
                        characters = rest.get(4..).unwrap_or_default().chars();
                    }
                }
            }
        }
    }
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_shows_a_day_or_a_time_or_both() {
        for (code, day, time) in [
            ("yyyy-mm-dd", true, false),
            ("m/d/yyyy", true, false),
            ("mmm-yy", true, false),
            ("mmmm", true, false),
            ("h:mm", false, true),
            ("h:mm AM/PM", false, true),
            ("mm:ss.0", false, true),
            ("yyyy-mm-dd hh:mm:ss", true, true),
            ("m/d/yy h:mm", true, true),
            ("[$-409]d-mmm-yy;@", true, false),
            ("[Red]hh\"h \"mm", false, true),
            ("dd\\ \"de\"\\ mmmm", true, false),
            ("0.00", false, false),
        ] {
            assert_eq!(shows(code), Shows { day, time }, "{code}");
        }
    }
}
