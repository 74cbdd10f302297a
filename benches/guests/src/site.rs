//! What the server answers, on either runtime: nothing here knows of one.
//!
//! ```text
//! GET  /hello       a few bytes, which is what the comparison asks for
//! GET  /number/7    7
//! POST /echo        the body that came, as it comes
//! GET  /pattern/7   7 bytes in pieces, without a length in the head
//! ```
//!
//! Next: `on_openwork.rs`.

use std::convert::Infallible;

use bytes::Bytes;
use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{Method, Request, Response, StatusCode};

pub type Body = BoxBody<Bytes, hyper::Error>;

/// The pieces in which `/pattern` comes. No power of two, so that they end where no buffer does.
const PIECE: usize = 10_007;

pub async fn answer(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path();
    let last = path.rsplit('/').next().unwrap_or_default();
    let body = match (request.method(), path) {
        (&Method::GET, "/hello") => whole("Hello, World!"),
        (&Method::GET, _) if path.starts_with("/number/") => whole(last.to_owned()),
        (&Method::GET, _) if path.starts_with("/pattern/") => match last.parse() {
            Ok(length) => pieces(length),
            Err(_) => return Ok(status(StatusCode::BAD_REQUEST)),
        },
        (&Method::POST, "/echo") => request.into_body().boxed(),
        _ => return Ok(status(StatusCode::NOT_FOUND)),
    };
    Ok(Response::new(body))
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(whole(""));
    *response.status_mut() = status;
    response
}

/// A body that is there at once.
pub fn whole(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(|never| match never {}).boxed()
}

/// A body of [`pattern`] that is made as it is sent, so its length is not known before.
pub fn pieces(length: usize) -> Body {
    let starts = (0..length).step_by(PIECE);
    let frames = starts.map(move |start| {
        let piece = (start..length.min(start + PIECE)).map(pattern).collect();
        Ok(Frame::data(Bytes::from_owner::<Vec<u8>>(piece)))
    });
    BodyExt::boxed(StreamBody::new(stream::iter(frames)))
}

/// The byte at a place: no two megabytes of it are alike.
pub fn pattern(place: usize) -> u8 {
    (place ^ (place >> 8) ^ (place >> 16)) as u8
}
