//! `raccord run` on a terminal: bars with their rates while it reads, and a clean screen afterwards, however it ends.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use crate::environment::{TestEnvironment, assert_says, wait_until};
use crate::http_server::{HttpServer, json as answer_json};
use crate::shop::Shop;

/// How wide the terminal is.
const COLUMNS: usize = 120;

/// A service of pages of two people each, which keeps all after the third page back until it is let go on.
fn service() -> (HttpServer, Arc<AtomicBool>) {
    let goes_on = Arc::new(AtomicBool::new(false));
    let may_go_on = Arc::clone(&goes_on);
    let server = HttpServer::start(move |request| {
        let page = request.number("page").unwrap_or(1);
        while page > 3 && !may_go_on.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        let people = [2 * page, 2 * page + 1].map(|id| json!({"id": id.to_string(), "name": "Ann"}));
        let people = if page > 4 { &[][..] } else { &people };
        answer_json(json!({ "data": people }).to_string())
    });
    (server, goes_on)
}

fn shop(server: &HttpServer) -> TestEnvironment {
    let source = format!(
        "{{connector: http, authorization: {{type: none}}, config: {{baseUrl: \"{}\", dataTypes: \
         {{people: {{records: data, pagination: {{page: page}}}}}}}}}}",
        server.url()
    );
    Shop { source: &source, ..Shop::default() }.applied()
}

/// A program on a terminal of its own.
struct Terminal {
    child: Child,
    keys: ChildStdin,
    shown: Arc<Mutex<Vec<u8>>>,
    reading: JoinHandle<()>,
}

impl Terminal {
    /// Begins a command line on a terminal.
    fn start(environment: &TestEnvironment, arguments: &str) -> Self {
        let plain = environment.command(arguments);
        let line = format!("stty cols {COLUMNS} rows 24; exec {} {arguments}", plain.get_program().display());
        let mut command = Command::new("script");
        command.args(["-qefc", &line, "/dev/null"]).current_dir(environment.path());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let shown = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&shown);
        let reading = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut bytes) {
                written.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, keys, shown, reading }
    }

    /// What the terminal was sent so far.
    fn sent(&self) -> String {
        String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned()
    }

    /// Presses Ctrl and C.
    fn interrupt(&mut self) {
        self.keys.write_all(b"\x03").unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the end; the exit code, all that was sent, and what is on the screen then.
    fn end(mut self) -> (Option<i32>, String, Screen) {
        let status = self.child.wait().unwrap();
        drop(self.keys);
        self.reading.join().unwrap();
        let sent = String::from_utf8(self.shown.lock().unwrap().clone()).unwrap();
        let screen = Screen::after(&sent);
        (status.code(), sent, screen)
    }
}

/// What a person sees: as much of a terminal as bars make use of. Anything else is a failure.
#[derive(Debug, Default)]
struct Screen {
    lines: Vec<Vec<char>>,
    row: usize,
    column: usize,
    hides_cursor: bool,
}

impl Screen {
    fn after(sent: &str) -> Self {
        let mut screen = Self::default();
        let mut rest = sent.chars();
        while let Some(c) = rest.next() {
            match c {
                '\r' => screen.column = 0,
                '\n' => screen.row += 1,
                '\u{1b}' => screen.obey(&mut rest),
                c => screen.put(c),
            }
        }
        screen
    }

    fn line(&mut self) -> &mut Vec<char> {
        let wanted = self.row + 1;
        self.lines.resize(self.lines.len().max(wanted), Vec::new());
        &mut self.lines[self.row]
    }

    fn put(&mut self, c: char) {
        let column = self.column;
        let line = self.line();
        line.resize(line.len().max(column + 1), ' ');
        line[column] = c;
        self.column += 1;
    }

    /// Carries a command out that begins with an escape.
    fn obey(&mut self, rest: &mut std::str::Chars<'_>) {
        assert_eq!(rest.next(), Some('['), "a command that no bar needs");
        let mut numbers = String::new();
        let letter = rest
            .by_ref()
            .find(|c| {
                c.is_ascii_alphabetic() || {
                    numbers.push(*c);
                    false
                }
            })
            .unwrap();
        let number = numbers.parse().unwrap_or(1);
        match (letter, numbers.as_str()) {
            ('A', _) => self.row = self.row.saturating_sub(number),
            ('B', _) => self.row += number,
            ('G', _) => self.column = number - 1,
            ('C', _) => self.column += number,
            ('D', _) => self.column = self.column.saturating_sub(number),
            ('K', "2") => self.line().clear(),
            ('K', "" | "0") => {
                let column = self.column;
                self.line().truncate(column);
            }
            ('J', "" | "0") => {
                let (row, column) = (self.row, self.column);
                self.line().truncate(column);
                self.lines.truncate(row + 1);
            }
            ('m', _) => {}
            ('l', "?25") => self.hides_cursor = true,
            ('h', "?25") => self.hides_cursor = false,
            _ => panic!("a command that no bar needs: {numbers}{letter}"),
        }
    }

    fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| line.iter().collect::<String>().trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Nothing of a bar is left, and the cursor stands where the next prompt begins.
#[track_caller]
fn expect_clean(screen: &Screen) {
    let text = screen.text();
    assert!(!text.contains("/s") && !text.contains("pages,"), "a bar is left:\n{text}");
    assert!(!screen.hides_cursor && screen.column == 0, "{screen:?}");
    assert!(screen.lines.get(screen.row).is_none_or(Vec::is_empty), "{screen:?}");
}

/// The rates that bars showed: the numbers before `/s`.
fn rates(sent: &str) -> Vec<&str> {
    let words = sent.split(|c: char| c.is_whitespace() || c == '\u{1b}');
    words.filter_map(|word| word.strip_suffix("/s")).collect()
}

#[test]
fn bars_show_whole_rates_and_leave_nothing_behind() {
    let (server, goes_on) = service();
    let environment = shop(&server);
    let terminal = Terminal::start(&environment, "run");
    wait_until("a bar shows what was fetched", || terminal.sent().contains("3 pages, 0 rejected"));
    goes_on.store(true, Ordering::SeqCst);
    let (code, sent, screen) = terminal.end();
    assert_eq!(code, Some(0), "{sent}");
    assert_says(&sent, &["people", "6 fetched"]);
    let rates = rates(&sent);
    assert!(
        !rates.is_empty() && rates.iter().all(|rate| rate.bytes().all(|b| b.is_ascii_digit())),
        "{rates:?}"
    );
    expect_clean(&screen);
    assert_says(&screen.text(), &["transfer", "people", "succeeded"]);
}

/// The first Ctrl-C ends after the page in hand: what was read is told, and the exit code says that nothing failed.
#[test]
fn ctrl_c_ends_after_the_page_in_hand_and_leaves_nothing_behind() {
    let (server, goes_on) = service();
    let environment = shop(&server);
    let mut terminal = Terminal::start(&environment, "run");
    wait_until("a bar shows what was fetched", || terminal.sent().contains("3 pages, 0 rejected"));
    terminal.interrupt();
    let (code, sent, screen) = terminal.end();
    assert_eq!(code, Some(0), "{sent}");
    expect_clean(&screen);
    assert_says(&screen.text(), &["people", "stopped"]);
    assert_eq!(environment.json("records crm.contact --output json").as_array().unwrap().len(), 6);
    goes_on.store(true, Ordering::SeqCst);
    assert_says(&environment.ok("run"), &["succeeded"]);
    assert_eq!(environment.json("records crm.contact --output json").as_array().unwrap().len(), 8);
}
