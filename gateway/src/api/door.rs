//! The door for business systems: a thread with a small runtime of its own, never on the cores. It accepts, shakes hands, and
//! reads calls within their bounds; what a call is does not concern it.

use super::desk::Desk;
use super::limits::{
    BODY_BYTES_MAX, BODY_PATIENCE, CONNECTIONS_MAX, HANDSHAKE_PATIENCE, HEAD_BYTES_MAX,
    HEAD_PATIENCE, UNREAD_MS_MAX,
};
use super::refused::{Page, Refused};
use super::serve::{Request, serve};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::sockopt;
use service::server::Server;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use wire::RefusalCode;

/// How long a door rests that could not accept: files are there again then, or not.
const ACCEPT_REST: Duration = Duration::from_millis(100);

/// Binds and serves; with TLS, if there is any.
///
/// # Errors
/// The address cannot be bound, or the thread not be made.
pub fn open(
    address: SocketAddr,
    tls: Option<Arc<front::ServerConfig>>,
    desk: Desk,
) -> io::Result<Server> {
    let tls = tls.map(TlsAcceptor::from);
    Server::start("api", address, |listener| accept(listener, tls, Arc::new(desk)))
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, desk: Arc<Desk>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let place = room.clone().acquire_owned().await.expect("it is not closed");
        match listener.accept().await {
            Ok((stream, _)) => {
                // A kernel that knows neither serves too.
                let _ = stream.set_nodelay(true);
                let _ = sockopt::set_tcp_user_timeout(&stream, UNREAD_MS_MAX);
                tokio::spawn(shake_hands(stream, tls.clone(), desk.clone(), place));
            }
            Err(error) => {
                tracing::warn!(%error, "could not accept a business system");
                sleep(ACCEPT_REST).await;
            }
        }
    }
}

async fn shake_hands(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    desk: Arc<Desk>,
    _place: OwnedSemaphorePermit,
) {
    match tls {
        None => hear(stream, desk).await,
        // Whoever speaks no TLS is told nothing: it may be anybody.
        Some(tls) => {
            if let Ok(Ok(stream)) = timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
                hear(stream, desk).await;
            }
        }
    }
}

async fn hear(stream: impl AsyncRead + AsyncWrite + Unpin, desk: Arc<Desk>) {
    let answer = |request: hyper::Request<Incoming>| answer(request, desk.clone());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
    http.max_buf_size(HEAD_BYTES_MAX).half_close(false);
    // What a peer did wrong ends its own connection, and was answered as far as it could be.
    let _ = http.serve_connection(TokioIo::new(stream), service_fn(answer)).await;
}

async fn answer(
    request: hyper::Request<Incoming>,
    desk: Arc<Desk>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let (head, incoming) = request.into_parts();
    let text = |name| head.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let request = Request {
        method: head.method.as_str(),
        path: head.uri.path(),
        query: head.uri.query().unwrap_or_default(),
        authorization: text(header::AUTHORIZATION.as_str()),
        idempotency_key: text("idempotency-key"),
    };
    Ok(response(serve(&desk, &request, read(incoming)).await))
}

/// All of the body of a call. It is read only when the call is let in.
async fn read(incoming: Incoming) -> Result<Bytes, Refused> {
    let limited = Limited::new(incoming, BODY_BYTES_MAX).collect();
    match timeout(BODY_PATIENCE, limited).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            let text = format!("a body has at most {BODY_BYTES_MAX} bytes");
            Err(Refused::new(RefusalCode::BodyTooLarge, text))
        }
        Ok(Err(_)) => Err(Refused::new(RefusalCode::Malformed, "the body is not whole")),
        Err(_) => Err(Refused::new(RefusalCode::LoginTimeout, "the body did not come in time")),
    }
}

/// An answer as HTTP.
fn response(page: Page) -> hyper::Response<Full<Bytes>> {
    let content_type = page.content_type();
    let mut response = hyper::Response::new(Full::new(Bytes::from(page.body)));
    *response.status_mut() = hyper::StatusCode::from_u16(page.status).expect("a status");
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if page.retry_after_s > 0 {
        headers.insert(header::RETRY_AFTER, page.retry_after_s.into());
    }
    if page.status == 401 {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(allow) = page.allow {
        headers.insert(header::ALLOW, HeaderValue::from_static(allow));
    }
    response
}
