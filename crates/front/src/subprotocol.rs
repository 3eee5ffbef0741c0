//! What the messages of a WebSocket hold: the subprotocols, by which both ends name it.

/// What messages hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subprotocol {
    /// Frames as they are.
    Frames,
    /// Text: an object of JSON for a frame.
    Json,
}

impl Subprotocol {
    /// Its name in the handshake.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Frames => "longline.v1",
            Self::Json => "longline.v1.json",
        }
    }

    /// The one of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Frames, Self::Json].into_iter().find(|known| known.name() == name)
    }
}
