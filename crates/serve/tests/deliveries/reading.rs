//! Runs that read their source: what a stop leaves behind, and what becomes of a page that is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::Poll;
use std::time::Duration;

use raccord_model::fact::{RunId, RunOutcome};
use raccord_model::port::records::{Page, Records};
use raccord_run::mapper::Mapper;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::shop::{ALL, Says, Shop, told};

/// Answers the first page, and no other: it says when it was asked for that, and when the caller has hung up.
async fn answer_once(mut caller: TcpStream, asked: watch::Sender<bool>, hung_up: mpsc::Sender<()>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match caller.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let page = r#"{"data":[{"id":"1","name":"Ann"},{"id":"2","name":"Ben"}]}"#;
    if String::from_utf8_lossy(&request).contains("page=1") {
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", page.len());
        caller.write_all(format!("{head}{page}").as_bytes()).await.unwrap();
    } else {
        asked.send_replace(true);
        assert!(caller.read_u8().await.is_err(), "there is nothing more to send");
        hung_up.send(()).await.unwrap();
    }
}

/// Lets a service answer in this way; each request that has ended unanswered comes out.
fn answer_all(listener: TcpListener, asked: watch::Sender<bool>) -> mpsc::Receiver<()> {
    let (hung_up, ends) = mpsc::channel(9);
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            tokio::spawn(answer_once(caller, asked.clone(), hung_up.clone()));
        }
    });
    ends
}

async fn assert_ended(mut ends: mpsc::Receiver<()>) {
    let ended = tokio::time::timeout(Duration::from_secs(20), ends.recv()).await;
    assert!(ended.is_ok(), "the request for the second page is still under way");
}

#[tokio::test]
async fn a_run_that_is_stopped_leaves_no_request_under_way() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    let ends = answer_all(listener, shop.stop.clone());
    let run = shop.poll(Box::new(|_, _| {})).await;
    assert_eq!(told(&run), "stopped: created 2");
    assert_ended(ends).await;
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_no_request_under_way() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    let (asking, mut asked) = watch::channel(false);
    let ends = answer_all(listener, asking);
    tokio::select! {
        run = shop.poll(Box::new(|_, _| {})) => panic!("{run:?}"),
        _ = asked.wait_for(|asked| *asked) => {}
    }
    assert_ended(ends).await;
}

/// A service of two pages whose second one is answered as `status` says.
async fn serve(status: Arc<AtomicU16>) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        let page = request.url.query_pairs().find(|(name, _)| name == "page").unwrap().1.into_owned();
        let records = |ids: &[&str]| ids.iter().map(|id| json!({"id": id, "name": "x"})).collect::<Vec<_>>();
        match (page.as_str(), status.load(Ordering::SeqCst)) {
            ("1", _) => ResponseTemplate::new(200).set_body_json(json!({"data": records(&["1", "2"])})),
            (_, 200) => ResponseTemplate::new(200).set_body_json(json!({"data": records(&["3"])})),
            (_, status) => ResponseTemplate::new(status),
        }
    };
    Mock::given(wiremock::matchers::any()).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn a_page_that_is_refused_begins_the_window_again_once_and_then_names_the_cure() {
    let status = Arc::new(AtomicU16::new(200));
    let server = serve(Arc::clone(&status)).await;
    let base = server.uri();
    let shop = Shop::new(&Says { base: &base, ..ALL }).await;
    let sender = shop.stop.clone();
    let run = shop.poll(Box::new(move |_, _| _ = sender.send_replace(true))).await;
    assert_eq!(told(&run), "stopped: created 2");
    shop.stop.send_replace(false);
    for refusal in [403, 409, 500] {
        status.store(refusal, Ordering::SeqCst);
        let run = shop.poll(Box::new(|_, _| {})).await;
        let RunOutcome::Failed { error, unauthorized, .. } = &run.outcome else { panic!("{run:?}") };
        assert!(error.contains("`raccord resync customers`") && error.contains("begun again"), "{error}");
        assert_eq!(
            (run.tally.unchanged, *unauthorized),
            (2, refusal == 403),
            "the first page came again, once"
        );
    }
    status.store(200, Ordering::SeqCst);
    let run = shop.poll(Box::new(|_, _| {})).await;
    assert_eq!(told(&run), "succeeded: created 1");
}

/// Whether mapping a page of so many bytes has ended once it has had one turn.
async fn is_mapped_in_one_turn(shop: &Shop, bytes: usize) -> bool {
    let job = shop.job().await;
    let record = r#"{"id":"1","name":"Ann"}"#;
    let count = bytes / record.len();
    let spans = (0..count).map(|number| number * record.len()..(number + 1) * record.len()).collect();
    let records = Records::Json { body: record.repeat(count).into(), spans };
    let page = Page { records, ..Page::empty() };
    let (run, now) = (RunId(shop.engine.ports().environment.new_id()), shop.engine.ports().environment.now());
    let mapper = Mapper::new(&job, &shop.kept().destination, run);
    let mut mapping = Box::pin(mapper.map_all(Arc::new(page), Vec::new(), now));
    let turn = std::future::poll_fn(|context| Poll::Ready(mapping.as_mut().poll(context).is_ready())).await;
    if !turn {
        assert_eq!(mapping.await.unwrap().changes.len(), count);
    }
    turn
}

#[tokio::test]
async fn a_large_page_is_mapped_beside_the_async_workers() {
    let shop = Shop::new(&ALL).await;
    assert!(is_mapped_in_one_turn(&shop, 10_000).await, "a small page is not worth another thread");
    assert!(!is_mapped_in_one_turn(&shop, 4_000_000).await, "a large page keeps a worker");
}
