//! `examples/systemd` and `examples/container`: read by the tools that read them in earnest, as far as those are here.
//!
//! No image is built and no pod is started: there is no registry to take a base from.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::counterpart::installed;
use crate::documentation::root;
use crate::environment::TestEnvironment;

/// What systemd before 253 says of the unit, and of nothing else of it.
const TYPE_OF_253: &str = "Failed to parse service type, ignoring: notify-reload";

/// The most that systemd may find wanting, of 10.
const EXPOSURE: f64 = 2.0;

fn example(name: &str) -> String {
    fs::read_to_string(root().join("examples").join(name)).unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// The settings of a unit, by section and name, in the order of the file.
fn unit(text: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut settings = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else {
            let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line} is no setting"));
            settings.push((section.clone(), name.to_owned(), value.to_owned()));
        }
    }
    settings
}

/// Every option of a command line must be one that `raccord watch --help` knows.
fn expect_known(options: &[&str]) {
    let help = TestEnvironment::new().ok("watch --help");
    assert_eq!(options[0], "watch");
    for option in options.iter().filter(|option| option.starts_with('-')) {
        assert!(help.contains(option), "raccord watch knows no {option}");
    }
}

#[test]
fn the_unit_is_whole() {
    let settings = unit(&example("systemd/raccord.service"));
    let sections: BTreeSet<&str> = settings.iter().map(|(section, ..)| section.as_str()).collect();
    assert_eq!(sections, ["Install", "Service", "Unit"].into());
    let names: BTreeSet<_> = settings.iter().map(|(section, name, value)| (section, name, value)).collect();
    assert_eq!(names.len(), settings.len(), "a setting stands twice");
    let of = |name: &str| {
        let found = settings.iter().find(|(_, known, _)| known == name);
        found.map_or_else(|| panic!("{name} is not set"), |(.., value)| value.as_str())
    };
    assert_eq!((of("Type"), of("User"), of("NoNewPrivileges")), ("notify-reload", "raccord", "yes"));
    let start: Vec<&str> = of("ExecStart").split(' ').collect();
    assert_eq!(start[0], "/usr/local/bin/raccord");
    expect_known(&start[1..]);
    let state = of("Environment").strip_prefix("RACCORD_STATE=").unwrap();
    assert!(state.starts_with("/var/lib/raccord/") && of("StateDirectory") == "raccord");
}

#[test]
fn systemd_can_read_the_unit() {
    // Only there where systemd is; the test above reads the unit everywhere.
    let has_systemd = Command::new("systemd-analyze").arg("--version").output().is_ok();
    if !has_systemd {
        return;
    }
    let environment = TestEnvironment::new();
    let binary = environment.command("").get_program().to_string_lossy().into_owned();
    environment.write(
        "raccord.service",
        &example("systemd/raccord.service").replace("/usr/local/bin/raccord", &binary),
    );
    let analyze = |arguments: &[&str]| {
        let mut command = Command::new("systemd-analyze");
        command.args(arguments).arg("raccord.service").current_dir(environment.path()).output().unwrap()
    };
    let verified = said(&analyze(&["verify", "--man=no"]));
    let complaints = verified.lines().filter(|line| line.contains("raccord.service"));
    let complaints: Vec<&str> = complaints.filter(|line| !line.contains(TYPE_OF_253)).collect();
    assert!(complaints.is_empty(), "{verified}");
    let rated = said(&analyze(&["security", "--offline=true", "--no-pager"]));
    let rating = rated.lines().find_map(|line| line.split_once("exposure level for raccord.service: "));
    let exposure: f64 = rating.and_then(|(_, rest)| rest.split(' ').next()?.parse().ok()).expect(&rated);
    assert!(exposure <= EXPOSURE, "{rated}");
}

#[test]
fn the_recipe_of_the_image_passes_its_linter() {
    let output = installed("hadolint").arg(root().join("examples/container/Containerfile")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let recipe = example("container/Containerfile");
    let last = |instruction: &str| {
        let found = recipe.lines().rev().find_map(|line| line.strip_prefix(&format!("{instruction} ")));
        found.unwrap_or_else(|| panic!("there is no {instruction}"))
    };
    let options: Vec<String> = serde_json::from_str(last("CMD")).unwrap();
    expect_known(&options.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(last("ENTRYPOINT"), r#"["raccord"]"#);
    assert!(!last("USER").starts_with("root") && !last("USER").starts_with('0'));
    assert!(recipe.contains(&format!("rust:{}-", rust_version())), "another Rust than the workspace's");
    // What is copied into the build is there, and enough: cargo reads every manifest, and the paths in them.
    let shown: Vec<String> = example("container/Containerfile.dockerignore")
        .lines()
        .filter_map(|line| line.strip_prefix('!').map(str::to_owned))
        .collect();
    for name in &shown {
        assert!(root().join(name).exists(), "{name} is not there");
    }
    assert_eq!(shown, ["Cargo.toml", "Cargo.lock", "crates", "tests"]);
}

/// The Rust that the workspace asks for.
fn rust_version() -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let line = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    line.trim_matches('"').to_owned()
}

/// The resources of an example, which Kubernetes can read, by their kinds.
fn resources(name: &str) -> BTreeMap<String, Value> {
    let path = root().join("examples").join(name);
    let output = installed("kubernetes-validate").arg("--strict").arg(&path).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let resources: Vec<Value> = serde_saphyr::from_multiple(&example(name)).unwrap();
    let kind = |resource: &Value| resource["kind"].as_str().unwrap().to_owned();
    resources.into_iter().map(|resource| (kind(&resource), resource)).collect()
}

#[test]
fn kubernetes_can_read_its_resources() {
    let by_kind = resources("container/kubernetes.yaml");
    let deployment = &by_kind["Deployment"]["spec"];
    // One state has one owner.
    assert_eq!((&deployment["replicas"], &deployment["strategy"]["type"]), (&1.into(), &"Recreate".into()));
    let pod = &deployment["template"]["spec"];
    expect_to_fit_the_image(pod, ["/healthz", "/healthz", "/readyz"]);
}

#[test]
fn kubernetes_can_read_those_of_three_daemons() {
    let by_kind = resources("container/kubernetes-cluster.yaml");
    let deployment = &by_kind["Deployment"]["spec"];
    let budget = &by_kind["PodDisruptionBudget"]["spec"];
    assert_eq!((&deployment["replicas"], &budget["minAvailable"]), (&3.into(), &2.into()));
    assert_eq!(deployment["selector"], budget["selector"]);
    // A daemon that stands by is ready, or no other could be replaced.
    expect_to_fit_the_image(&deployment["template"]["spec"], ["/healthz", "/healthz", "/healthz"]);
}

/// The container's options are known, it is probed there, and its user and its directory are those of the image.
#[track_caller]
fn expect_to_fit_the_image(pod: &Value, probes: [&str; 3]) {
    let container = &pod["containers"][0];
    let options: Vec<&str> =
        container["args"].as_array().unwrap().iter().map(|option| option.as_str().unwrap()).collect();
    expect_known(&options);
    let asked =
        ["startupProbe", "livenessProbe", "readinessProbe"].map(|probe| &container[probe]["httpGet"]["path"]);
    assert_eq!(asked, probes);
    let mounts = container["volumeMounts"].as_array().unwrap();
    assert!(
        mounts.iter().all(|mount| mount.get("subPath").is_none()),
        "a file with subPath is never updated"
    );
    // The user is that of the image, and the state is where the image has it.
    let image = example("container/Containerfile");
    let user = pod["securityContext"]["runAsUser"].as_u64().unwrap();
    assert!(image.contains(&format!("USER {user}:{user}")));
    assert!(
        mounts
            .iter()
            .any(|mount| image.contains(&format!("VOLUME {}", mount["mountPath"].as_str().unwrap())))
    );
}
