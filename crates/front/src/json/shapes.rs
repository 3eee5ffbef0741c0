//! What objects look like, for whoever describes them to others: the keys of each, and what stands there. It is made of the
//! same tables by which they are read and written.

/// What stands under a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A number of 64 bits, in decimal, as a string.
    Id,
    /// A whole number up to this.
    Number(u64),
    /// Whole numbers, as many as a page has rows at most.
    Numbers,
    /// True or false.
    Flag,
    /// A UUID with its four hyphens.
    Uuid,
    /// A string.
    Words,
    /// Bytes in base64.
    Base64,
    /// An object of this name.
    Object(&'static str),
    /// A list of objects of this name.
    List(&'static str),
}

/// One key of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Property {
    /// The key.
    pub key: &'static str,
    /// What stands there.
    pub shape: Shape,
    /// Whether it is always there. Of two keys that say one field neither is.
    pub is_always: bool,
}

impl Property {
    pub(super) fn always(key: &'static str, shape: Shape) -> Self {
        Self { key, shape, is_always: true }
    }

    pub(super) fn sometimes(key: &'static str, shape: Shape) -> Self {
        Self { key, shape, is_always: false }
    }
}

/// An object, by its name.
pub type Described = (&'static str, Vec<Property>);

#[cfg(test)]
mod tests {
    use crate::json::{described, describes, write};
    use serde_json::Value;
    use wire::frames::{Conversation, HistoryPage, Message};
    use wire::{Bytes, FrameBuffer, Kind, Scratch, encode};

    /// Every key of a value is described, and what is always there is.
    #[track_caller]
    fn check(name: &str, value: &Value) {
        let (_, properties) = described().into_iter().find(|it| it.0 == name).expect(name);
        let keys: Vec<&String> = value.as_object().expect("an object").keys().collect();
        for key in &keys {
            assert!(properties.iter().any(|it| it.key == **key), "{name} has {key}");
        }
        for property in properties.iter().filter(|it| it.is_always) {
            assert!(keys.iter().any(|key| *key == property.key), "{name} lacks {}", property.key);
        }
    }

    #[test]
    fn what_is_written_is_what_is_described() {
        let conversation = Conversation { kind: 1, a: 8, b: 7 };
        let message = Message {
            inbox_seq: 1,
            conversation: conversation.clone(),
            seq: 1,
            number: 1,
            sender: 7,
            message_id: 5,
            time_ms: 1,
            client_msg_id: [1; 16],
            kind: 1,
            row_flags: 1,
            flags: 1,
            body: Bytes::from_static(b"hi"),
        };
        let mut frames = Vec::new();
        encode(&mut frames, 0, HistoryPage { conversation, messages: vec![message] });
        let (mut buffer, mut scratch, mut text) =
            (FrameBuffer::default(), Scratch::default(), Vec::new());
        let mut read = buffer.read(&frames, frames.len());
        let frame = read.next(&mut scratch).unwrap().unwrap();
        write(&frame, &mut text).unwrap();
        let page: Value = serde_json::from_slice(&text).unwrap();
        check("HistoryPage", &page["history_page"]);
        check("Message", &page["history_page"]["messages"][0]);
        check("Conversation", &page["history_page"]["conversation"]);
    }

    #[test]
    fn every_kind_names_an_object_that_is_described() {
        for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Hello) {
            let (_, name, _) = describes(*kind).expect("it has a form");
            assert!(described().iter().any(|it| it.0 == name), "{name}");
        }
        assert!(describes(Kind::Hello).is_none());
        let (key, name, more) = describes(Kind::ChatsPage).unwrap();
        assert_eq!((key, name, more[0].key), ("chats_page", "ChatsPage", "peer_read_seqs"));
    }
}
