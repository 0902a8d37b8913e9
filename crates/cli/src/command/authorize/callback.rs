//! Where the browser of this machine is sent after a person has agreed: one page on 127.0.0.1, for one answer. It takes
//! nothing that does not repeat the state of the invitation, and tells the browser nothing but that it is done.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use url::Url;

use crate::error::CommandError;

/// How long it waits before it looks again whether a browser has come.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long a browser has for its request.
const READING: Duration = Duration::from_secs(5);

/// The longest request that is read, in bytes.
const MAX_REQUEST: usize = 16 * 1024;

/// A page that waits for the browser.
pub(super) struct Callback {
    listener: TcpListener,
    url: String,
}

/// What a URL says that the server has sent a browser to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The code.
    Code(String),
    /// Why there is none.
    Refused(String),
    /// Nothing that is for us.
    Nothing,
}

impl Callback {
    /// Listens at a free port.
    pub(super) fn listen() -> Result<Self, CommandError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let url = format!("http://127.0.0.1:{}/callback", listener.local_addr()?.port());
        Self::at(listener, url)
    }

    /// Listens at a URL, if that is on this machine; none otherwise.
    pub(super) fn listen_at(text: &str) -> Result<Option<Self>, CommandError> {
        let Ok(url) = Url::parse(text) else { return Ok(None) };
        let is_here = url.scheme() == "http" && matches!(url.host_str(), Some("127.0.0.1" | "localhost"));
        let Some(port) = url.port_or_known_default().filter(|_| is_here) else { return Ok(None) };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
            CommandError::new(format!("nothing can listen at {text}, the `redirectUrl`: {error}"))
                .hint("end what listens there, or use --paste")
        })?;
        Self::at(listener, text.to_owned()).map(Some)
    }

    fn at(listener: TcpListener, url: String) -> Result<Self, CommandError> {
        listener.set_nonblocking(true)?;
        Ok(Self { listener, url })
    }

    /// Where the browser is sent.
    pub(super) fn url(&self) -> String {
        self.url.clone()
    }

    /// Waits for the code.
    pub(super) fn wait(
        &self,
        state: &str,
        most: Duration,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<String, CommandError> {
        let begin = Instant::now();
        while begin.elapsed() < most {
            if is_stopped() {
                return Err(CommandError::new("nobody has agreed yet"));
            }
            match self.listener.accept() {
                Ok((stream, _)) => match answer(stream, state) {
                    Said::Code(code) => return Ok(code),
                    Said::Refused(error) => {
                        let error = raccord_model::foreign::line(&error).into_owned();
                        return Err(CommandError::new(format!("the server says {error}")));
                    }
                    Said::Nothing => {}
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(LOOK_AGAIN),
                Err(error) => return Err(error.into()),
            }
        }
        Err(CommandError::new("nobody has agreed in time").hint("run the command again"))
    }
}

/// Reads a request and answers it.
fn answer(mut stream: TcpStream, state: &str) -> Said {
    let said = target(&mut stream).map_or(Said::Nothing, |target| said(&target, state));
    let (status, text) = match said {
        Said::Code(_) => ("200 OK", "Raccord has what it needs. This page can be closed."),
        Said::Refused(_) => ("200 OK", "The service did not agree. The terminal says more."),
        Said::Nothing => ("404 Not Found", "There is nothing here."),
    };
    let length = text.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n"
    );
    // A browser that has gone needs no answer.
    let _gone = stream.write_all(format!("{head}{text}").as_bytes());
    said
}

/// What a request asks for.
fn target(stream: &mut TcpStream) -> Option<String> {
    stream.set_nonblocking(false).ok()?;
    stream.set_read_timeout(Some(READING)).ok()?;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") && request.len() < MAX_REQUEST {
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        request.extend_from_slice(&piece[..read]);
    }
    let line = request.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("GET ")?.split(' ').next().map(str::to_owned)
}

/// What a URL or its query says, if it repeats the state.
pub(super) fn said(text: &str, state: &str) -> Said {
    let text = text.trim();
    let query = text.split_once('?').map_or(text, |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let (mut code, mut error, mut repeated) = (None, None, None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "code" => code = Some(value.into_owned()),
            "error" => error = Some(value.into_owned()),
            "state" => repeated = Some(value.into_owned()),
            _ => {}
        }
    }
    if repeated.as_deref() != Some(state) {
        return Said::Nothing;
    }
    match (error, code) {
        (Some(error), _) => Said::Refused(error),
        (None, Some(code)) if !code.is_empty() => Said::Code(code),
        (None, _) => Said::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_repeats_the_state_is_for_us() {
        let code = || Said::Code("a b".to_owned());
        for (text, expected) in [
            ("http://127.0.0.1:1/callback?code=a%20b&state=s&iss=x\n", code()),
            ("/callback?state=s&code=a+b", code()),
            ("code=a+b&state=s", code()),
            ("/callback?code=a+b&state=t", Said::Nothing),
            ("/callback?code=a+b", Said::Nothing),
            ("/callback?state=s&code=", Said::Nothing),
            ("/callback?state=s&error=access_denied", Said::Refused("access_denied".to_owned())),
            ("/favicon.ico", Said::Nothing),
        ] {
            assert_eq!(said(text, "s"), expected, "{text}");
        }
    }

    #[test]
    fn a_url_elsewhere_is_not_listened_at() {
        for url in
            ["https://app.example/callback", "https://127.0.0.1:9/callback", "urn:ietf:wg:oauth:2.0:oob"]
        {
            assert!(Callback::listen_at(url).unwrap().is_none(), "{url}");
        }
    }
}
