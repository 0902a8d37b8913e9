//! Reads `Link` headers (RFC 8288) for the target of one relation.

/// The target of the first link with the relation, in any of the headers. Relations ignore case.
pub(crate) fn find_relation<'a>(headers: impl Iterator<Item = &'a str>, relation: &str) -> Option<String> {
    headers.flat_map(links).find(|link| link.has_relation(relation)).map(|link| link.target.to_owned())
}

struct Link<'a> {
    target: &'a str,
    parameters: &'a str,
}

impl Link<'_> {
    fn has_relation(&self, relation: &str) -> bool {
        // Only the first `rel` counts.
        let rel = split_outside_quotes(self.parameters, ';').into_iter().find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"'))
        });
        rel.is_some_and(|rel| rel.split_whitespace().any(|one| one.eq_ignore_ascii_case(relation)))
    }
}

/// The links of one header. A comma may stand inside a target and inside quotes.
fn links(header: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else {
            break;
        };
        let parameters = split_outside_quotes(after, ',').into_iter().next().unwrap_or_default();
        links.push(Link { target: target.trim(), parameters });
        rest = &after[parameters.len()..];
    }
    links
}

fn split_outside_quotes(text: &str, separator: char) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let is_end = |c: char| {
        let end = c == separator && !quoted;
        if c == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = c == '\\' && !escaped;
        end
    };
    text.split(is_end).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_of_a_relation_is_found() {
        let cases: [(&[&str], Option<&str>); 9] = [
            (&["</p2>; rel=\"next\""], Some("/p2")),
            (&["</p2>; rel=next"], Some("/p2")),
            (&["</p1>; rel=\"prev\", </p3>; rel=\"next\""], Some("/p3")),
            (&["</p1>; rel=prev", "</p3>;rel=NEXT"], Some("/p3")),
            (
                &["</a,b>; rel=\"first\", </c?x=1,2>; title=\"a, <b>; rel=next\"; rel=\"last next\""],
                Some("/c?x=1,2"),
            ),
            (&["</p>; title=\"x\\\", y\"; rel=next"], Some("/p")),
            (&["</p>; rel=\"nextish\""], None),
            (&["</p; rel=next"], None),
            (&[""], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(find_relation(headers.iter().copied(), "next").as_deref(), expected, "{headers:?}");
        }
    }
}
