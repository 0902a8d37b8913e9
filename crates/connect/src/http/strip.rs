//! Takes credentials out of URLs that a service gave. Pure.

use raccord_model::secret::names_credential;
use url::Url;

use crate::mask::Masker;

/// Takes every credential out of a URL that a service gave: parameters that hold one of ours, whatever their name, the
/// parameters that carry ours, and user information, which would become a credential of the service's choice. The rest
/// stays as it is written.
pub(crate) fn strip(url: &mut Url, parameters: &[&str], masker: &Masker) {
    if !url.username().is_empty() || url.password().is_some() {
        // This fails only for URLs without a host, which are not followed.
        let _ = url.set_username("").and_then(|()| url.set_password(None));
    }
    let Some(query) = url.query() else {
        return;
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_credential(pair, parameters, masker)).collect();
    if kept.len() < query.split('&').count() {
        let kept = kept.join("&");
        url.set_query((!kept.is_empty()).then_some(&kept));
    }
}

/// Whether a parameter, as it is written, holds a credential.
fn is_credential(pair: &str, parameters: &[&str], masker: &Masker) -> bool {
    url::form_urlencoded::parse(pair.as_bytes()).any(|(name, value)| {
        parameters.contains(&&*name)
            || masker.is_in(&value)
            || masker.is_in(&name)
            || (names_credential(&name) && masker.is_whole(&value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_cleaned_by_value() {
        let mut masker = Masker::default();
        masker.hide("sekret-0123/4567");
        masker.hide("7");
        for (query, expected) in [
            ("page=2&a=%20b+c&flag", Some("page=2&a=%20b+c&flag")),
            ("page=2&access_token=sekret-0123%2F4567&x=1", Some("page=2&x=1")),
            ("t=Bearer+sekret-0123/4567", None),
            ("sekret-0123%2f4567=1&page=7", Some("page=7")),
            ("key=another&api_key=7&page=7", Some("page=7")),
            // `me:sekret-0123/4567` in base64
            ("page=2&basic=bWU6c2VrcmV0LTAxMjMvNDU2Nw==", Some("page=2")),
        ] {
            let mut url: Url = format!("https://me:pw@x.example/p?{query}").parse().unwrap();
            strip(&mut url, &["key"], &masker);
            assert_eq!((url.query(), url.username(), url.password()), (expected, "", None), "{query}");
        }
    }
}
