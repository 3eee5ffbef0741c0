//! A connection over WebSocket, as a browser opens one: tungstenite at the client's end. It knows no frame and no JSON.

use crate::process::{Gateway, PATIENCE};
use std::net::TcpStream;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::Response;
use tungstenite::http::HeaderValue;
use tungstenite::{Error, Message, WebSocket};

/// Connects a page of an origin, with these headers beside the usual ones; else the status of what it is answered.
pub fn open(
    gateway: &Gateway,
    origin: Option<&'static str>,
    headers: &[(&'static str, &'static str)],
) -> Result<(WebSocket<TcpStream>, Response), u16> {
    let mut request = format!("ws://{}/v1/ws", gateway.listen).into_client_request().unwrap();
    let origin = origin.map(|origin| ("Origin", origin));
    for (name, value) in headers.iter().copied().chain(origin) {
        request.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let stream = TcpStream::connect(gateway.listen).unwrap();
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    match tungstenite::client(request, stream) {
        Ok(opened) => Ok(opened),
        Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

/// The code and the reason of the close, behind messages that are all of the expected sort.
#[track_caller]
pub fn closed(
    socket: &mut WebSocket<TcpStream>,
    is_expected: fn(&Message) -> bool,
) -> (u16, String) {
    loop {
        let message = socket.read().unwrap();
        if let Message::Close(Some(close)) = message {
            return (close.code.into(), close.reason.to_string());
        }
        assert!(is_expected(&message), "{message:?}");
    }
}
