//! Installs what the tests need, when it is missing: the third parties that the tests start, kubectl among them, and
//! cargo's test runner and licence checker, as prebuilt programs in a Python environment of their own under `target`;
//! Prometheus's promtool, which reads alert rules; PostgreSQL with a pooler; MariaDB; Chromium; and the server of OpenSSH.

use std::fs;
use std::path::Path;

use crate::recipe::{RecipeError, program, root, run as execute, step, succeeds};

/// The third parties from Python: what they are, the list of them, and where they are installed.
const COUNTERPARTS: [(&str, &str, &str); 2] = [
    ("the third parties of the tests", "tests/counterparts.txt", "target/counterparts"),
    ("the server of S3", "tests/buckets.txt", "target/buckets"),
];

/// Third parties from npm: what each is, the list of what it needs, and where it is installed.
const PACKAGES: [(&str, &str, &str); 3] = [
    ("the provider of OpenID", "tests/oidc", "target/oidc"),
    ("the GraphQL server", "tests/graphql", "target/graphql"),
    ("what drives the browser, and what checks its pages", "tests/console", "target/console"),
];

/// The Pythons that are tried, the one on the path first. The list is made for 3.11 or later.
const PYTHONS: [&str; 2] = ["python3", "/usr/bin/python3"];
const IS_PYTHON_ENOUGH: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))";

/// Where promtool is, and the Debian package that has it.
const PROMTOOL: &str = "target/promtool/usr/bin/promtool";
const PROMTOOL_PACKAGE: &str = "prometheus";

/// The server of OpenSSH.
const SSH_SERVER: &str = "/usr/sbin/sshd";

/// The browser, as Debian has it.
const BROWSER: &str = "/usr/bin/chromium";

/// Where Debian keeps the versions of PostgreSQL.
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// The recipe.
pub(crate) fn run() -> Result<(), RecipeError> {
    for (what, list, home) in COUNTERPARTS {
        counterparts(what, list, home)?;
    }
    for (what, list, home) in PACKAGES {
        packages(what, list, home)?;
    }
    promtool()?;
    postgresql()?;
    mariadb()?;
    browser()?;
    ssh_server()
}

/// Installs MariaDB, unless it is there. No service is started: each test starts its own.
fn mariadb() -> Result<(), RecipeError> {
    if succeeds(program("mariadbd").arg("--version")) {
        return Ok(());
    }
    if !has_apt() {
        let message =
            "tests start MariaDB with mariadbd and mariadb-install-db: install it, then run this again";
        return Err(RecipeError::Missing(message.to_owned()));
    }
    step("install MariaDB", || {
        apt(&["update", "--quiet"])?;
        apt(&["install", "--yes", "--quiet", "--no-install-recommends", "mariadb-server"])
    })
}

/// Installs Chromium, unless it is there.
fn browser() -> Result<(), RecipeError> {
    if Path::new(BROWSER).exists() {
        return Ok(());
    }
    if !has_apt() {
        return Err(RecipeError::Missing(format!(
            "the tests of the console start {BROWSER}: install it, then run this again"
        )));
    }
    step("install Chromium", || {
        apt(&["update", "--quiet"])?;
        apt(&["install", "--yes", "--quiet", "--no-install-recommends", "chromium"])
    })
}

/// Installs the server of OpenSSH, unless it is there. No service is started: each test starts its own.
fn ssh_server() -> Result<(), RecipeError> {
    if Path::new(SSH_SERVER).exists() {
        return Ok(());
    }
    if !has_apt() {
        return Err(RecipeError::Missing(format!(
            "tests start {SSH_SERVER}: install it, then run this again"
        )));
    }
    step("install the server of OpenSSH", || {
        apt(&["update", "--quiet"])?;
        apt(&["install", "--yes", "--quiet", "--no-install-recommends", "openssh-server"])
    })
}

/// Installs PostgreSQL and a pooler for it, unless they are there. No service is started: each test starts its own.
fn postgresql() -> Result<(), RecipeError> {
    let has_server = fs::read_dir(POSTGRESQL).is_ok_and(|mut versions| versions.next().is_some());
    if has_server && succeeds(program("pgbouncer").arg("--version")) {
        return Ok(());
    }
    if !has_apt() {
        return Err(RecipeError::Missing(format!(
            "tests start PostgreSQL from {POSTGRESQL}/VERSION/bin, and pgbouncer: install both, then run this again"
        )));
    }
    step("install PostgreSQL", || {
        apt(&["update", "--quiet"])?;
        apt(&["install", "--yes", "--quiet", "--no-install-recommends", "postgresql", "pgbouncer"])
    })
}

/// Installs packages of npm, unless the list they were installed from is the present one.
fn packages(what: &str, list: &str, home: &str) -> Result<(), RecipeError> {
    let (from, to) = (root().join(list), root().join(home));
    let lock = |directory: &Path| fs::read_to_string(directory.join("package-lock.json")).unwrap_or_default();
    if to.join("node_modules").exists() && lock(&from) == lock(&to) {
        return Ok(());
    }
    step(&format!("install {what}"), || {
        if !succeeds(program("npm").arg("--version")) && has_apt() {
            apt(&["update", "--quiet"])?;
            apt(&["install", "--yes", "--quiet", "--no-install-recommends", "nodejs", "npm"])?;
        }
        let file = |what: &str, source| RecipeError::File { what: format!("{what} {home}"), source };
        fs::create_dir_all(&to).map_err(|source| file("make", source))?;
        for name in ["package.json", "package-lock.json"] {
            fs::copy(from.join(name), to.join(name)).map_err(|source| file("write", source))?;
        }
        execute(program("npm").args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", home]))
    })
}

/// Installs the third parties, unless the list they were installed from is the present one.
fn counterparts(what: &str, list: &str, name: &str) -> Result<(), RecipeError> {
    let (requirements, home) = (root().join(list), root().join(name));
    let stamp = home.join("installed.txt");
    let file = |what: &str, source| RecipeError::File { what: format!("{what} {name}"), source };
    let wanted = fs::read_to_string(&requirements).map_err(|source| file("read the list of", source))?;
    // What is installed knows its place: in a checkout that was copied or moved it is of no use.
    let wanted = format!("# in {}\n{wanted}", home.display());
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    step(&format!("install {what}"), || {
        let python = python()?;
        if home.exists() {
            fs::remove_dir_all(&home).map_err(|source| file("remove", source))?;
        }
        execute(program(python).args(["-m", "venv", name]))?;
        execute(program(&format!("{name}/bin/pip")).args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--requirement",
            list,
        ]))?;
        fs::File::create(&stamp)
            .and_then(|mut file| std::io::Write::write_all(&mut file, wanted.as_bytes()))
            .map_err(|source| file("write", source))
    })
}

/// A Python with its `venv` module. Debian keeps that in a package of its own.
fn python() -> Result<&'static str, RecipeError> {
    let find = || PYTHONS.into_iter().find(|name| succeeds(program(name).args(["-c", IS_PYTHON_ENOUGH])));
    if let Some(name) = find() {
        return Ok(name);
    }
    if has_apt() {
        apt(&["update", "--quiet"])?;
        apt(&["install", "--yes", "--quiet", "--no-install-recommends", "python3", "python3-venv"])?;
    }
    find().ok_or_else(|| {
        RecipeError::Missing(
            "the tests start third parties that Python installs: install Python 3.11 or later with its \
             `venv` module (Debian: `apt-get install python3-venv`), then run this again"
                .to_owned(),
        )
    })
}

fn has_apt() -> bool {
    succeeds(program("apt-get").arg("--version"))
}

fn apt(arguments: &[&str]) -> Result<(), RecipeError> {
    // Without a runlevel, a package's service does not start by itself.
    let patient = ["-o", "Acquire::Retries=5"];
    execute(
        program("apt-get")
            .args(patient)
            .args(arguments)
            .env("RUNLEVEL", "1")
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// Takes promtool from the machine, or out of Debian's package, which is unpacked and not installed: the server in
/// it is to start nowhere.
fn promtool() -> Result<(), RecipeError> {
    let path = root().join(PROMTOOL);
    if path.exists() {
        return Ok(());
    }
    let home = root().join("target/promtool");
    let file = |what: &str, source| RecipeError::File { what: format!("{what} {}", home.display()), source };
    fs::create_dir_all(path.parent().unwrap_or(&home)).map_err(|source| file("make", source))?;
    let own = std::env::var_os("PATH").and_then(|paths| {
        std::env::split_paths(&paths).map(|path| path.join("promtool")).find(|path| path.exists())
    });
    if let Some(own) = own {
        return std::os::unix::fs::symlink(own, &path).map_err(|source| file("fill", source));
    }
    if !has_apt() {
        return Err(RecipeError::Missing(
            "the tests check alert rules with promtool: install Prometheus, then run this again".to_owned(),
        ));
    }
    step("unpack promtool", || {
        let download = || {
            let mut command = program("apt-get");
            command.args(["download", "--quiet", PROMTOOL_PACKAGE]).current_dir(&home);
            command
        };
        // With an old list or none; only root may fetch another.
        if !succeeds(&mut download()) {
            apt(&["update", "--quiet"])?;
            execute(&mut download())?;
        }
        let entries = fs::read_dir(&home).map_err(|source| file("read", source))?;
        for package in entries.flatten().map(|entry| entry.path()) {
            if package.extension().is_some_and(|extension| extension == "deb") {
                execute(program("dpkg-deb").arg("--extract").args([&package, &home]))?;
                fs::remove_file(&package).map_err(|source| file("tidy", source))?;
            }
        }
        Ok(())
    })
}
