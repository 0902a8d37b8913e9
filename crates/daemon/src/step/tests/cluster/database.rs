//! The database of the simulation: leases as `postgres::state::lease` has them, the queue, fences, progress, and what is served.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use raccord_model::fact::Uid;
use raccord_model::port::destination::{Fence, RaisedFence};
use uuid::Uuid;

use super::queue::{Queue, Row};
use super::{LIMIT, TTL, Who};

/// A lease, as the database keeps it.
#[derive(Debug, Default)]
struct Leased {
    token: u64,
    until: i64,
    claim: Option<u64>,
}

impl Leased {
    fn acquire(&mut self, claim: u64, now: i64) -> Option<u64> {
        let is_free = self.claim.is_none_or(|held| held == claim) || self.until <= now;
        is_free.then(|| {
            *self = Self { token: self.token + 1, until: now + TTL, claim: Some(claim) };
            self.token
        })
    }

    fn renew(&mut self, token: u64, now: i64) -> bool {
        let is_held = self.token == token && self.claim.is_some();
        if is_held {
            self.until = now + TTL;
        }
        is_held
    }

    fn release(&mut self, token: u64) {
        if self.token == token {
            self.claim = None;
        }
    }
}

/// What is asked of the database; which transfer is meant says who asks.
#[derive(Debug, Clone)]
pub(super) enum Ask {
    Acquire {
        claim: u64,
    },
    Renew {
        token: u64,
    },
    Read,
    Raise {
        token: u64,
        due: Option<Timestamp>,
    },
    Page {
        token: u64,
        after: u64,
    },
    End {
        token: u64,
        due: Option<Timestamp>,
    },
    /// The scheduler, under its lease, and workers.
    Offer {
        token: u64,
        number: u64,
        rows: Vec<Row>,
    },
    Remove {
        token: u64,
        offers: Vec<u64>,
    },
    Look,
    Take {
        worker: u64,
    },
    RenewRows {
        worker: u64,
    },
    EndRow {
        worker: u64,
        offer: u64,
        is_whole: bool,
    },
}

/// What it answers.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    Acquired(Option<u64>),
    Renewed(bool),
    Read {
        served: BTreeMap<Uid, Timestamp>,
        rows: Vec<Row>,
    },
    /// The run is made already.
    IsServed,
    Rows(Vec<Row>),
    Done,
    /// How many pages are stored; nothing where the fence has refused it.
    Stored(Option<u64>),
}

/// The database: leases, fences, progress, and what is served.
#[derive(Debug, Default)]
pub(super) struct Database {
    /// Whether fences are looked at; without them the law must be broken.
    has_fences: bool,
    watch: Leased,
    queue: Queue,
    /// Under which token, and with which number, something was offered last.
    offered: (u64, u64),
    leases: BTreeMap<Uid, Leased>,
    raised: BTreeMap<Uid, u64>,
    pages: BTreeMap<Uid, u64>,
    /// Which pages were stored under which token: a commit that is sent again is looked up.
    stored: BTreeSet<(Uid, u64, u64)>,
    pub(super) served: BTreeMap<Uid, Timestamp>,
    /// Writes that came after another worker had raised the fence.
    pub(super) broken: Vec<String>,
}

impl Database {
    /// An empty one.
    pub(super) fn new(has_fences: bool) -> Self {
        Self { has_fences, ..Self::default() }
    }

    fn is_fenced(&self, uid: Uid, token: u64) -> bool {
        let fence = Fence { generation: 1, epoch: 1, reset: 0, lease: token };
        let raised = RaisedFence { epoch: 1, lease: self.raised.get(&uid).copied().unwrap_or_default() };
        self.has_fences && fence.check(Some(raised)).is_err()
    }

    fn lease(&mut self, of: Who) -> &mut Leased {
        match of {
            Who::Run(uid) => self.leases.entry(uid).or_default(),
            Who::Watch | Who::Schedule | Who::Work => &mut self.watch,
        }
    }

    /// Whether the scheduler that asks still has its lease.
    fn schedules(&self, token: u64) -> bool {
        self.watch.token == token && self.watch.claim.is_some()
    }

    /// What the queue answers.
    fn of_queue(&mut self, ask: Ask, now: i64) -> Answer {
        match ask {
            Ask::Offer { token, number, rows } => {
                // One that comes late, or twice, does nothing.
                if self.schedules(token) && self.offered < (token, number) {
                    self.offered = (token, number);
                    self.queue.offer(&rows);
                    let open = self.queue.open();
                    if open > LIMIT {
                        self.broken.push(format!("{now} ms: {open} runs at once"));
                    }
                }
                Answer::Done
            }
            Ask::Remove { token, offers } => {
                if self.schedules(token) {
                    self.queue.remove(&offers);
                }
                Answer::Done
            }
            Ask::Take { worker } => Answer::Rows(self.queue.take(worker, now)),
            Ask::RenewRows { worker } => {
                self.queue.renew(worker, now);
                Answer::Done
            }
            Ask::EndRow { worker, offer, is_whole } => {
                self.queue.end(worker, offer, is_whole);
                Answer::Done
            }
            _ => Answer::Rows(self.queue.all()),
        }
    }

    pub(super) fn answer(&mut self, of: Who, ask: Ask, now: i64) -> Answer {
        let uid = if let Who::Run(uid) = of { uid } else { Uid(Uuid::nil()) };
        match ask {
            Ask::Acquire { claim } => Answer::Acquired(self.lease(of).acquire(claim, now)),
            Ask::Renew { token } => Answer::Renewed(self.lease(of).renew(token, now)),
            Ask::Read => Answer::Read { served: self.served.clone(), rows: self.queue.all() },
            Ask::Raise { due: Some(due), .. }
                if self.served.get(&uid).is_some_and(|served| *served >= due) =>
            {
                Answer::IsServed
            }
            Ask::Raise { token, .. } | Ask::Page { token, .. } | Ask::End { token, .. }
                if self.is_fenced(uid, token) =>
            {
                Answer::Stored(None)
            }
            Ask::Raise { token, .. } => {
                let raised = self.raised.entry(uid).or_default();
                *raised = token.max(*raised);
                Answer::Stored(Some(self.pages.get(&uid).copied().unwrap_or_default()))
            }
            Ask::Page { token, after } => {
                // A page whose answer was lost is stored already.
                if self.stored.insert((uid, token, after)) {
                    *self.pages.entry(uid).or_default() += 1;
                    let raised = self.raised.get(&uid).copied().unwrap_or_default();
                    if token < raised {
                        self.broken.push(format!("{now} ms: {uid} was written under {token} after {raised}"));
                    }
                }
                Answer::Stored(Some(after + 1))
            }
            Ask::End { token, due } => {
                if let Some(due) = due {
                    let served = self.served.entry(uid).or_insert(due);
                    *served = due.max(*served);
                }
                self.lease(of).release(token);
                Answer::Stored(Some(0))
            }
            ask => self.of_queue(ask, now),
        }
    }
}
