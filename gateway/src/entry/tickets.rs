//! Requests in flight: what each client called its request, by the ticket that the request goes
//! under. A client may choose any number, and the same twice; nothing beyond the entry ever sees
//! it.

use super::session::SessionKey;
use super::slab::{Key, Slab};

/// Names a request until it is answered; it is never given twice.
pub type Ticket = Key<Request>;

/// A request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    session: SessionKey,
    request_id: u64,
}

/// The requests of all sessions of an entry. What is not answered stays: whoever takes a command
/// answers it, or says no.
#[derive(Default)]
pub struct Tickets(Slab<Request>);

impl Tickets {
    /// A ticket for a client's request.
    pub fn give(&mut self, session: SessionKey, request_id: u64) -> Ticket {
        self.0.insert(Request { session, request_id })
    }

    /// What the session called the request, the first time that it is answered.
    pub fn take(&mut self, ticket: Ticket, session: SessionKey) -> Option<u64> {
        let request = self.0.get_mut(ticket).filter(|request| request.session == session)?;
        let request_id = request.request_id;
        self.0.remove(ticket);
        Some(request_id)
    }

    /// How many are in flight.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_taken_once_and_by_its_session() {
        let [ours, theirs] = [1, 2].map(|bits| SessionKey::from_bits(bits).unwrap());
        let mut tickets = Tickets::default();
        let (first, second) = (tickets.give(ours, 7), tickets.give(ours, 7));
        assert_ne!(first, second);
        assert_eq!(tickets.take(first, theirs), None);
        assert_eq!(tickets.take(first, ours), Some(7));
        assert_eq!(tickets.take(first, ours), None);
        assert_eq!((tickets.take(second, ours), tickets.in_flight()), (Some(7), 0));
    }
}
