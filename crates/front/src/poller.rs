//! A client's end of calls. What the client says as frames becomes HTTP requests on two connections, one that polls and one for
//! requests; their answers become the frames that it would hear on a connection of its own. It knows no clock and no socket.

use crate::answer::{Answer, frame_of};
use crate::client::ClientError;
use crate::json;
use crate::limits::{LOGIN_PATH, POLL_PATH, POLL_WAIT_S, REQUESTS_PATH};
use std::collections::VecDeque;
use std::io::Write as _;
use wire::frames::{HelloReply, Login, LoginReply, Push, SendAck, SyncPage};
use wire::{
    CURSOR_MESSAGE_ID, FEATURE_SESSION_END, FRAME_BYTES_MAX, FrameBuffer, INBOX_TAIL, Kind,
    RawFrame, Scratch, encode, encode_extended,
};

/// How often such a client wants to hear a heartbeat, in ms: its polls are answered more often.
const HEARTBEAT_MS: u32 = 60_000;

/// Which of a client's two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Its polls: while this one is there, the client is connected.
    Polls,
    /// Its requests, one at a time.
    Requests,
}

/// The end of one client. It outlives its connections.
pub struct Poller {
    host: String,
    token: String,
    device: u64,
    /// Hello's request and the login's, while they are not answered.
    greeting: Option<(u64, u64)>,
    /// The inbox, as far as it was handed over.
    cursor: u64,
    inbox_epoch: u64,
    message_id: u64,
    /// A client that has nothing wants nothing of before.
    is_from_head: bool,
    /// Who the server said that it is, and its clock then beside the caller's.
    uid: u64,
    clock_ms: i64,
    generation: u64,
    /// What is to be said to whoever answers polls.
    polls: Vec<u8>,
    /// Requests that wait for the one before: their ids and bodies.
    waiting: VecDeque<(u64, Vec<u8>)>,
    /// The request that is not answered.
    asked: Option<u64>,
    answers: [Answer; 2],
}

impl Poller {
    /// A client of this host, as a URL has it, that has said nothing.
    #[must_use]
    pub fn new(host: String) -> Self {
        Self {
            host,
            token: String::new(),
            device: 0,
            greeting: None,
            cursor: 0,
            inbox_epoch: 0,
            message_id: 0,
            is_from_head: false,
            uid: 0,
            clock_ms: 0,
            generation: 0,
            polls: Vec::new(),
            waiting: VecDeque::new(),
            asked: None,
            answers: Default::default(),
        }
    }

    /// Takes what the client says. What acknowledges is said by the next poll; what only a session of its own has is not said.
    ///
    /// # Panics
    /// The bytes are not whole frames.
    pub fn say(&mut self, frames: &[u8]) {
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(frames, FRAME_BYTES_MAX);
        while let Some(frame) = frames.next(&mut scratch) {
            let frame = frame.expect("only whole frames are said");
            let request_id = frame.header.request_id;
            match frame.header.kind {
                Some(Kind::Hello) => self.greeting = Some((request_id, 0)),
                Some(Kind::Login) => self.log_in(&frame),
                Some(
                    Kind::PushAck
                    | Kind::HeartbeatReply
                    | Kind::Logout
                    | Kind::Renew
                    | Kind::Signal,
                )
                | None => {}
                Some(_) => {
                    let mut body = Vec::new();
                    json::write(&frame, &mut body).expect("only whole frames are said");
                    self.waiting.push_back((request_id, body));
                }
            }
        }
    }

    fn log_in(&mut self, frame: &RawFrame<'_>) {
        let login: Login = frame.read().expect("only whole frames are said");
        if let Some((_, id)) = &mut self.greeting {
            *id = frame.header.request_id;
        }
        self.token = String::from_utf8_lossy(&login.token).into_owned();
        (self.device, self.cursor, self.inbox_epoch) =
            (login.device, login.cursor, login.inbox_epoch);
        self.message_id = frame.extended(CURSOR_MESSAGE_ID);
        self.is_from_head = login.from_head != 0;
        if self.inbox_epoch != 0 {
            return self.poll(0);
        }
        let Self { host, token, device, .. } = self;
        write!(
            self.polls,
            "POST {LOGIN_PATH}?device={device} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .expect("memory takes it");
    }

    fn poll(&mut self, wait_s: u64) {
        let Self { host, token, device, cursor, inbox_epoch, message_id, .. } = self;
        write!(
            self.polls,
            "GET {POLL_PATH}?device={device}&cursor={cursor}&inbox_epoch={inbox_epoch}&message_id={message_id}\
             &wait_s={wait_s} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .expect("memory takes it");
    }

    /// Moves what is to be said to whoever answers polls.
    pub fn take_polls(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.polls);
    }

    /// Whether a request waits for a connection, or for the answer on one.
    #[must_use]
    pub fn has_requests(&self) -> bool {
        self.asked.is_some() || !self.waiting.is_empty()
    }

    /// Whether a request is not answered.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// Appends the next request, if the one before is answered.
    pub fn take_request(&mut self, out: &mut Vec<u8>) {
        if self.asked.is_some() {
            return;
        }
        let Some((id, body)) = self.waiting.pop_front() else { return };

        self.asked = Some(id);
        let Self { host, token, device, .. } = self;
        write!(
            out,
            "POST {REQUESTS_PATH}?device={device} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .expect("memory takes it");
        out.extend_from_slice(&body);
    }

    /// Reads one piece of a connection, and appends the frames that the answers in it stand for. Whether the connection is over:
    /// the server closes it behind the answer.
    ///
    /// # Errors
    /// No frame can be made of an answer.
    pub fn read(
        &mut self,
        lane: Lane,
        mut piece: &mut [u8],
        now_ms: u64,
        heard: &mut Vec<u8>,
    ) -> Result<bool, ClientError> {
        loop {
            let Some((status, body, closes)) = self.answers[lane as usize].read(&mut piece)? else {
                return Ok(false);
            };
            match lane {
                Lane::Polls => {
                    self.on_polled(status, &body, now_ms, heard)?;
                    if !closes {
                        self.poll(POLL_WAIT_S);
                    }
                }
                Lane::Requests => {
                    let request_id = self.asked.take().unwrap_or(0);
                    let from = heard.len();
                    frame_of(status, &body, request_id, heard)?;
                    self.saw_own_rows(&heard[from..])?;
                }
            }
            if closes {
                return Ok(true);
            }
        }
    }

    /// A connection is gone, and what was on it.
    pub fn lost(&mut self, lane: Lane) {
        self.answers[lane as usize] = Answer::default();
        if lane == Lane::Polls {
            self.polls.clear();
            self.waiting.clear();
            self.asked = None;
        }
    }

    /// A poll is answered.
    fn on_polled(
        &mut self,
        status: u16,
        body: &[u8],
        now_ms: u64,
        heard: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        let mut frames = Vec::new();
        let request_id = self.greeting.map_or(0, |(_, login)| login);
        frame_of(status, body, request_id, &mut frames)?;
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut said = buffer.read(&frames, FRAME_BYTES_MAX);
        let Some(frame) = said.next(&mut scratch).transpose().map_err(unclear)? else {
            return Ok(());
        };
        let tail = frame.extended(INBOX_TAIL);
        if frame.header.kind == Some(Kind::LoginReply) {
            let mut reply: LoginReply = frame.read().map_err(unclear)?;
            if self.inbox_epoch == 0 && !self.is_from_head {
                // It was asked where the inbox is, and is read from its first row on.
                reply.cursor = 0;
            }
            (self.uid, self.generation) = (reply.uid, reply.generation);
            self.clock_ms = reply.server_time_ms.wrapping_sub(now_ms).cast_signed();
            return self.begin(reply, tail, now_ms, heard);
        }
        if frame.header.kind == Some(Kind::SyncPage) {
            return self.on_page(frame.read().map_err(unclear)?, tail, now_ms, heard);
        }
        heard.extend_from_slice(&frames);
        Ok(())
    }

    /// The login is answered: with it the hello, which no call has.
    fn begin(
        &mut self,
        reply: LoginReply,
        tail: u64,
        now_ms: u64,
        heard: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        let Some((hello, login)) = self.greeting.take() else {
            return Err(ClientError::Unclear("the inbox was made anew under a poll".into()));
        };
        if self.cursor != reply.cursor || self.inbox_epoch != reply.inbox_epoch {
            (self.cursor, self.message_id) = (reply.cursor, 0);
            self.inbox_epoch = reply.inbox_epoch;
        }
        let time_ms = now_ms.wrapping_add_signed(self.clock_ms);
        encode(heard, hello, HelloReply::new(HEARTBEAT_MS, FEATURE_SESSION_END, time_ms));
        encode_extended(heard, login, reply, &[tail]);
        Ok(())
    }

    /// Rows behind the cursor, each as if it were pushed.
    fn on_page(
        &mut self,
        page: SyncPage,
        tail: u64,
        now_ms: u64,
        heard: &mut Vec<u8>,
    ) -> Result<(), ClientError> {
        let SyncPage { inbox_epoch, inbox_head, messages } = page;
        if self.greeting.is_some() {
            let (uid, generation, cursor) = (self.uid, self.generation, self.cursor);
            let server_time_ms = now_ms.wrapping_add_signed(self.clock_ms);
            let reply =
                LoginReply { uid, generation, inbox_epoch, inbox_head, cursor, server_time_ms };
            self.begin(reply, tail, now_ms, heard)?;
        }
        for message in messages {
            if message.inbox_seq > self.cursor {
                let previous = std::mem::replace(&mut self.cursor, message.inbox_seq);
                self.message_id = message.message_id;
                encode(heard, 0, Push { previous, message });
            }
        }
        Ok(())
    }

    /// The client's own row is handed over with its ack, if it is the next.
    fn saw_own_rows(&mut self, frames: &[u8]) -> Result<(), ClientError> {
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let mut frames = buffer.read(frames, FRAME_BYTES_MAX);
        while let Some(frame) = frames.next(&mut scratch) {
            let frame = frame.map_err(unclear)?;
            if frame.header.kind == Some(Kind::SendAck) {
                let ack: SendAck = frame.read().map_err(unclear)?;
                if ack.inbox_seq == self.cursor + 1 {
                    (self.cursor, self.message_id) = (ack.inbox_seq, ack.message_id);
                }
            }
        }
        Ok(())
    }
}

fn unclear(error: wire::FrameError) -> ClientError {
    ClientError::Unclear(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::frames::{Heartbeat, Hello};
    use wire::{Bytes, ConversationId, RowKind, Uid};

    const NOW_MS: u64 = 1_000;

    fn poller(cursor: u64, inbox_epoch: u64) -> Poller {
        let mut poller = Poller::new("im.example".into());
        let mut said = Vec::new();
        let hello = Hello { version_min: 2, version_max: 2, frame_bytes_max: 65_536, features: 0 };
        encode(&mut said, 1, hello);
        let token = Bytes::from_static(b"a.b.c");
        encode_extended(
            &mut said,
            2,
            Login { device: 5, cursor, inbox_epoch, from_head: 0, token },
            &[77],
        );
        poller.say(&said);
        poller
    }

    fn polled(poller: &mut Poller) -> String {
        let mut out = Vec::new();
        poller.take_polls(&mut out);
        let text = String::from_utf8(out).unwrap();
        text.lines().next().unwrap_or_default().to_owned()
    }

    fn answer(status: &str, body: &str) -> String {
        format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    }

    /// What is heard when an answer comes, in pieces of any size.
    fn hear(poller: &mut Poller, lane: Lane, text: &str) -> Vec<(Kind, u64)> {
        let mut heard = Vec::new();
        for piece in text.as_bytes().chunks(7) {
            let mut piece = piece.to_vec();
            poller.read(lane, &mut piece, NOW_MS, &mut heard).unwrap();
        }
        kinds(&heard)
    }

    fn kinds(frames: &[u8]) -> Vec<(Kind, u64)> {
        let (mut buffer, mut scratch) = (FrameBuffer::default(), Scratch::default());
        let (mut frames, mut kinds) = (buffer.read(frames, FRAME_BYTES_MAX), Vec::new());
        while let Some(frame) = frames.next(&mut scratch) {
            let header = frame.unwrap().header;
            kinds.push((header.kind.unwrap(), header.request_id));
        }
        kinds
    }

    fn page(rows: impl IntoIterator<Item = u64>) -> String {
        let message = |row| {
            format!(
                r#"{{"inbox_seq":{row},"conversation":{{"kind":1,"a":"8","b":"7"}},"seq":{row},"number":{row},"sender":"8","message_id":"{row}","time_ms":1,"client_msg_id":"0197c1f0-2a33-7d0e-8a5b-3c1d2e4f5a6b","kind":1,"text":"hello"}}"#
            )
        };
        let rows: Vec<_> = rows.into_iter().map(message).collect();
        let messages = rows.join(",");
        answer(
            "200 OK",
            &format!(
                r#"{{"sync_page":{{"inbox_epoch":"9","inbox_head":6,"messages":[{messages}],"inbox_tail":1}}}}"#
            ),
        )
    }

    const LOGGED_IN: &str = r#"{"login_reply":{"uid":"7","generation":12,"inbox_epoch":"9","inbox_head":4,"cursor":4,"server_time_ms":1790000000000,"inbox_tail":1}}"#;

    #[test]
    fn who_has_nothing_logs_in_and_rows_of_polls_are_pushes() {
        let mut poller = poller(0, 0);
        assert_eq!(polled(&mut poller), "POST /v1/login?device=5 HTTP/1.1");
        let heard = hear(&mut poller, Lane::Polls, &answer("200 OK", LOGGED_IN));
        assert_eq!(heard, [(Kind::HelloReply, 1), (Kind::LoginReply, 2)]);
        assert_eq!(
            polled(&mut poller),
            "GET /v1/poll?device=5&cursor=0&inbox_epoch=9&message_id=0&wait_s=25 HTTP/1.1"
        );
        assert_eq!(hear(&mut poller, Lane::Polls, &page(1..=3)), [(Kind::Push, 0); 3]);
        assert!(polled(&mut poller).contains("cursor=3&inbox_epoch=9&message_id=3&wait_s=25"));
        assert_eq!(hear(&mut poller, Lane::Polls, &page(2..=4)), [(Kind::Push, 0)]);
    }

    /// A device that comes back is logged in by a page.
    #[test]
    fn a_page_is_a_login_too() {
        let mut poller = poller(3, 9);
        assert_eq!(
            polled(&mut poller),
            "GET /v1/poll?device=5&cursor=3&inbox_epoch=9&message_id=77&wait_s=0 HTTP/1.1"
        );
        let heard = hear(&mut poller, Lane::Polls, &page(4..=5));
        let greeted = [(Kind::HelloReply, 1), (Kind::LoginReply, 2)];
        assert_eq!(heard, [&greeted[..], &[(Kind::Push, 0); 2]].concat());
    }

    #[test]
    fn requests_go_one_at_a_time_and_an_own_row_comes_with_its_ack() {
        let mut poller = poller(3, 9);
        hear(&mut poller, Lane::Polls, &page([]));
        polled(&mut poller);
        let mut said = Vec::new();
        let conversation = ConversationId::direct(Uid(7), Uid(8)).unwrap().into();
        encode(
            &mut said,
            5,
            wire::frames::Send {
                conversation,
                client_msg_id: [1; 16],
                kind: RowKind::MESSAGE.0,
                flags: 0,
                body: Bytes::from_static(b"hello"),
            },
        );
        encode(&mut said, 6, Heartbeat { time_ms: 1 });
        poller.say(&said);
        let mut out = Vec::new();
        poller.take_request(&mut out);
        poller.take_request(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.starts_with("POST /v1/requests?device=5 HTTP/1.1\r\n"), "{text}");
        assert!(text.contains("\"send\"") && !text.contains("\"heartbeat\""), "{text}");
        let ack = r#"{"id":5,"send_ack":{"message_id":"9","seq":1,"time_ms":2,"inbox_seq":4}}"#;
        let heard = hear(&mut poller, Lane::Requests, &answer("200 OK", ack));
        assert_eq!(heard, [(Kind::SendAck, 5)]);
        assert!(poller.has_requests() && !poller.is_asking());
        assert_eq!(hear(&mut poller, Lane::Polls, &page(4..=5)), [(Kind::Push, 0)]);
    }

    #[test]
    fn a_problem_is_the_frame_in_it() {
        let mut poller = poller(3, 9);
        let problem = r#"{"type":"urn:longline:refusal:Busy","title":"Busy","status":503,"detail":"later","refusal":{"code":8,"name":"Busy","retry_after_ms":50,"text":"later"}}"#;
        let heard = hear(&mut poller, Lane::Polls, &answer("503 Service Unavailable", problem));
        assert_eq!(heard, [(Kind::Refusal, 2)]);
        let mut piece = answer("404 Not Found", "{}").into_bytes();
        let read = poller.read(Lane::Requests, &mut piece, NOW_MS, &mut Vec::new());
        assert_eq!(read, Err(ClientError::Refused(404)));
    }
}
