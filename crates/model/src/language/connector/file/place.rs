//! Where a path leads that begins with a scheme: to a bucket or to a server. It looks at neither.

/// A place that is not on this machine, and a path or glob there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemotePath<'p> {
    /// What sort of place it is.
    pub scheme: Scheme,
    /// The bucket, the container or the server.
    pub host: &'p str,
    /// The port, where one is named.
    pub port: Option<u16>,
    /// The path or glob below it, without a slash at its beginning.
    pub path: &'p str,
}

/// The sorts of places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// S3, or a service compatible with it.
    S3,
    /// Google Cloud Storage.
    Gs,
    /// Azure Blob Storage.
    Az,
    /// A server of SFTP.
    Sftp,
}

impl Scheme {
    const ALL: [(&'static str, Self); 4] =
        [("s3", Self::S3), ("gs", Self::Gs), ("az", Self::Az), ("sftp", Self::Sftp)];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find_map(|(known, scheme)| (known == name).then_some(scheme))
    }

    /// The type of the Authorization that reaches such a place.
    pub const fn authorization(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Gs => "gcs",
            Self::Az => "azure",
            Self::Sftp => "sftp",
        }
    }

    /// Whether it can be reached without an Authorization, by what the environment says.
    pub const fn may_be_ambient(self) -> bool {
        !matches!(self, Self::Sftp)
    }
}

impl<'p> RemotePath<'p> {
    /// Where a path leads: nothing when it is one of this machine. The error says what is wrong.
    ///
    /// # Errors
    /// When it begins with a scheme, and what follows names no place, with a scheme that is misspelt, or with `~` or `$NAME`.
    pub fn of(path: &'p str) -> Result<Option<Self>, String> {
        if let Some(word) = shell_word(path) {
            return Err(format!(
                "`{word}` is replaced by a shell, and none reads this file: write the path in full, or as it is reached from here"
            ));
        }
        let Some((name, rest)) = scheme_of(path) else { return Ok(None) };
        let Some(rest) = rest.strip_prefix("//") else {
            // Taken for a folder `s3:` of this machine, rows would go where no reader looks for them.
            return Scheme::named(&name.to_ascii_lowercase())
                .map_or(Ok(None), |_| Err(one_slash(name, rest)));
        };
        let Some(scheme) = Scheme::named(name) else { return Err(unknown(name)) };
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        if place.contains('@') {
            return Err(
                "a user or a password does not stand in a path; they belong to the authorization".to_owned()
            );
        }
        let (host, port) = match place.split_once(':') {
            Some((host, port)) if scheme == Scheme::Sftp => {
                let port = port.parse::<u16>().ok().filter(|port| *port > 0);
                (host, Some(port.ok_or_else(|| format!("`{place}` has no port after the colon"))?))
            }
            _ => (place, None),
        };
        if host.is_empty() || host.contains(['*', '?', '[', ':']) {
            return Err(format!(
                "`{name}://` is followed by the name of a bucket or a server, and then by a path"
            ));
        }
        let path = path.trim_start_matches('/');
        if path.is_empty() || path.split('/').any(|part| part == ".." || part == ".") {
            return Err(
                "the path behind the bucket or the server is missing, or has `.` or `..` in it".to_owned()
            );
        }
        Ok(Some(Self { scheme, host, port, path }))
    }

    /// Where the path of a folder leads to which files are written: nothing when it is one of this machine. The error says what is
    /// wrong.
    ///
    /// # Errors
    /// When it begins with a scheme, and no folder of a bucket follows.
    pub fn of_folder(path: &'p str) -> Result<Option<Self>, String> {
        let Some(place) = Self::of(path.trim_end_matches('/'))? else { return Ok(None) };
        if place.scheme == Scheme::Sftp {
            return Err("a server of SFTP cannot create a file on the condition that none is there, by which one commit is told \
                        from another; files are written here, to s3://, gs:// and az://"
                .to_owned());
        }
        if place.path.contains(['*', '?', '[', '\\']) || place.path.contains("//") {
            return Err("the path of a folder has no wildcards, no `\\` and no empty parts".to_owned());
        }
        Ok(Some(place))
    }

    /// The folder in which files are looked for: what comes before the first part with a wildcard, or before the file.
    pub fn folder(&self) -> &'p str {
        let wildcard = self.path.find(['*', '?', '[']).unwrap_or(self.path.len());
        let fixed = self.path.get(..wildcard).unwrap_or(self.path);
        fixed.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// How many levels below that folder files are looked for; `None` is all.
    pub fn levels(&self) -> Option<usize> {
        let below = self.path.get(self.folder().len()..).unwrap_or_default().trim_start_matches('/');
        let parts = below.split('/');
        (!parts.clone().any(|part| part == "**")).then(|| parts.count().saturating_sub(1))
    }
}

/// What stands before and behind the first colon, where the first can be the name of a scheme (RFC 3986, 3.1).
fn scheme_of(path: &str) -> Option<(&str, &str)> {
    let (name, rest) = path.split_once(':')?;
    let is_scheme = name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-'));
    is_scheme.then_some((name, rest))
}

/// What stands at the beginning of a path for a shell to replace: `~`, `~me`, `$HOME`.
fn shell_word(path: &str) -> Option<&str> {
    let first = path.split('/').next().unwrap_or(path);
    let is_home = first == "~" || path.starts_with('~') && path.len() > first.len() && !first.contains('.');
    let is_variable = first
        .strip_prefix('$')
        .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'));
    (is_home || is_variable).then_some(first)
}

fn unknown(name: &str) -> String {
    let small = name.to_ascii_lowercase();
    let meant = match small.as_str() {
        "s3a" | "s3n" => Some("s3"),
        "gcs" => Some("gs"),
        "azure" | "adl" | "abfs" | "abfss" | "wasb" | "wasbs" => Some("az"),
        "ssh" | "scp" => Some("sftp"),
        other => Scheme::named(other).map(|_| other),
    };
    let advice = meant.map_or_else(
        || "files are in s3://, gs://, az:// and sftp://".to_owned(),
        |meant| format!("write {meant}://"),
    );
    format!("nothing is known of `{name}://`; {advice}")
}

fn one_slash(name: &str, rest: &str) -> String {
    format!(
        "`{name}:` is followed by two slashes: {}://{}; a file of this machine with such a name is ./{name}:{rest}",
        name.to_ascii_lowercase(),
        rest.trim_start_matches('/'),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_of_a_bucket() {
        for (path, expected) in [
            ("out/crm", Ok(None)),
            ("s3://lake/crm", Ok(Some("lake crm"))),
            ("gs://lake/a/b/", Ok(Some("lake a/b"))),
            ("az://lake/crm", Ok(Some("lake crm"))),
            ("s3://lake", Err(())),
            ("s3://lake/", Err(())),
            ("s3://lake/*/a", Err(())),
            ("s3://lake/a//b", Err(())),
            ("sftp://host/a", Err(())),
            ("ftp://host/a", Err(())),
            ("s3:/lake/crm", Err(())),
            ("S3://lake/crm", Err(())),
            ("./s3:/lake/crm", Ok(None)),
            ("~/lake", Err(())),
            ("./~/lake", Ok(None)),
        ] {
            let found = RemotePath::of_folder(path);
            let found = found.map(|place| place.map(|place| format!("{} {}", place.host, place.path)));
            assert_eq!(found.as_ref().map(Option::as_deref).map_err(drop), expected, "{path}");
        }
    }

    #[test]
    fn a_path_leads_to_a_place() {
        for (path, expected) in [
            ("data/*.csv", Ok(None)),
            ("/data/a:b.csv", Ok(None)),
            ("s3://bucket/a/b/*.csv", Ok(Some("bucket a/b a/b/*.csv Some(0)"))),
            ("gs://bucket/x.csv", Ok(Some("bucket  x.csv Some(0)"))),
            ("az://c/a*/b/*.csv", Ok(Some("c  a*/b/*.csv Some(2)"))),
            ("sftp://files.example:2222/out/**/*.csv", Ok(Some("files.example out out/**/*.csv None"))),
            ("sftp://u:p@files.example/a.csv", Err(())),
            ("sftp://files.example:x/a.csv", Err(())),
            ("s3://bucket", Err(())),
            ("s3://buck*/a", Err(())),
            ("s3:///a", Err(())),
            ("s3://b/../a", Err(())),
            ("ftp://h/a.csv", Err(())),
            ("s3+x://h/a.csv", Err(())),
            ("s3:/bucket/a.csv", Err(())),
            ("s3:bucket/a.csv", Err(())),
            ("SFTP:/h/a.csv", Err(())),
            ("S3://bucket/a.csv", Err(())),
            ("./s3:/bucket/a.csv", Ok(None)),
            ("~/a.csv", Err(())),
            ("~me/a.csv", Err(())),
            ("$HOME/a.csv", Err(())),
            ("~a.csv", Ok(None)),
            ("$.csv", Ok(None)),
            ("a/~/b.csv", Ok(None)),
            ("2026:01/a.csv", Ok(None)),
            ("orders:new.csv", Ok(None)),
            ("data/a://b.csv", Ok(None)),
        ] {
            let found = RemotePath::of(path);
            let found = found.map(|place| {
                place.map(|place| {
                    format!("{} {} {} {:?}", place.host, place.folder(), place.path, place.levels())
                })
            });
            assert_eq!(found.as_ref().map(Option::as_deref).map_err(drop), expected, "{path}");
        }
    }

    #[test]
    fn what_is_misspelt_is_told_with_what_was_meant() {
        for (path, said) in [
            (
                "S3:/bucket/a.csv",
                "`S3:` is followed by two slashes: s3://bucket/a.csv; a file of this machine with such a name is \
                 ./S3:/bucket/a.csv",
            ),
            ("S3://bucket/a.csv", "nothing is known of `S3://`; write s3://"),
            ("abfss://bucket/a.csv", "nothing is known of `abfss://`; write az://"),
            (
                "https://h/a.csv",
                "nothing is known of `https://`; files are in s3://, gs://, az:// and sftp://",
            ),
        ] {
            assert_eq!(RemotePath::of(path).unwrap_err(), said);
        }
    }
}
