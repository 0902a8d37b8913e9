//! A generated service with its own idea of pages and of what it says about them, which errs and lies: whatever it does, a
//! reading brings everything or fails.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::endings::reading;
use crate::service::{ids, number, ok, read_all, records};

/// A small generator: the same cases each time.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        // Knuth's multiplier: the upper bits are as good as random.
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most
    }
}

/// A service with its own idea of everything, and what it does wrong.
#[derive(Debug, Clone, Default)]
struct Service {
    all: i64,
    cap: i64,
    /// `page`, `offset`, `cursor`, `link`.
    way: usize,
    /// What it says: the total, the pages, the flag.
    says: [bool; 3],
    /// What it does wrong, with the number of the request that it begins at, and how often.
    wrong: Option<(usize, Wrong)>,
    asked: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    /// An empty page once.
    Empty,
    /// The same, for ever.
    EmptyForEver,
    /// An error in a good answer.
    Error,
    /// The first page again, for ever.
    Again,
    /// No list.
    Null,
}

impl Service {
    fn random(random: &mut Random) -> Self {
        let cap = 1 + i64::try_from(random.below(9)).unwrap();
        let says = [random.below(2) == 0, random.below(3) == 0, random.below(2) == 0];
        let wrongs = [Wrong::Empty, Wrong::EmptyForEver, Wrong::Error, Wrong::Again, Wrong::Null];
        let wrong = wrongs[usize::try_from(random.below(5)).unwrap()];
        let at = usize::try_from(random.below(6)).unwrap();
        let wrong = (random.below(3) > 0).then_some((at, wrong));
        let (all, way) =
            (i64::try_from(random.below(40)).unwrap(), usize::try_from(random.below(4)).unwrap());
        Self { all, cap, way, says, wrong, asked: 0 }
    }

    fn settings(&self) -> Value {
        let mut pagination = [
            json!({"page": "p", "size": {"n": 10}}),
            json!({"offset": "p", "size": {"n": 10}}),
            json!({"cursor": "c", "param": "p"}),
            json!({"link": "next"}),
        ][self.way]
            .clone();
        let members = [("total", "n"), ("pages", "m"), ("while", "more")];
        for ((name, path), _) in members.iter().zip(self.says).filter(|(_, says)| *says) {
            pagination[*name] = json!(path);
        }
        json!({"records": "d", "pagination": pagination})
    }

    fn answer(&mut self, request: &Request) -> ResponseTemplate {
        let p = number(request, "p");
        let begin = match self.way {
            0 => (p.unwrap_or(1) - 1) * self.cap,
            _ => p.unwrap_or(0),
        };
        let at = self.asked;
        self.asked += 1;
        let wrong = self.wrong.filter(|(from, wrong)| match wrong {
            Wrong::EmptyForEver | Wrong::Again => at >= *from,
            _ => at == *from,
        });
        let begin = if matches!(wrong, Some((_, Wrong::Again))) { 0 } else { begin };
        let end = (begin + self.cap).min(self.all);
        let more = begin + self.cap < self.all;
        let list = match wrong {
            Some((_, Wrong::Empty | Wrong::EmptyForEver)) => json!([]),
            Some((_, Wrong::Null)) => Value::Null,
            _ => records((begin + 1)..=end),
        };
        let pages = (self.all + self.cap - 1) / self.cap;
        let next = more.then(|| begin + self.cap);
        let body = if matches!(wrong, Some((_, Wrong::Error))) {
            json!({"error": "busy"})
        } else {
            json!({"d": list, "n": self.all, "m": pages, "more": more, "c": next})
        };
        match next {
            Some(next) => ok(&body).insert_header("Link", format!("</a?p={next}>; rel=\"next\"")),
            None => ok(&body),
        }
    }

    /// Whether the reading may end early without noticing: a page that is empty by mistake looks like the last one, or like one
    /// whose records were filtered out. A total shows it always; where it is a mistake of once, the number of pages shows it
    /// too, and anything that leads on from that page.
    fn may_deceive(&self) -> bool {
        let [total, pages, more] = self.says;
        let Some((at, wrong)) = self.wrong else { return false };
        let is_last = i64::try_from(at + 1).unwrap() * self.cap >= self.all;
        match wrong {
            Wrong::EmptyForEver => !total,
            Wrong::Empty => !total && !pages && (is_last || (self.way < 2 && !more)),
            Wrong::Error | Wrong::Again | Wrong::Null => false,
        }
    }
}

#[tokio::test]
async fn whatever_a_service_does_a_reading_brings_everything_or_fails() {
    let service = Arc::new(Mutex::new(Service::default()));
    let answering = Arc::clone(&service);
    let answer = move |request: &Request| answering.lock().unwrap().answer(request);
    let server = MockServer::builder().disable_request_recording().start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let (mut random, mut complete, mut failed) = (Random(11), 0, 0);
    for case in 0..1_500 {
        let wanted = Service::random(&mut random);
        *service.lock().unwrap() = wanted.clone();
        let source = reading(&server.uri(), &wanted.settings());
        let result = read_all(&*source).await;
        let everything: BTreeSet<i64> = (1..=wanted.all).collect();
        match &result {
            Ok(pages) => {
                let came: BTreeSet<i64> = ids(pages).into_iter().collect();
                assert!(
                    came == everything || wanted.may_deceive(),
                    "case {case}: {wanted:?} brought {came:?}"
                );
                complete += usize::from(came == everything);
            }
            Err(error) => {
                let (asked, wrong) = (service.lock().unwrap().asked, wanted.wrong);
                assert!(wrong.is_some_and(|(at, _)| at < asked), "case {case}: {wanted:?}: {error}");
                failed += 1;
            }
        }
    }
    assert!(complete > 500 && failed > 200, "{complete} {failed}");
}
