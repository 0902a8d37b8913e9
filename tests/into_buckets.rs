//! A project whose rows are files in a bucket: what is refused before anything is applied, what a reader finds, and that kills leave
//! nothing that counts in part.

use std::collections::BTreeMap;

use crate::environment::{TestEnvironment, assert_says};
use crate::into_files::{SNAPSHOT, YAML, people};
use crate::s3_server::S3Server;

const LOCAL: &str = "path: out/crm, ";

/// A project that writes to a folder of the bucket.
fn shop(server: &S3Server, changes: &[(&str, &str)]) -> TestEnvironment {
    let yaml = changed(&server.endpoint(), changes);
    let shop = TestEnvironment::with(&[("raccord.yaml", &yaml), ("people.csv", &people(0..3))]);
    shop.variable("LAKE_KEY", "secret")
}

fn changed(endpoint: &str, changes: &[(&str, &str)]) -> String {
    let reached = format!(
        "path: s3://lake/crm, authorization: {{type: s3, endpoint: \"{endpoint}\", accessKeyId: AKIAEXAMPLE, secretAccessKey: \"${{env:LAKE_KEY}}\"}}, "
    );
    let mut yaml = YAML.replace(LOCAL, &reached);
    for (from, to) in changes {
        assert!(yaml.contains(from), "{from}");
        yaml = yaml.replace(from, to);
    }
    yaml
}

/// The keys that the manifest names.
fn named(server: &S3Server) -> Vec<String> {
    let manifest = server.request("GET", "/lake/crm/contact/manifest.json", b"");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let files = manifest["files"].as_array().unwrap().iter();
    files.map(|file| format!("crm/contact/{}", file["path"].as_str().unwrap())).collect()
}

/// How often each key stands in the files that count.
fn counts(server: &S3Server) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for key in named(server) {
        for line in server.request("GET", &format!("/lake/{key}"), b"").lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            *counts.entry(row["external_id"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    counts
}

#[test]
fn what_reaches_no_bucket_is_refused_where_it_stands() {
    for (changes, says) in [
        (&[("s3://lake/crm", "s3://lake")][..], "the path behind the bucket"),
        (&[("s3://lake/crm", "s3://lake/*/crm")], "no wildcards"),
        (&[("s3://lake/crm", "sftp://lake/crm")], "cannot create a file on the condition"),
        (&[("s3://lake/crm", "ftp://lake/crm")], "nothing is known of `ftp://`"),
        (&[("s3://lake/crm", "gs://lake/crm")], "is reached with an authorization of type gcs, not s3"),
        (&[("s3://lake/crm", "out/crm")], "reached without an authorization"),
        (&[("{type: s3", "{type: s3, colour: red")], "colour"),
        (&[("authorization: {", "authorization: nowhere, x: {")], "spec.store"),
    ] {
        let yaml = changed("http://127.0.0.1:1", changes);
        let said = TestEnvironment::with(&[("raccord.yaml", &yaml)]).fails(1, "validate");
        assert_says(&said, &[says, "raccord.yaml"]);
    }
    let yaml = changed("http://127.0.0.1:1", &[]);
    TestEnvironment::with(&[("raccord.yaml", &yaml)]).ok("validate");
}

/// A bucket that is away stops neither a plan nor an apply, and the run says what it is.
#[test]
fn a_bucket_that_is_away_is_told() {
    let server = S3Server::start();
    let shop = shop(&server, &[("s3://lake/crm", "s3://nowhere/crm")]);
    assert_says(&shop.ok("plan"), &["contact"]);
    shop.run("apply --auto-approve");
    let said = shop.run("run");
    assert_says(&(said.stdout + &said.stderr), &["there is no bucket `nowhere`"]);
}

#[test]
fn a_run_writes_to_a_bucket_and_the_next_one_goes_on() {
    let server = S3Server::start();
    let shop = shop(&server, &[("format: jsonl}", "format: csv, partitionBy: {field: city}}")]);
    assert_says(&shop.ok("plan"), &["write files to contact/"]);
    shop.ok("apply --auto-approve");
    assert_says(&shop.ok("run"), &["succeeded"]);
    assert_says(&shop.ok("plan"), &["no changes"]);
    assert_says(&shop.ok("status"), &["people"]);
    let mut names = named(&server);
    names.sort();
    assert_eq!(names.len(), 3);
    assert!(names[0].starts_with("crm/contact/city=Town%200/"), "{names:?}");
    // In a URL the percent sign is written as one.
    let text = server.request("GET", &format!("/lake/{}", names[0].replace('%', "%25")), b"");
    let (header, line) = text.split_once('\n').unwrap();
    assert_eq!(header, "_op,_at,external_id,city,full_name");
    assert!(line.ends_with(",000000,Town 0,Person 0\n"), "{line}");
    shop.ok("run");
    assert_eq!(named(&server).len(), 6);
}

#[test]
fn a_kill_at_any_moment_leaves_nothing_in_a_bucket_that_counts_in_part() {
    for changes in [&[][..], SNAPSHOT] {
        let server = S3Server::start();
        let shop = shop(&server, changes);
        shop.ok("apply --auto-approve");
        shop.write("people.csv", &people(0..4_000));
        let mut killed = 0;
        for failpoint in
            ["publish.before", "publish.after", "sweep.before", "sweep.after", "run.begun", "run.end.before"]
        {
            for passage in 1..12 {
                let mut run = shop.command("run");
                run.env("RACCORD_FAILPOINT", format!("{failpoint}:{passage}"));
                if run.output().unwrap().status.success() {
                    break;
                }
                killed += 1;
                assert_whole(&server);
            }
        }
        assert!(killed >= 8, "{killed}");
        shop.ok("run");
        assert_whole(&server);
        assert_eq!(counts(&server).len(), 4_000);
        if !changes.is_empty() {
            assert!(counts(&server).values().all(|count| *count == 1));
        }
        // What was left of the killed runs is gone.
        let there = server.keys("crm/contact/");
        let replaced = usize::from(!changes.is_empty());
        assert_eq!(there.len(), named(&server).len() + replaced + 1, "{there:?}");
    }
}

/// Every record that is there came as often as every other: no reading counts in part.
fn assert_whole(server: &S3Server) {
    if server.keys("crm/contact/manifest.json").is_empty() {
        return;
    }
    let counts = counts(server);
    let first = counts.values().next().copied().unwrap_or_default();
    assert!(counts.is_empty() || counts.len() == 4_000, "{}", counts.len());
    assert!(counts.values().all(|count| *count == first), "a reading counts in part");
}
