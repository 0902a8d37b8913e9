use super::*;

#[test]
fn a_path_is_joined_to_a_base() {
    let check =
        |base: &str, path: &str, expected: &str| assert_eq!(join(base, path), expected, "{base} {path}");
    check("https://h/api", "v1/x", "https://h/api/v1/x");
    check("https://h/api/", "v1/x", "https://h/api/v1/x");
    check("https://h/api", "https://o/z?a=1", "https://o/z?a=1");
    check("https://h/api", "http://o", "http://o");
    check("https://h/api", "//o/p", "https://o/p");
    check("https://h/api", "?page=2", "https://h/api/?page=2");
    check("https://h/api?x=1", "y", "https://h/y");
    check("https://h/api?k=1", "", "https://h/api?k=1");
    check("https://h/api/v1", "../x", "https://h/api/x");
    check("https://h/api", "/v2/x?p=1", "https://h/v2/x?p=1");
    check("https://h", "a/b/", "https://h/a/b/");
    check("https://h/api", "a//b", "https://h/api/a/b");
    check("https://h/api/", "users:search", "users:search");
    check("https://h/api", "a/./b/..", "https://h/api/a/");
    check("https://h/a", "#f", "https://h/a/#f");
    check("https://h/a b", "c d", "https://h/a b/c d");
    check("", "https://h/x", "https://h/x");
}

#[test]
fn a_url_is_sent_encoded() {
    let check = |url: &str, parameters: &str, expected: &str| {
        assert_eq!(prepared(url, parameters).unwrap(), expected, "{url}");
    };
    check("https://h/a b?x=ä y", "k=1", "https://h/a%20b?x=%C3%A4%20y&k=1");
    check("https://h", "", "https://h/");
    check("https://H:8443/a%7Eb%2fc", "", "https://h:8443/a~b%2Fc");
    check("https://u:p@h/x/../y", "", "https://h/y");
    check("https://h/a?x=1%", "", "https://h/a?x=1%25");
    check("https://h/50%/x%20y", "", "https://h/50%25/x%2520y");
    check("https://h/a?b[]=1|2", "", "https://h/a?b%5B%5D=1%7C2");
    check("http://h/p#frag", "a=1", "http://h/p?a=1");
    check("https://h/{id}", "", "https://h/%7Bid%7D");
    check("https://h/a?", "", "https://h/a");
    check("https://h/a;b?c;d", "l=a", "https://h/a;b?c;d&l=a");
}

#[test]
fn what_is_no_url_is_not_sent() {
    for url in ["/relative", "users:search", "https://", "ftp://h/x", "https://h:99999/"] {
        assert_eq!(prepared(url, ""), Err(WrongUrl), "{url}");
    }
}

#[test]
fn a_shown_url_holds_no_credentials() {
    assert_eq!(shown("https://u:p@h/x?token=1#f"), "https://h/x");
}
