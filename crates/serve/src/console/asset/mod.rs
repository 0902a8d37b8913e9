//! The style, the script and the icon of every page. They are in the binary, and their addresses name their content, so
//! that a browser keeps them for ever and never shows an old one.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::answer::guarded;

/// Where assets are.
pub(super) const PATH: &str = "/asset/{hash}/{name}";

struct Asset {
    name: &'static str,
    media: &'static str,
    text: &'static str,
}

const ASSETS: [Asset; 4] = [
    Asset { name: "console.css", media: "text/css; charset=utf-8", text: include_str!("console.css") },
    Asset { name: "console.js", media: "text/javascript; charset=utf-8", text: include_str!("console.js") },
    Asset { name: "graph.js", media: "text/javascript; charset=utf-8", text: include_str!("graph.js") },
    Asset { name: "icon.svg", media: "image/svg+xml", text: include_str!("icon.svg") },
];

/// One hash for all of them: they change together, with the binary.
static HASH: LazyLock<String> = LazyLock::new(|| {
    let all = ASSETS.iter().fold(Sha256::new(), |hash, asset| hash.chain_update(asset.text));
    HEXLOWER.encode(&all.finalize())[..16].to_owned()
});

/// The address of an asset.
pub(super) fn path(name: &str) -> String {
    format!("/asset/{}/{name}", *HASH)
}

/// An asset. Under the address of another version there is none.
pub(super) async fn serve(Path((hash, name)): Path<(String, String)>) -> Response {
    let found = ASSETS.iter().find(|asset| asset.name == name && hash == *HASH);
    let response = match found {
        Some(asset) => {
            let headers = [
                (CONTENT_TYPE, HeaderValue::from_static(asset.media)),
                (CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable")),
            ];
            (headers, asset.text).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    };
    guarded(response)
}
