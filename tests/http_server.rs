//! An HTTP service of our own on loopback: a closure answers, every request is remembered.
//!
//! It speaks as little HTTP/1.1 as the tests need, one request a connection, so that nothing stands between a
//! test and what it says.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The method, as it was sent.
    pub(crate) method: String,
    /// The path and the query as they were sent.
    pub(crate) target: String,
    /// The path, without the query.
    pub(crate) path: String,
    /// The query, decoded.
    pub(crate) query: BTreeMap<String, String>,
    /// The headers, their names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    /// What came after the headers, as text.
    pub(crate) body: String,
}

impl Request {
    /// A parameter of the query as a number.
    pub(crate) fn number(&self, name: &str) -> Option<usize> {
        self.query.get(name)?.parse().ok()
    }
}

/// What is answered: every byte of it.
#[derive(Debug, Clone)]
pub(crate) struct Response(Vec<u8>);

/// An answer with JSON.
pub(crate) fn json(body: impl AsRef<str>) -> Response {
    answer(200, "Content-Type: application/json", body.as_ref())
}

/// An answer that is an error.
pub(crate) fn status(status: u16) -> Response {
    answer(status, "Content-Type: application/json", &format!("{{\"error\":{status}}}"))
}

/// An answer with a header line of its own.
pub(crate) fn answer(status: u16, header: &str, body: &str) -> Response {
    let length = body.len();
    raw(format!(
        "HTTP/1.1 {status} Answer\r\n{header}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    ))
}

/// These bytes and nothing else, whether they are HTTP or not.
pub(crate) fn raw(bytes: impl Into<Vec<u8>>) -> Response {
    Response(bytes.into())
}

type Handler = dyn Fn(&Request) -> Response + Send + Sync;

/// A service that answers until it is dropped.
pub(crate) struct HttpServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl HttpServer {
    /// Starts a service on a free port.
    pub(crate) fn start(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, is_over) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let handler: Arc<Handler> = Arc::new(handler);
        let (remembered, over) = (Arc::clone(&requests), Arc::clone(&is_over));
        let listening = std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let (handler, remembered) = (Arc::clone(&handler), Arc::clone(&remembered));
                // A client that was killed takes no answer; that is what some tests are about.
                std::thread::spawn(move || drop(respond(&stream, &*handler, &remembered)));
            }
        });
        Self { address, requests, is_over, listening: Some(listening) }
    }

    /// Where it answers, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// A parameter of every request's query, those without it left out.
    pub(crate) fn asked(&self, parameter: &str) -> Vec<String> {
        self.requests().iter().filter_map(|request| request.query.get(parameter).cloned()).collect()
    }

    /// Forgets every request so far.
    pub(crate) fn forget(&self) {
        self.requests.lock().unwrap().clear();
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for the next connection.
        drop(TcpStream::connect(self.address));
        if let Some(listening) = self.listening.take() {
            drop(listening.join());
        }
    }
}

fn respond(stream: &TcpStream, handler: &Handler, requests: &Mutex<Vec<Request>>) -> io::Result<()> {
    let Some(request) = read(stream)? else { return Ok(()) };
    requests.lock().unwrap().push(request.clone());
    let Response(bytes) = handler(&request);
    let mut stream = stream;
    stream.write_all(&bytes)
}

fn read(stream: &TcpStream) -> io::Result<Option<Request>> {
    let mut lines = BufReader::new(stream);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    let mut words = first.split(' ').map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    lines.take(length).read_to_end(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
    let path = path.to_owned();
    Ok(Some(Request { method, target, path, query, headers, body }))
}

/// Undoes the percent-encoding of a query.
fn decoded(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut plain = Vec::new();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(plain).unwrap()
}
