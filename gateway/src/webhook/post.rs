//! One request to the receiver, over a connection that is kept while it works. It does not know what the body says.

use super::outcome::Outcome;
use super::target::Target;
use crate::limits::{WEBHOOK_ANSWER_BYTES_MAX, WEBHOOK_TIMEOUT};
use axum::http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use axum::http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The header of a signature.
const SIGNATURE: &str = "longline-signature";

/// The way to the receiver.
pub(super) struct Connection {
    target: Target,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Connection {
    /// None yet.
    pub fn to(target: Target) -> Self {
        Self { target, sender: None }
    }

    /// Asks the receiver for what a body says, with these signatures. What became of it.
    pub async fn post(&mut self, body: Vec<u8>, signatures: &[String]) -> Outcome {
        match timeout(WEBHOOK_TIMEOUT, self.ask(body.into(), signatures)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                self.sender = None;
                Outcome::Failed(error)
            }
            Err(_) => {
                self.sender = None;
                Outcome::Failed(format!("no answer in {} s", WEBHOOK_TIMEOUT.as_secs()))
            }
        }
    }

    async fn ask(&mut self, body: Bytes, signatures: &[String]) -> Result<Outcome, String> {
        let mut request = Request::post(&*self.target.path)
            .header(HOST, &*self.target.host)
            .header(CONTENT_TYPE, "application/json");
        for signature in signatures {
            request = request.header(SIGNATURE, signature);
        }
        let request = request.body(Full::new(body)).map_err(|error| error.to_string())?;
        // One that the receiver closed meanwhile is no failure of the receiver.
        let is_open = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !is_open {
            self.sender = Some(connect(&self.target).await?);
        }
        let sender = self.sender.as_mut().expect("just made");
        let answer = sender.send_request(request).await.map_err(|error| chain(&error))?;
        read(answer).await
    }
}

async fn connect(target: &Target) -> Result<SendRequest<Full<Bytes>>, String> {
    let stream = TcpStream::connect(&target.address).await;
    let stream = stream.map_err(|error| format!("could not connect: {error}"))?;
    let _ = stream.set_nodelay(true);
    match &target.tls {
        None => open(TokioIo::new(stream)).await,
        Some((name, config)) => {
            let stream = TlsConnector::from(config.clone()).connect(name.clone(), stream).await;
            open(TokioIo::new(stream.map_err(|error| format!("could not speak TLS: {error}"))?))
                .await
        }
    }
}

async fn open<T>(io: T) -> Result<SendRequest<Full<Bytes>>, String>
where
    T: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let (sender, connection) = http1::handshake(io).await.map_err(|error| chain(&error))?;
    // It ends with the sender, or with the receiver's end.
    tokio::task::spawn_local(async move { drop(connection.await) });
    Ok(sender)
}

async fn read(answer: Response<Incoming>) -> Result<Outcome, String> {
    let status = answer.status().as_u16();
    let retry_after = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(str::to_owned);
    let body = Limited::new(answer.into_body(), WEBHOOK_ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| format!("its answer could not be read: {error}"))?.to_bytes();
    Ok(Outcome::of(status, retry_after.as_deref(), &body))
}

/// An error and what it comes from.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
