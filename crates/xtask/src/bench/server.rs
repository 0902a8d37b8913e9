//! A REST server on loopback whose pages are made beforehand, so that it never is the bottleneck.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A server that lives as long as the recipe.
pub(super) struct Server {
    /// Where it listens.
    pub(super) port: u16,
}

impl Server {
    /// Serves `GET /contacts?page=N` with so many records, so many a page.
    pub(super) fn start(records: u64, per_page: u64) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let pages: Arc<[Vec<u8>]> = pages(records, per_page, port).into();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let pages = Arc::clone(&pages);
                thread::spawn(move || {
                    // A client that went away is served no more.
                    drop(serve(connection, &pages));
                });
            }
        });
        Ok(Self { port })
    }
}

fn serve(mut connection: TcpStream, pages: &[Vec<u8>]) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut request = Vec::new();
    let mut buffer = [0; 4_096];
    loop {
        let read = connection.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        request.extend_from_slice(&buffer[..read]);
        if !request.windows(4).any(|end| end == b"\r\n\r\n") {
            continue;
        }
        let text = String::from_utf8_lossy(&request);
        let number =
            text.split("page=").nth(1).map_or("1", |rest| rest.split([' ', '&']).next().unwrap_or("1"));
        let page = number.parse::<usize>().unwrap_or(1).clamp(1, pages.len()) - 1;
        connection.write_all(&pages[page])?;
        request.clear();
    }
}

fn pages(records: u64, per_page: u64, port: u16) -> Vec<Vec<u8>> {
    let count = records.div_ceil(per_page);
    (1..=count)
        .map(|page| {
            let first = (page - 1) * per_page + 1;
            let last = (page * per_page).min(records);
            let data = (first..=last).map(record).collect::<Vec<_>>().join(",");
            let next = if page < count {
                format!("\"http://127.0.0.1:{port}/contacts?page={}\"", page + 1)
            } else {
                "null".to_owned()
            };
            let body = format!("{{\"data\":[{data}],\"page\":{page},\"next\":{next}}}");
            let length = body.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            );
            (head + &body).into_bytes()
        })
        .collect()
}

/// A record of about 390 bytes: nested objects, nulls, decimals, instants, telephone numbers with a plus.
pub(super) fn record(number: u64) -> String {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    let cities = ["Lisboa", "Paris", "Berlin", "São Paulo", "Montréal", "Tokyo", "Nairobi", "Oslo"];
    let city = cities[usize::try_from(mixed % 8).unwrap_or(0)];
    let phone = if mixed.is_multiple_of(5) {
        "null".to_owned()
    } else {
        format!("\"+351{:09}\"", mixed % 1_000_000_000)
    };
    let notes = if mixed.is_multiple_of(3) {
        "null".to_owned()
    } else {
        format!("\"note {number} with some free text\"")
    };
    let day = format!("{:02}-{:02}", 1 + mixed % 12, 1 + mixed % 28);
    let time = format!("{:02}:{:02}:{:02}", number / 3_600 % 24, number / 60 % 60, number % 60);
    format!(
        "{{\"id\":{number},\"external_ref\":\"C-{number:08}\",\
         \"customer\":{{\"name\":\"Customer {} Ltd\",\"email\":\"user{number}@example{}.com\",\"phone\":{phone}}},\
         \"address\":{{\"street\":\"{} Main Street\",\"city\":\"{city}\",\"zip\":\"{:05}\",\"country\":\"PT\"}},\
         \"status\":\"active\",\"score\":{},\"balance\":{}.{:02},\"vip\":{},\"notes\":{notes},\
         \"created_at\":\"2024-{day}T{time}Z\",\"updated_at\":\"2025-{day}T{time}Z\"}}",
        mixed % 100_000,
        mixed % 50,
        mixed % 999,
        mixed % 100_000,
        mixed % 1_000,
        mixed % 10_000,
        mixed % 100,
        mixed.is_multiple_of(10),
    )
}
