//! The service manager that started the daemon: a real datagram socket hears what systemd would.

use std::os::unix::net::UnixDatagram;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{stop, watch};
use crate::environment::{TestEnvironment, wait_until};
use crate::shop::Shop;

/// A service manager that remembers what it hears.
struct Supervisor(Arc<Mutex<Vec<String>>>);

impl Supervisor {
    /// Listens in the directory of a test, and tells its programs where.
    fn listen(environment: TestEnvironment) -> (Self, TestEnvironment) {
        let path = environment.path().join("notify.sock");
        let socket = UnixDatagram::bind(&path).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let remembered = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut bytes = [0; 4_096];
            while let Ok(length) = socket.recv(&mut bytes) {
                let said = String::from_utf8(bytes[..length].to_vec()).unwrap();
                remembered.lock().unwrap().push(said.trim_end().to_owned());
            }
        });
        let path = path.to_str().unwrap();
        (Self(heard), environment.variable("NOTIFY_SOCKET", path))
    }

    /// Everything but the keep-alives.
    fn heard(&self) -> Vec<String> {
        let heard = self.0.lock().unwrap();
        heard.iter().filter(|said| *said != "WATCHDOG=1").cloned().collect()
    }

    /// How many keep-alives there were.
    fn keep_alives(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|said| *said == "WATCHDOG=1").count()
    }
}

fn shop() -> TestEnvironment {
    TestEnvironment::with(&[("raccord.yaml", &Shop::default().yaml()), ("people.csv", "id,name\n1,Ann\n")])
}

#[test]
fn a_service_manager_hears_of_a_life() {
    let (supervisor, environment) = Supervisor::listen(shop());
    let daemon = watch(&environment, "");
    wait_until("the first generation is told", || supervisor.heard().len() >= 3);
    assert_eq!(
        supervisor.heard(),
        ["STATUS=generation 0 is in force", "READY=1", "STATUS=generation 1 is in force"]
    );

    let mut times = Vec::new();
    for round in 1..=2 {
        daemon.signal("HUP");
        wait_until("the reload has ended", || supervisor.heard().len() >= 3 + 2 * round);
        let heard = supervisor.heard();
        let [reloading, ready] = &heard[1 + 2 * round..] else { panic!("{heard:#?}") };
        let time =
            reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect("systemd 253 wants the time");
        times.push(time.parse::<u64>().unwrap());
        assert_eq!(ready, "READY=1");
    }
    assert!(times[0] > 0 && times[0] < times[1], "{times:?}");

    let good = environment.read("raccord.yaml");
    environment.write("raccord.yaml", "kind: nonsense");
    let told = |line: &str| supervisor.heard().last().is_some_and(|last| last == line);
    wait_until("a bad configuration is told", || {
        told("STATUS=generation 1 is in force, the last configuration is bad")
    });
    // A reload that finds a bad configuration has ended all the same.
    let before = supervisor.heard().len();
    daemon.signal("HUP");
    wait_until("the reload has ended", || supervisor.heard().len() >= before + 2);
    assert_eq!(supervisor.heard().last().unwrap(), "READY=1");
    environment.write("raccord.yaml", &good.replace("name: name", "name: city"));
    wait_until("changes that wait are told", || {
        told("STATUS=generation 1 is in force, changes wait for a person")
    });

    stop(daemon);
    assert_eq!(supervisor.heard().last().unwrap(), "STOPPING=1");
    assert_eq!(supervisor.keep_alives(), 0, "nobody asked for them");
}

#[test]
fn keep_alives_come_as_often_as_they_are_asked_for() {
    let (supervisor, environment) = Supervisor::listen(shop());
    let environment = environment.variable("WATCHDOG_USEC", "400000");
    let daemon = watch(&environment, "");
    // Nothing happens: they come from the shell's own loop.
    wait_until("ten keep-alives", || supervisor.keep_alives() >= 10);
    daemon.signal("STOP");
    std::thread::sleep(Duration::from_millis(500));
    let before = supervisor.keep_alives();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(supervisor.keep_alives(), before, "a daemon that stands still is silent");
    daemon.signal("CONT");
    wait_until("it turns again", || supervisor.keep_alives() > before);
    stop(daemon);
}

#[test]
fn a_watchdog_of_another_process_is_none_of_ours() {
    let (supervisor, environment) = Supervisor::listen(shop());
    let environment = environment.variable("WATCHDOG_USEC", "100000").variable("WATCHDOG_PID", "1");
    let daemon = watch(&environment, "");
    wait_until("the first generation is told", || supervisor.heard().len() >= 3);
    stop(daemon);
    assert_eq!(supervisor.keep_alives(), 0);
}

#[test]
fn a_service_manager_that_does_not_listen_is_no_obstacle() {
    let environment = shop().variable("NOTIFY_SOCKET", "/nowhere/notify.sock");
    let daemon = watch(&environment, "");
    environment.ok("run");
    stop(daemon);
}
