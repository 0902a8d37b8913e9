//! The pages of the console within the limits of this server: a place among the requests that are answered, room for the
//! form, the connection that makes no room for others meanwhile. What a page is, the console knows.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request as HttpRequest, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};

use super::body::Incoming;
use super::problem::Refusal;
use super::server::{Shared, small};
use crate::console::Peer;
use crate::network::Network;

/// The pages, each within the limits.
pub(super) fn within(shared: Arc<Shared>, pages: Router) -> Router {
    pages.layer(from_fn_with_state(shared, visit))
}

async fn visit(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: HttpRequest,
    next: Next,
) -> Response {
    let response = match admit(&shared, peer, request).await {
        Ok(request) => {
            let place = shared.requests.try_take(None);
            let _busy = shared.connections.busy(peer);
            match place {
                Some(_place) => next.run(request).await,
                None => Refusal::unavailable("there are too many requests at once").into_response(),
            }
        }
        Err(refusal) => refusal.into_response(),
    };
    shared.connections.answered(peer);
    response
}

/// The request with the whole of its form.
async fn admit(shared: &Shared, peer: SocketAddr, request: HttpRequest) -> Result<HttpRequest, Refusal> {
    let (mut parts, body) = request.into_parts();
    let network = Network::of(peer.ip());
    let share = shared.intake.enter(network);
    let form = small(Incoming::new(&parts.headers, body, share, shared.limits.body_time)).await?;
    parts.extensions.insert(Peer(network.to_string()));
    Ok(HttpRequest::from_parts(parts, Body::from(form)))
}
