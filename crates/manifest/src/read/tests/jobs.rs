//! Streams whose records come by a job.

use super::*;

/// A retriever whose records come by a job.
fn jobs(more: Value) -> Value {
    let mut retriever = members(json!({
        "type": "AsyncRetriever", "status_extractor": {}, "download_extractor": {},
        "status_mapping": {"running": ["runs"], "completed": ["done"], "failed": ["broken"], "timeout": [], "skipped": ["empty"]},
    }));
    for name in ["creation", "polling", "download", "abort", "delete"] {
        retriever.insert(format!("{name}_requester"), json!({"name": name}));
    }
    retriever.extend(members(more));
    Value::Object(retriever)
}

#[test]
fn a_job_is_made_asked_for_and_downloaded() {
    let check = |more: Value, statuses: &[&'static str], asked: &[&str], ids: &[u64], errors: usize| {
        let statuses = Mutex::new(statuses.to_vec());
        let service = service(move |request, asked| match request {
            "polling" => Answer::Records(json!({"status": statuses.lock().unwrap().remove(0)})),
            "targets" => Answer::Records(json!(["a", "b"])),
            "download" if asked["target"] == "b" => Answer::Records(json!([{"id": 2}])),
            "download" => Answer::Records(json!([{"id": 1}])),
            _ => Answer::Records(json!({})),
        });
        let seen = read(stream(jobs(more), json!({})), &service, None);
        let names: Vec<_> = seen.asked.iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, asked);
        assert_eq!(seen.ids, ids);
        assert_eq!(seen.errors.len(), errors);
    };
    let done = ["creation", "polling", "polling", "download", "delete"];
    check(json!({}), &["runs", "done"], &done, &[1], 0);
    check(json!({}), &["empty"], &["creation", "polling"], &[], 0);
    let again = ["creation", "polling", "creation", "polling", "download", "delete"];
    check(json!({}), &["broken", "done"], &again, &[1], 0);
    let never = ["creation", "polling", "creation", "polling", "creation", "polling"];
    check(json!({}), &["broken", "broken", "broken"], &never, &[], 1);
    let late = ["creation", "polling", "abort"].repeat(3);
    check(json!({"polling_job_timeout": -1}), &["runs", "runs", "runs"], &late, &[], 1);
    let targets = json!({"download_target_extractor": {}, "download_target_requester": {"name": "targets"}});
    check(
        targets,
        &["done"],
        &["creation", "polling", "targets", "download", "download", "delete"],
        &[1, 2],
        0,
    );
    check(json!({}), &["else"], &["creation", "polling"], &[], 1);
}
