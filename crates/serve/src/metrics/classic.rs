//! The older text form of Prometheus, 0.0.4, made from `OpenMetrics` text: what a client that does not ask for `OpenMetrics`
//! gets, `promtool check metrics` among them. Pure.

use std::fmt::Write as _;

/// The media type of the older form.
pub const CLASSIC_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether a value of the header `Accept` asks for `OpenMetrics`.
pub fn wants_openmetrics(accept: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_it =
            parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/openmetrics-text"));
        is_it && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

/// The same series in the older form: there a family of counters is called like its series, and nothing has a unit.
pub fn classic(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut help: Option<(&str, &str)> = None;
    for line in openmetrics.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            flush(&mut text, &mut help, "untyped");
            help = rest.split_once(' ').or(Some((rest, "")));
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' '))
        {
            // The help of a family may stand before its type or after it.
            let told = help.take().filter(|(of, _)| *of == name);
            let (name, kind) = renamed(name, kind);
            if let Some((_, told)) = told {
                push(&mut text, format_args!("# HELP {name} {}\n", told.replace("\\\"", "\"")));
            }
            push(&mut text, format_args!("# TYPE {name} {kind}\n"));
        } else if !line.starts_with("# UNIT ") && line != "# EOF" {
            flush(&mut text, &mut help, "untyped");
            push(&mut text, format_args!("{line}\n"));
        }
    }
    text
}

/// Writes a help that has no type.
fn flush(text: &mut String, help: &mut Option<(&str, &str)>, kind: &str) {
    if let Some((name, told)) = help.take() {
        push(text, format_args!("# HELP {name} {told}\n# TYPE {name} {kind}\n"));
    }
}

/// Writing into memory does not fail.
fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _never_fails = text.write_fmt(line);
}

/// What a family is called, and its type.
fn renamed<'a>(name: &str, kind: &'a str) -> (String, &'a str) {
    match kind {
        "counter" => (format!("{name}_total"), "counter"),
        "info" => (format!("{name}_info"), "gauge"),
        "stateset" => (name.to_owned(), "gauge"),
        "unknown" => (name.to_owned(), "untyped"),
        other => (name.to_owned(), other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_form_names_families_like_their_series() {
        let openmetrics = "# HELP raccord_runs Runs, by \\\"outcome\\\".\n# TYPE raccord_runs counter\n\
            raccord_runs_total{outcome=\"failed\"} 3\n# HELP raccord_build Version.\n# TYPE raccord_build info\n\
            raccord_build_info{version=\"1\"} 1\n# HELP raccord_lag_seconds Lag.\n# TYPE raccord_lag_seconds gauge\n\
            # UNIT raccord_lag_seconds seconds\nraccord_lag_seconds 2.5\n# EOF\n";
        let expected = "# HELP raccord_runs_total Runs, by \"outcome\".\n# TYPE raccord_runs_total counter\n\
            raccord_runs_total{outcome=\"failed\"} 3\n# HELP raccord_build_info Version.\n\
            # TYPE raccord_build_info gauge\nraccord_build_info{version=\"1\"} 1\n\
            # HELP raccord_lag_seconds Lag.\n# TYPE raccord_lag_seconds gauge\nraccord_lag_seconds 2.5\n";
        assert_eq!(classic(openmetrics), expected);
        assert_eq!(classic("# EOF\n"), "");
    }

    #[test]
    fn only_who_asks_for_openmetrics_gets_it() {
        let prometheus =
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.1";
        for (accept, expected) in [
            (prometheus, true),
            ("application/openmetrics-text", true),
            ("application/openmetrics-text;q=0, text/plain", false),
            ("text/plain", false),
            ("*/*", false),
            ("", false),
        ] {
            assert_eq!(wants_openmetrics(accept), expected, "{accept}");
        }
    }
}
