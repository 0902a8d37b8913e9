//! Connections: where they are accepted, and when they end although their peer has not ended them.
//!
//! HTTP/1.1 alone: a proxy in front may speak whatever it likes, and there is one set of limits to think of.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum_server::accept::Accept;
use axum_server::tls_rustls::RustlsAcceptor;
use axum_server::{Handle, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::Sleep;

use super::connections::{Connections, Seat};
use super::tls::{Certificate, LoadedCertificate};
use super::{DRAIN_TIME, Limits, Listen, MAX_HEAD, MAX_UNSENT, ServeError};

/// A socket that is listened at.
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<LoadedCertificate>,
}

impl Bound {
    /// Reads the certificate and listens, unless tokens would travel in the clear.
    pub async fn new(listen: &Listen) -> Result<Self, ServeError> {
        let address = listen.address;
        if listen.tls.is_none() && !listen.insecure && !address.ip().is_loopback() {
            return Err(ServeError::Insecure(address));
        }
        if listen.open.console && !address.ip().is_loopback() {
            return Err(ServeError::OpenConsole(address));
        }
        let is_behind = listen.tls.is_none() && !address.ip().is_loopback();
        if is_behind && listen.openid.as_ref().is_some_and(|openid| openid.public_url.is_none()) {
            return Err(ServeError::PublicUrl(address));
        }
        let tls = match listen.tls.clone() {
            Some((chain, key)) => Some(Certificate::new(chain, key).load().await?),
            None => None,
        };
        let failed = |source| ServeError::Bind { address, source };
        let listener = listen_at(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address, tls })
    }

    /// Where; with the port that the system chose when none was named.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether connections are encrypted here.
    pub(super) const fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// The beginning of every URL.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `end` becomes true; then what is under way may take a little longer.
    pub(super) async fn serve(
        self,
        router: Router,
        (limits, connections): (Limits, Arc<Connections>),
        mut end: watch::Receiver<bool>,
    ) -> Result<(), ServeError> {
        let Self { listener, address, tls } = self;
        let handle = Handle::new();
        let ending = handle.clone();
        let watching = tokio::spawn(async move {
            // What would have asked for the end is gone when this fails: that is an end too.
            drop(end.wait_for(|end| *end).await);
            ending.graceful_shutdown(Some(DRAIN_TIME));
        });
        let mut server = Server::<SocketAddr>::from_listener(listener).handle(handle).http1_only();
        server.http_builder().http1().header_read_timeout(limits.head_time).max_buf_size(MAX_HEAD);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let bounded = Bounded { connections, stall_time: limits.stall_time };
        let outcome = match tls {
            None => server.acceptor(bounded).serve(service).await,
            Some(loaded) => {
                let acceptor = RustlsAcceptor::new(loaded.config()).acceptor(bounded);
                let following = tokio::spawn(loaded.follow());
                let result = server.acceptor(acceptor).serve(service).await;
                following.abort();
                result
            }
        };
        watching.abort();
        outcome.map_err(|source| ServeError::Serve { address, source })
    }
}

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 4096;

/// A socket whose connections, which inherit it, keep no more than so much in the system of what the client does not read.
fn listen_at(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A daemon that starts again need not wait for the connections of before.
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(MAX_UNSENT)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Accepts connections; when there are too many, another one ends for each.
#[derive(Clone)]
struct Bounded {
    connections: Arc<Connections>,
    stall_time: Duration,
}

impl<S> Accept<TcpStream, S> for Bounded {
    type Stream = Held;
    type Service = S;
    type Future = std::future::Ready<io::Result<(Held, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let accept = || {
            let full = || io::Error::new(io::ErrorKind::ConnectionRefused, "there are too many connections");
            let seat = self.connections.enter(stream.peer_addr()?).ok_or_else(full)?;
            // Answers are written whole; waiting for more would only delay them.
            stream.set_nodelay(true)?;
            Ok((Held { stream, seat, stall_time: self.stall_time, stalled: None }, service))
        };
        std::future::ready(accept())
    }
}

/// A connection and its place among those that may be open.
struct Held {
    stream: TcpStream,
    seat: Seat,
    /// How long its peer may take nothing of what is written.
    stall_time: Duration,
    /// Runs while it takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Held {
    /// Whether the connection has to make room for another one.
    fn is_over(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let room =
            || io::Error::new(io::ErrorKind::ConnectionAborted, "the connection made room for another");
        if self.seat.poll_over(context) { Err(room()) } else { Ok(()) }
    }

    /// Gives a peer up that takes nothing any more: what waits for it would stay for ever.
    fn watch<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let time = self.stall_time;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        match stalled.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Held {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_over(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Held {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_over(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(written, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_over(context)?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.watch(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
