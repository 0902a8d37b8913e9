//! `cargo xtask manifests`: real manifests read by `raccord connector read` beside what `airbyte-cdk` sent and returned for
//! them. The rig with manifests, a mock service and recorded answers stands beside the repository, for none of it is ours.

use std::path::PathBuf;
use std::process::Command;

use crate::recipe::{RecipeError, cargo, root, run as execute, step};

/// Where the rig is, seen from the root of the repository, unless `RACCORD_RIG` says otherwise.
const RIG: &str = "../shared/manifest-diff";
/// The share of the recorded streams that have to be equal, in percent.
const EQUAL: usize = 95;
/// Which manifests the checks replay: every so many.
const THIRD: usize = 3;

/// Which of the recorded manifests are replayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// All.
    All,
    /// The same third each time.
    Third,
}

/// The recipe, for all manifests.
pub(crate) fn run() -> Result<(), RecipeError> {
    step("build raccord", || execute(cargo().args(["build", "--locked", "--bin", "raccord"])))?;
    replay(Part::All)
}

/// The directory of the rig; none where it is not there.
pub(crate) fn rig() -> Option<PathBuf> {
    let rig = std::env::var_os("RACCORD_RIG").map_or_else(|| root().join(RIG), PathBuf::from);
    rig.join("compare.py").is_file().then_some(rig)
}

/// Replays what was recorded; fails when less than the wanted share is equal.
pub(crate) fn replay(part: Part) -> Result<(), RecipeError> {
    let rig = rig().ok_or_else(|| {
        RecipeError::Missing(format!("there is no rig at {RIG}; RACCORD_RIG names another"))
    })?;
    let program = root().join("target/debug/raccord");
    let read = format!("{} connector read {{manifest}} {{stream}} --config {{config}}", program.display());
    let mut compare = Command::new("python3");
    compare.arg(rig.join("compare.py")).args(["--multiset", "--dedupe", "--workers", "2", "--cmd", &read]);
    compare.arg("--report").arg(root().join("target/manifests"));
    if part == Part::Third {
        let all = manifests(&rig)?;
        let some: Vec<&str> = all.iter().step_by(THIRD).map(String::as_str).collect();
        compare.args(["--only", &some.join(",")]);
    }
    let start = |source| RecipeError::Start { program: "python3".to_owned(), source };
    let output = compare.output().map_err(start)?;
    let said = String::from_utf8_lossy(&output.stdout);
    print!("{said}{}", String::from_utf8_lossy(&output.stderr));
    match share(&said) {
        Some((equal, all)) if equal * 100 >= all * EQUAL && all > 0 => Ok(()),
        _ => Err(RecipeError::Missing(format!(
            "fewer than {EQUAL}% of the recorded streams are equal; target/manifests/streams.tsv says which are not"
        ))),
    }
}

/// The names of the recorded manifests, in their order.
fn manifests(rig: &std::path::Path) -> Result<Vec<String>, RecipeError> {
    let failed = |source| RecipeError::File { what: "list the recorded manifests".to_owned(), source };
    let entries = std::fs::read_dir(rig.join("golden")).map_err(failed)?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(failed)?;
    names.sort();
    Ok(names)
}

/// How many streams are equal, of how many: `all equal   75 / 78   724 / 735`.
fn share(said: &str) -> Option<(usize, usize)> {
    let line = said.lines().find(|line| line.starts_with("all equal"))?;
    let numbers: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match numbers.as_slice() {
        [_, _, equal, all] => Some((*equal, *all)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_streams() {
        assert_eq!(share("x\nall equal       75 / 78      724 / 735  \n"), Some((724, 735)));
        assert_eq!(share("nothing"), None);
    }
}
