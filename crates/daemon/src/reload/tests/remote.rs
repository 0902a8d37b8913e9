//! Which texts name a branch of a repository, and that none of their secrets is shown.

use crate::reload::{Remote, RemoteError};

#[test]
fn only_what_is_fetched_safely_is_a_remote() {
    let good = [
        ("https://git.example/team/conf.git#main", "https://git.example/team/conf.git#main"),
        ("https://git.example/team/conf.git", "https://git.example/team/conf.git"),
        ("https://zoe:hunter2@git.example/a#feature/x", "https://***@git.example/a#feature/x"),
        ("https://token@git.example/a?key=hunter2#x", "https://***@git.example/a?***#x"),
        ("ssh://git@git.example:2222/team/conf#main", "ssh://git@git.example:2222/team/conf#main"),
        ("ssh://git:hunter2@git.example/a", "ssh://***@git.example/a"),
        ("git@git.example:team/conf.git#main", "git@git.example:team/conf.git#main"),
        ("git.example:conf", "git.example:conf"),
        ("file:///srv/git/conf.git#v1.2", "file:///srv/git/conf.git#v1.2"),
    ];
    for (text, expected) in good {
        let remote: Remote = text.parse().unwrap();
        assert_eq!(remote.to_string(), expected);
        assert_eq!(format!("{remote:?}"), format!("Remote({expected})"));
    }
    let bad = [
        "",
        "#main",
        "conf",
        "/srv/git/conf",
        "./conf",
        "http://git.example/a",
        "git://git.example/a",
        "ext::sh -c touch% /tmp/x",
        "ext::sh",
        "fd::17",
        "https://",
        "https://git.example",
        "https://@/a",
        "https://-oProxyCommand=x/a",
        "ssh://-oProxyCommand=x/a",
        "ssh://git@-oProxyCommand=x/a",
        "-oProxyCommand=x:a",
        "git@-oProxyCommand=x:a",
        "--upload-pack=touch:x",
        "file://host/a",
        "file:///",
        "https://git.example/a b",
        "https://git.example/a\n",
    ];
    for text in bad {
        assert_eq!(text.parse::<Remote>(), Err(RemoteError::Url), "{text}");
    }
    for branch in [
        "", "-x", "a b", "a..b", "a:b", "a*", "a~1", "a^", "a/", "/a", "a//b", ".a", "a.lock", "@", "a@{1}",
        "a.",
    ] {
        let text = format!("https://git.example/a#{branch}");
        assert_eq!(text.parse::<Remote>(), Err(RemoteError::Branch(branch.to_owned())), "{text}");
    }
}

#[test]
fn no_secret_of_a_url_is_shown() {
    let remote: Remote = "https://zoe:p%40ss+w@git.example/a.git?key=abcdef#main".parse().unwrap();
    let cases = [
        (
            "fatal: unable to access 'https://zoe:p%40ss+w@git.example/a.git?key=abcdef/': no",
            "fatal: unable to access 'https://***@git.example/a.git?***/': no",
        ),
        ("redirected to https://zoe:other@mirror.example/x", "redirected to https://***@mirror.example/x"),
        ("the password p@ss+w is wrong", "the password *** is wrong"),
        ("password=p%40ss+w key=abcdef", "password=*** ***"),
        ("a://b@c://d@e f@g", "a://***@c://***@e f@g"),
        ("ssh://git@host/x and no://at/ a@b", "ssh://git@host/x and no://at/ a@b"),
        ("nothing", "nothing"),
    ];
    for (text, expected) in cases {
        assert_eq!(remote.mask(text), expected);
    }
}
