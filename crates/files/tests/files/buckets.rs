//! What a service of S3 can do to a commit: lose an answer, be busy, ignore a condition, refuse us. moto stands behind a proxy that
//! does so.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use raccord_conformance::fixture::transfer;
use raccord_files::destination::{FilesDestination, StorageSource};
use raccord_files::storage::{FilePath, Put, RemotePlace, StorageError, open_tree, read_whole};
use raccord_model::language::store::FileMode;
use raccord_model::port::destination::{Batch, Destination as _, DestinationError, Ledger as _};

use crate::fixture::{Bucket, Folder, INC, Place as _, come_to, contact, ids, jsonl, page, under};

/// What becomes of a request that creates an entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// It is carried out, and the connection is closed without an answer.
    LostAnswer,
    /// It is carried out, and the answer is that the service is busy.
    Busy,
    /// Its condition is left out.
    Unconditional,
    /// It is refused.
    Refused,
}

/// Passes requests on to moto. Those that create files have a fault, as many as are told.
#[derive(Clone)]
struct Proxy {
    endpoint: String,
    left: Arc<AtomicU32>,
}

impl Proxy {
    fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let left = Arc::new(AtomicU32::new(0));
        let behind = Bucket::server().endpoint().replace("http://", "");
        let proxy = Self { endpoint, left: Arc::clone(&left) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (left, behind) = (Arc::clone(&left), behind.clone());
                std::thread::spawn(move || pass_on(stream.unwrap(), (&behind, fault), &left));
            }
        });
        proxy
    }

    /// The next requests that create a file have the fault.
    fn fail(&self, times: u32) {
        self.left.store(times, Ordering::SeqCst);
    }

    fn place(&self) -> RemotePlace {
        let RemotePlace::S3 { bucket, mut access } = Bucket::place("lake") else { unreachable!() };
        access.endpoint = Some(self.endpoint.clone());
        RemotePlace::S3 { bucket, access }
    }
}

/// A request: its head in lines, and its body.
fn read_request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 65_536]);
    loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            let length: usize = length.unwrap_or_default();
            while bytes.len() < end + 4 + length {
                let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
                bytes.extend_from_slice(&chunk[..read]);
            }
            return Some((head, bytes[end + 4..].to_vec()));
        }
        let read = stream.read(&mut chunk).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&chunk[..read]);
    }
}

fn pass_on(mut stream: TcpStream, (behind, fault): (&str, Fault), left: &AtomicU32) {
    let Some((head, body)) = read_request(&mut stream) else { return };
    let is_condition = |line: &str| line.to_lowercase().starts_with("if-none-match");
    let creates = head.lines().any(is_condition);
    let fails =
        creates && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if fails && fault == Fault::Refused {
        let said = "<Error><Code>AccessDenied</Code></Error>";
        let answer = format!(
            "HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{said}",
            said.len()
        );
        return stream.write_all(answer.as_bytes()).unwrap();
    }
    let strips = fails && fault == Fault::Unconditional;
    let lines = head.lines().filter(|line| !(strips && is_condition(line)));
    let head: String = lines.map(|line| format!("{line}\r\n")).collect();
    let mut server = TcpStream::connect(behind).unwrap();
    server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).unwrap();
    server.write_all(&body).unwrap();
    let mut answer = Vec::new();
    server.read_to_end(&mut answer).unwrap();
    match fault {
        Fault::LostAnswer if fails => {}
        Fault::Busy if fails => {
            let busy = b"HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(busy).unwrap();
        }
        _ => drop(stream.write_all(&answer)),
    }
}

/// A destination behind a proxy, and one that reaches the same folder as it is.
async fn prepared(fault: Fault) -> (Proxy, FilesDestination, Folder<Bucket>) {
    let folder = Folder::<Bucket>::new();
    let proxy = Proxy::start(fault);
    let storage = StorageSource::fixed(open_tree(&proxy.place(), folder.place.path()).unwrap());
    let clock: Arc<crate::fixture::Clock> = Arc::clone(&folder.clock);
    let destination = FilesDestination::new(storage, jsonl(FileMode::Append), clock);
    destination.prepare(contact()).await.unwrap();
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    (proxy, destination, folder)
}

/// Whether a commit is told to have failed or not: it counts once.
#[tokio::test]
async fn an_entry_whose_answer_is_lost_counts_once() {
    for (fault, times) in [(Fault::Busy, 1), (Fault::LostAnswer, 1), (Fault::Busy, u32::MAX)] {
        let (proxy, destination, folder) = prepared(fault).await;
        destination.commit(Batch { durable: true, ..page(0..2, 0, 1) }).await.unwrap();
        destination.commit(page(2..4, 0, 1)).await.unwrap();
        proxy.fail(times);
        let second = destination.flush(transfer('A')).await;
        proxy.fail(0);
        // The request is sent again some times.
        assert_eq!(second.is_ok(), times == 1, "{fault:?}: {second:?}");
        if second.is_err() {
            // The run may not go on as if nothing had happened.
            let next = destination.commit(page(4..6, 0, 1)).await.unwrap_err();
            assert!(next.in_words().contains("an earlier write failed"), "{}", next.in_words());
        }
        // The next run goes on behind what counts.
        destination.raise_fence(transfer('A'), under(2)).await.unwrap();
        assert_eq!(come_to(&destination).await.as_deref(), Some("4"), "{fault:?}");
        destination.commit(Batch { durable: true, ..page(4..6, 0, 2) }).await.unwrap();
        assert_eq!(ids(&folder.rows("contact").await), [0, 1, 2, 3, 4, 5], "{fault:?}");
        assert_eq!(destination.count(INC).await.unwrap(), 6);
    }
}

/// Between the entry whose answer is lost and the second attempt another process adds one.
#[tokio::test]
async fn an_entry_is_recognized_behind_that_of_another() {
    let (proxy, destination, folder) = prepared(Fault::Busy).await;
    let other = folder.destination(jsonl(FileMode::Append));
    other.raise_fence(transfer('B'), under(1)).await.unwrap();
    let theirs = Batch { transfer: transfer('B'), durable: true, ..page(7..8, 0, 1) };
    proxy.fail(1);
    let ours = destination.commit(Batch { durable: true, ..page(0..2, 0, 1) });
    let (ours, theirs) = tokio::join!(ours, other.commit(theirs));
    assert!(ours.is_ok() && theirs.is_ok(), "{ours:?} {theirs:?}");
    assert_eq!(ids(&folder.rows("contact").await), [0, 1, 7]);
}

#[tokio::test]
async fn a_service_that_ignores_conditions_is_found_out() {
    let folder = Folder::<Bucket>::new();
    let proxy = Proxy::start(Fault::Unconditional);
    proxy.fail(u32::MAX);
    let storage = StorageSource::fixed(open_tree(&proxy.place(), folder.place.path()).unwrap());
    let clock: Arc<crate::fixture::Clock> = Arc::clone(&folder.clock);
    let destination = FilesDestination::new(storage, jsonl(FileMode::Append), clock);
    let refused = destination.prepare(contact()).await.unwrap_err();
    assert!(matches!(refused, DestinationError::Denied(_)), "{refused:?}");
    assert!(refused.in_words().contains("on the condition that none is there"), "{}", refused.in_words());
    assert!(folder.below("").await.is_empty());
}

/// A run that was refused does not go on, and the next one reads its secrets again.
#[tokio::test]
async fn who_is_refused_opens_the_storage_again() {
    let folder = Folder::<Bucket>::new();
    let proxy = Proxy::start(Fault::Refused);
    let (place, path) = (proxy.place(), folder.place.path().to_owned());
    let opened = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&opened);
    let storage = StorageSource(Arc::new(move || {
        count.fetch_add(1, Ordering::SeqCst);
        let storage = open_tree(&place, &path).map_err(|error| DestinationError::Denied(Box::new(error)));
        Box::pin(std::future::ready(storage))
    }));
    let clock: Arc<crate::fixture::Clock> = Arc::clone(&folder.clock);
    let destination = FilesDestination::new(storage, jsonl(FileMode::Append), clock);
    destination.prepare(contact()).await.unwrap();
    destination.raise_fence(transfer('A'), under(1)).await.unwrap();
    destination.commit(page(0..2, 0, 1)).await.unwrap();
    proxy.fail(1);
    let refused = destination.flush(transfer('A')).await.unwrap_err();
    assert!(
        matches!(refused, DestinationError::Denied(_)) && refused.in_words().contains("AccessDenied"),
        "{refused:?}"
    );
    assert!(destination.commit(page(2..4, 0, 1)).await.is_err());
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    destination.raise_fence(transfer('A'), under(2)).await.unwrap();
    assert_eq!((opened.load(Ordering::SeqCst), come_to(&destination).await), (2, None));
    destination.commit(Batch { durable: true, ..page(0..4, 0, 2) }).await.unwrap();
    assert_eq!(ids(&folder.rows("contact").await), [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_large_file_is_put_in_parts_and_there_when_it_is_finished() {
    let storage = Bucket::new().storage();
    let path = |text: &str| FilePath::new(text).unwrap();
    let piece: Bytes = (0..100_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>().into();
    let mut upload = storage.upload(&path("x/data")).await.unwrap();
    for _ in 0..50 {
        upload.write(piece.clone()).await.unwrap();
    }
    assert!(storage.list("", None).await.unwrap().files.is_empty());
    upload.finish().await.unwrap();
    let whole = read_whole(storage.as_ref(), &path("x/data"), 1 << 30).await.unwrap();
    assert!(whole == piece.repeat(50));
    let listed = storage.list("x/", None).await.unwrap();
    assert_eq!((listed.files.len(), listed.files[0].bytes), (1, 20_000_000));

    // One that is given up leaves no parts.
    let mut upload = storage.upload(&path("x/other")).await.unwrap();
    for _ in 0..50 {
        upload.write(piece.clone()).await.unwrap();
    }
    assert_eq!(Bucket::server().uploads(), 1);
    drop(upload);
    while Bucket::server().uploads() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(storage.list("", None).await.unwrap().files.len(), 1);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_of_its_own() {
    let storage = open_tree(&Bucket::place("nowhere"), "out").unwrap();
    let path = FilePath::new("a").unwrap();
    for (error, expected) in [
        (
            storage.list("", None).await.map(drop).unwrap_err(),
            "there is no bucket `nowhere`; look at its name, and at the region and the endpoint of the authorization",
        ),
        (storage.put(&path, Bytes::new(), Put::Replace).await.unwrap_err(), "write `the bucket`"),
    ] {
        assert_eq!(error.to_string(), expected);
    }
    let sftp = raccord_files::storage::SftpSecret::Password("x".into());
    let access = raccord_files::storage::SftpAccess {
        user: "u".into(),
        secret: sftp,
        host_keys: vec![],
        known_hosts: None,
    };
    let place = RemotePlace::Sftp { host: "localhost".to_owned(), port: 22, from_home: true, access };
    assert!(matches!(open_tree(&place, "out").map(drop), Err(StorageError::Unconditional)));
}
