//! Where the files of a path or glob may be: a link leads nowhere else.
//!
//! A path that begins elsewhere (`/var/exports/*.csv`) says so itself. What a link hides is not read.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The directory that all files of a pattern are in, by its real path; `None` where the pattern itself names a file
/// beyond the root.
#[derive(Debug)]
pub(crate) struct Bounds(Option<PathBuf>);

impl Bounds {
    /// The bounds of a pattern that is relative to a root. The root itself may be a link.
    pub(crate) fn of(root: &Path, pattern: &str) -> Self {
        let path = Path::new(pattern);
        let stays = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        let base = if stays {
            Some(root.to_owned())
        } else {
            let is_glob = |part: &Component<'_>| part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
            let fixed: PathBuf = path.components().take_while(|part| !is_glob(part)).collect();
            (fixed != path).then(|| root.join(fixed))
        };
        // A base that is not there holds no files either.
        Self(base.map(|base| fs::canonicalize(&base).unwrap_or(base)))
    }

    /// Whether a path leads to something inside. What leads nowhere is left to the reader of the file.
    pub(crate) fn hold(&self, path: &Path) -> bool {
        let Self(Some(base)) = self else {
            return true;
        };
        fs::canonicalize(path).map_or(true, |real| real.starts_with(base))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_leads_nowhere_else() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        fs::create_dir_all(home.join("real/data")).unwrap();
        fs::create_dir_all(home.join("other")).unwrap();
        for file in ["real/data/a.csv", "other/b.csv"] {
            drop(fs::File::create(home.join(file)).unwrap());
        }
        symlink("real", home.join("root")).unwrap();
        for (link, target) in [
            ("real/inside.csv", "data/a.csv"),
            ("real/outside.csv", "../other/b.csv"),
            ("real/etc.csv", "/etc/passwd"),
            ("real/linked", "../other"),
            ("real/nowhere.csv", "nowhere"),
        ] {
            symlink(target, home.join(link)).unwrap();
        }
        let root = home.join("root");
        let absolute = format!("{}/*.csv", home.join("other").display());
        for (pattern, file, expected) in [
            ("data/*.csv", "data/a.csv", true),
            ("*.csv", "inside.csv", true),
            ("*.csv", "outside.csv", false),
            ("etc.csv", "etc.csv", false),
            ("**/*.csv", "linked/b.csv", false),
            ("./linked/*.csv", "linked/b.csv", false),
            ("nowhere.csv", "nowhere.csv", true),
            ("../other/*.csv", "../other/b.csv", true),
            ("../other/b.csv", "../other/b.csv", true),
            (&absolute, "../other/b.csv", true),
            (&absolute, "etc.csv", false),
        ] {
            assert_eq!(Bounds::of(&root, pattern).hold(&root.join(file)), expected, "{pattern} {file}");
        }
    }
}
