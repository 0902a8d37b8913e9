//! A path that is a whole URL. What is asked for is `baseUrl` with the path behind it, so that it hardly ever means what was meant.

use raccord_model::diagnostic::{Code, Finding};
use url::Url;

use crate::connector::findings::Findings;

/// Tells of a path that is a URL: of this service it is a mistake, of another one, as behind a proxy, it may be meant.
pub(super) fn check(written: &str, base: &Url, findings: &mut Findings) {
    let Ok(url) = Url::parse(written) else { return };
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return;
    }
    let base_text = base.as_str().trim_end_matches('/');
    if url.origin() == base.origin() {
        let rest = written.strip_prefix(base_text).filter(|rest| rest.starts_with(['/', '?']));
        let advice = match rest {
            Some(rest) => format!("write `{rest}`"),
            None => "write what follows `baseUrl`".to_owned(),
        };
        findings.invalid(&["path"], format!("the path is a whole URL, and it continues `baseUrl`: {advice}"));
        return;
    }
    let message = format!("the path is a whole URL, and what is asked for is `{base_text}/{written}`");
    let help = "a path continues `baseUrl`; what another service has belongs to a Source of its own";
    findings.add(Finding::warning(&["path"], Code::InvalidValue, message).help(help));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_a_url_is_told() {
        for (written, expected) in [
            ("/people", None),
            ("people", None),
            ("?type=a:b", None),
            ("/proxy/https://other.example/a", None),
            ("https://shop.example/api/people?a=1", Some("write `/people?a=1`")),
            ("https://shop.example/api/people/{parent.id}", Some("write `/people/{parent.id}`")),
            ("https://shop.example/other", Some("write what follows `baseUrl`")),
            ("https://shop.example/apis", Some("write what follows `baseUrl`")),
            (
                "https://other.example/a",
                Some("is asked for is `https://shop.example/api/https://other.example/a`"),
            ),
        ] {
            let mut findings = Findings::under(&[]);
            check(written, &Url::parse("https://shop.example/api").unwrap(), &mut findings);
            let said = findings.into_vec().into_iter().map(|finding| finding.message).collect::<String>();
            assert!(
                expected.map_or(said.is_empty(), |expected| said.contains(expected)),
                "{written}: {said}"
            );
        }
    }
}
