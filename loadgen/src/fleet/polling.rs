//! Sessions that poll: the connection that the fleet keeps polls, and a second one is dialed when there are requests. Servers end
//! that one when it rests.

use super::carrier::Packer;
use super::connection::{Connection, Polling};
use super::{Fleet, Observer};
use crate::failure::Failure;
use front::{Lane, Poller};
use netring::ConnId;

impl Fleet {
    /// The session says by calls what it says from here on.
    pub(super) fn begin_polling(&mut self, index: usize) {
        let host = self.target(index).to_string();
        let polling = Polling { poller: Poller::new(host), requests: None, is_open: false };
        self.connections[index].polling.get_or_insert_with(|| Box::new(polling));
    }

    /// Lets `write` append frames, and calls for what they mean. Without a connection that goes nowhere.
    pub(super) fn say_by_calls<R>(
        &mut self,
        index: usize,
        write: impl FnOnce(&mut Packer, &mut Connection, &mut Vec<u8>) -> R,
    ) -> R {
        let Self { packer, connections, plain, .. } = self;
        let connection = &mut connections[index];
        plain.clear();
        let result = write(packer, connection, plain);
        if let (Some(polling), Some(_)) = (&mut connection.polling, connection.conn) {
            polling.poller.say(plain);
            self.call(index);
        }
        result
    }

    /// Says what is to be said over both connections.
    fn call(&mut self, index: usize) {
        let Self { ring, connections, places, sources, targets, fatal, .. } = self;
        let Connection { conn, polling, target, .. } = &mut connections[index];
        let (Some(polling), Some(conn)) = (polling, *conn) else { return };
        if let Some(out) = ring.outbox(conn) {
            polling.poller.take_polls(out);
        }
        match polling.requests {
            Some(requests) if polling.is_open => {
                if let Some(out) = ring.outbox(requests) {
                    polling.poller.take_request(out);
                }
            }
            Some(_) => {}
            None if polling.poller.has_requests() => {
                let target = targets[*target % targets.len()];
                match ring.connect(target, sources.of(index)) {
                    Ok(requests) => {
                        polling.requests = Some(requests);
                        if let Err(failure) = places.set(requests, index) {
                            *fatal = Some(failure);
                        }
                    }
                    Err(error) => {
                        *fatal = Some(Failure::preflight("dial for requests", error));
                    }
                }
            }
            None => {}
        }
    }

    pub(super) fn on_requests_connected(&mut self, index: usize) {
        if let Some(polling) = &mut self.connections[index].polling {
            polling.is_open = true;
        }
        self.call(index);
    }

    /// Answers came.
    pub(super) fn on_answers(
        &mut self,
        index: usize,
        conn: ConnId,
        bytes: &mut [u8],
        observer: &mut impl Observer,
    ) {
        let now_ms = self.clock.ms(self.now_ns);
        let mut heard = std::mem::take(&mut self.unpacked);
        heard.clear();
        let connection = &mut self.connections[index];
        let lane = if connection.requests_by(conn) { Lane::Requests } else { Lane::Polls };
        let Some(polling) = &mut connection.polling else { return };
        let read = polling.poller.read(lane, bytes, now_ms, &mut heard);
        if let (Some(polls), false) = (connection.conn, heard.is_empty()) {
            self.on_frames(index, polls, &heard, observer);
        }
        self.unpacked = heard;
        match read {
            Ok(false) => {}
            Ok(true) if lane == Lane::Requests => self.drop_requests(index),
            Ok(true) => self.lose(index, "the server closes", observer),
            Err(error) => {
                observer.damaged(index, &error.to_string());
                self.lose(index, &error.to_string(), observer);
            }
        }
        self.call(index);
    }

    /// The connection of requests is gone: whether nothing is lost with it.
    pub(super) fn lets_go(&mut self, index: usize) -> bool {
        let polling = self.connections[index].polling.as_mut();
        let may = polling.is_some_and(|polling| polling.is_open && !polling.poller.is_asking());
        if may {
            self.drop_requests(index);
            self.call(index);
        }
        may
    }

    fn drop_requests(&mut self, index: usize) {
        let Some(polling) = &mut self.connections[index].polling else { return };
        polling.poller.lost(Lane::Requests);
        polling.is_open = false;
        if let Some(requests) = polling.requests.take() {
            self.ring.close_now(requests);
        }
    }

    /// Nothing is said by calls any more, until the session has a connection again.
    pub(super) fn end_polling(&mut self, index: usize) {
        self.drop_requests(index);
        if let Some(polling) = &mut self.connections[index].polling {
            polling.poller.lost(Lane::Polls);
        }
    }
}
