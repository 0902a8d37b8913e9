//! Kills of an apply, from nothing and over a generation in which every resource is another one.

use std::fs;
use std::path::PathBuf;

use super::configuration::many;
use super::{Landings, Random, STATE, Scale, begin_anew, check, kill, kill_again, time};
use crate::environment::{TestEnvironment, fill};

const APPLY: &str = "apply -f configuration --auto-approve --allow-delete";
const LOADING: &str = "loading, before the state is opened";
const PLANNING: &str = "state open, planning";
const COMMITTING: &str = "plan shown, committing";
const COMMITTED: &str = "between the commit and the end";
const ENDED: &str = "after the end";
const PLACES: [(&str, bool); 5] =
    [(LOADING, true), (PLANNING, true), (COMMITTING, true), (COMMITTED, true), (ENDED, false)];

/// What makes each resource of the second configuration another one.
const DIFFERENCES: [(&str, &str); 5] = [
    ("X-Access-Token", "X-Token"),
    ("lookback: 5m", "lookback: 6m"),
    ("schedule: 15m", "schedule: 20m"),
    ("ops@example.com", "data@example.com"),
    ("        city: text\n", "        city: text\n        region: text\n"),
];

/// Two configurations of the same resources, one of them in its place.
struct Configurations {
    environment: TestEnvironment,
    resources: usize,
    /// The one that is not.
    aside: usize,
}

impl Configurations {
    fn of(resources: usize) -> Self {
        let environment = TestEnvironment::new();
        for (name, text) in many(resources) {
            let other = DIFFERENCES.iter().fold(text.clone(), |text, (from, to)| text.replace(from, to));
            assert_ne!(other, text, "{name}");
            fill(&environment.path().join("configuration").join(&name), &text);
            fill(&environment.path().join("aside-1").join(&name), &other);
        }
        Self { environment, resources, aside: 1 }
    }

    /// Puts the other one in its place.
    fn swap(&mut self) {
        let at = |name: &str| self.environment.path().join(name);
        let aside = |number: usize| -> PathBuf { at(&format!("aside-{number}")) };
        fs::rename(at("configuration"), aside(1 - self.aside)).unwrap();
        fs::rename(aside(self.aside), at("configuration")).unwrap();
        self.aside = 1 - self.aside;
    }

    /// The generation in force, which must be the whole configuration in its place; 0 without a state.
    fn assert_in_force(&self, generation: u64) {
        let info = self.environment.json("state info --output json");
        assert_eq!((&info["generation"], &info["resources"]), (&generation.into(), &self.resources.into()));
        self.environment.run("plan -f configuration --detailed-exitcode").expect_code(0);
    }

    /// The generation in force after a kill: `old`, wholly, or the next one, wholly.
    fn generation(&mut self, old: u64) -> u64 {
        if !self.environment.path().join(STATE).exists() {
            assert_eq!(old, 0, "the state is gone");
            return 0;
        }
        check(&self.environment);
        let info = self.environment.json("state info --output json");
        let found = info["generation"].as_u64().unwrap();
        match (found, old) {
            (0, 0) => assert_eq!(info["resources"], 0),
            _ if found == old => {
                self.swap();
                self.assert_in_force(old);
                self.swap();
            }
            _ => self.assert_in_force(old + 1),
        }
        found
    }
}

#[test]
fn a_killed_apply_leaves_the_old_generation_or_the_new_one() {
    let (scale, mut random) = (Scale::of_this_run(), Random::of_this_run());
    let mut configurations = Configurations::of(scale.resources);
    let from_nothing = time(&configurations.environment, APPLY);
    configurations.swap();
    let mut durations = [from_nothing, time(&configurations.environment, APPLY)];
    configurations.assert_in_force(2);
    let (mut landings, mut generation) = (Landings::at(&PLACES), 2);
    for number in 0..scale.kills {
        let duration = &mut durations[number % 2];
        if number % 2 == 0 {
            begin_anew(&configurations.environment);
            generation = 0;
        } else {
            configurations.swap();
        }
        let moment = random.moment(*duration);
        let kill = kill(&configurations.environment, APPLY, moment);
        kill_again(&configurations.environment, &mut random);
        let found = configurations.generation(generation);
        let place = match () {
            () if kill.was_late => ENDED,
            () if found > generation => COMMITTED,
            () if !kill.printed.is_empty() => COMMITTING,
            () if kill.was_open => PLANNING,
            () => LOADING,
        };
        landings.count(moment, place);
        if kill.was_late {
            *duration = moment;
        }
        configurations.environment.ok(APPLY);
        generation += 1;
        configurations.assert_in_force(generation);
    }
    landings.report(&format!("apply of {} resources", scale.resources));
}
