//! Paths of data files, rewritten from the directory of their YAML file to the root of the stack.
//!
//! Paths are texts with `/` here: they are compared, stored and carried to other machines.

pub(crate) use raccord_model::folder::clean;

/// The path, relative to `root`, of what `path` means in `directory`. Absolute paths stay.
pub(super) fn rebase(path: &str, directory: &str, root: &str) -> String {
    if is_absolute(path) {
        return clean(path);
    }
    let target = clean(&format!("{directory}/{path}"));
    let root = clean(root);
    let target: Vec<&str> = target.split('/').filter(|part| !part.is_empty()).collect();
    let root: Vec<&str> = root.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let shared = target.iter().zip(&root).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..", root.len() - shared);
    let parts: Vec<&str> = up.chain(target.iter().skip(shared).copied()).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Absolute here or on Windows.
pub(crate) fn is_absolute(path: &str) -> bool {
    path.starts_with(['/', '\\']) || path.get(1..3).is_some_and(|drive| drive == ":/" || drive == ":\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_paths_are_relative_to_the_root() {
        let cases = [
            ("data/a.csv", "/srv/conf", "/srv/conf", "data/a.csv"),
            ("./data/a.csv", "/srv/conf", "/srv/conf", "data/a.csv"),
            ("a.csv", "/srv/conf/shop", "/srv/conf", "shop/a.csv"),
            ("../a.csv", "/srv/conf/shop", "/srv/conf", "a.csv"),
            ("../../a.csv", "/srv/conf/shop", "/srv/conf", "../a.csv"),
            ("a.csv", "/srv/other", "/srv/conf", "../other/a.csv"),
            ("/data/./a.csv", "/srv/conf", "/srv/conf", "/data/a.csv"),
            ("data//*.csv", "/", "/", "data/*.csv"),
            ("data\\a.csv", "/srv", "/srv", "data/a.csv"),
            (".", "/srv", "/srv", "."),
        ];
        for (path, directory, root, expected) in cases {
            assert_eq!(rebase(path, directory, root), expected, "{path}");
        }
    }
}
