//! Runs that share a reading, over a source that counts how often it is read.

use std::sync::atomic::{AtomicUsize, Ordering};

use raccord_model::checkpoint::PageToken;

use super::*;

/// A source of some pages, or of one that never comes.
#[derive(Default)]
struct Counted {
    pages: usize,
    /// The page in whose place the service refuses our credentials.
    refused_at: Option<usize>,
    opened: AtomicUsize,
    under_way: Arc<AtomicUsize>,
}

/// Counts a reading as under way for as long as it is there.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct CountedPages {
    next: usize,
    pages: usize,
    refused_at: Option<usize>,
    _under_way: UnderWay,
}

impl Pages for CountedPages {
    fn next(&mut self) -> Async<'_, NextPage> {
        Box::pin(async move {
            self.next += 1;
            if self.refused_at == Some(self.next) {
                let (url, credentials) = ("http://shop".to_owned(), String::new());
                return Err(SourceError::Unauthorized { status: 401, url, credentials });
            }
            let next = (self.next < self.pages).then(|| PageToken("next".to_owned()));
            Ok(Some(Page { position: format!("page {}", self.next), next, ..Page::empty() }))
        })
    }
}

/// A way to a source that is counted.
struct Way(Arc<Counted>);

impl Source for Way {
    fn check(&self) -> Async<'_, Result<String, SourceError>> {
        Box::pin(async { Ok(String::new()) })
    }

    fn open(&self, _: Read) -> Async<'_, Result<Box<dyn Pages>, SourceError>> {
        self.0.opened.fetch_add(1, Ordering::SeqCst);
        self.0.under_way.fetch_add(1, Ordering::SeqCst);
        let under_way = UnderWay(Arc::clone(&self.0.under_way));
        let pages = CountedPages {
            next: 0,
            pages: self.0.pages,
            refused_at: self.0.refused_at,
            _under_way: under_way,
        };
        let pages: Box<dyn Pages> = Box::new(pages);
        Box::pin(async move { Ok(pages) })
    }

    fn record<'a>(&'a self, _: &'a str, _: &'a FieldPath) -> Async<'a, Result<Option<Bytes>, SourceError>> {
        Box::pin(async { Ok(None) })
    }
}

/// Reads everything, or so many pages, and tells the positions and how it ended.
async fn read(source: SharedSource, read: Read, at_most: usize) -> Vec<String> {
    let mut told = Vec::new();
    let mut pages = match source.open(read).await {
        Ok(pages) => pages,
        Err(error) => return vec![error.to_string()],
    };
    while told.len() < at_most {
        match pages.next().await {
            Ok(Some(page)) => {
                told.push(page.position);
                if page.next.is_none() {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                assert!(error.is_unauthorized(), "{error:?}");
                told.push("refused".to_owned());
                break;
            }
        }
    }
    told
}

fn at(page: Option<u8>) -> Read {
    Read { page: page.map(|page| PageToken(page.to_string())), ..Read::default() }
}

/// Checks what runs see that begin together: where each begins and how many pages it takes; and how often the source is
/// read.
async fn check(source: Counted, runs: &[(Option<u8>, usize)], expected: &[usize], opened: usize) {
    let source = Arc::new(source);
    let tasks: Vec<_> = runs
        .iter()
        .zip(seats(runs.len()))
        .map(|((page, at_most), seat)| {
            let shared = SharedSource::new(Box::new(Way(Arc::clone(&source))), seat);
            tokio::spawn(read(shared, at(*page), *at_most))
        })
        .collect();
    for (task, pages) in tasks.into_iter().zip(expected) {
        let mut expected: Vec<_> = (1..=*pages).map(|page| format!("page {page}")).collect();
        if let Some(refused) = source.refused_at.filter(|refused| refused <= pages) {
            expected[refused - 1] = "refused".to_owned();
        }
        assert_eq!(task.await.unwrap(), expected);
    }
    assert_eq!(source.opened.load(Ordering::SeqCst), opened, "{runs:?}");
    let under_way = Arc::clone(&source.under_way);
    for _ in 0..1_000 {
        if under_way.load(Ordering::SeqCst) == 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("a reading is under way after its last run has ended");
}

#[tokio::test]
async fn one_reading_serves_all_that_want_the_same() {
    let of = |pages| Counted { pages, ..Counted::default() };
    check(of(5), &[(None, 9), (None, 9), (None, 9)], &[5, 5, 5], 1).await;
    check(of(5), &[(Some(3), 9), (Some(3), 9)], &[5, 5], 1).await;
    // One stands elsewhere.
    check(of(5), &[(None, 9), (Some(3), 9), (None, 9)], &[5, 5, 5], 2).await;
    check(of(5), &[(None, 9)], &[5], 1).await;
    // One that stops does not hold up the others, and the last one ends the reading.
    check(of(50), &[(None, 2), (None, 90)], &[2, 50], 1).await;
    check(of(50), &[(None, 2), (None, 3)], &[2, 3], 1).await;
}

#[tokio::test]
async fn each_run_is_told_that_the_service_refuses() {
    let source = Counted { pages: 5, refused_at: Some(3), ..Counted::default() };
    check(source, &[(None, 9), (None, 9)], &[3, 3], 1).await;
}

#[tokio::test]
async fn a_run_that_does_not_begin_is_not_waited_for() {
    let source = Arc::new(Counted { pages: 2, ..Counted::default() });
    let mut seats = seats(3);
    drop(seats.pop());
    let reads: Vec<_> = seats
        .into_iter()
        .map(|seat| read(SharedSource::new(Box::new(Way(Arc::clone(&source))), seat), at(None), 9))
        .collect();
    let mut told = Vec::new();
    for task in reads.into_iter().map(tokio::spawn) {
        told.push(task);
    }
    for task in told {
        assert_eq!(task.await.unwrap(), ["page 1", "page 2"]);
    }
    assert_eq!(source.opened.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_run_that_says_nothing_is_waited_for_a_stated_time() {
    let source = Arc::new(Counted { pages: 1, ..Counted::default() });
    let mut seats = seats_within(2, Duration::from_millis(20));
    let _silent = seats.pop();
    for seat in seats {
        let shared = SharedSource::new(Box::new(Way(Arc::clone(&source))), seat);
        assert_eq!(read(shared, at(None), 9).await, ["page 1"]);
    }
}
