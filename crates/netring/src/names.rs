//! Names of hosts and where they lead, looked up again and again on a thread of its own: what a name leads to may move, and
//! a name that is not known may be in a moment. It does not dial.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Between two look-ups of all names.
const EVERY: Duration = Duration::from_secs(5);
/// The same while one of them is not known.
const UNKNOWN_EVERY: Duration = Duration::from_secs(1);

/// What all names lead to now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Every address of every name, once, in the order of the names.
    pub addresses: Vec<SocketAddr>,
    /// Names that could not be looked up last; what they led to before is still among the addresses.
    pub unknown: Vec<String>,
}

/// What became of a look-up, told when it is another than the one before.
pub type Outcome = Result<Vec<SocketAddr>, String>;

/// Some names, and what they lead to. Clones are the same ones; with the last of them the look-ups end.
#[derive(Clone, Debug, Default)]
pub struct Names(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    names: Vec<String>,
    version: AtomicU64,
    found: Mutex<Found>,
}

impl Names {
    /// Begins to look up `host:port` of each. Numbers are known at once, names a little later. `tell` hears what becomes of
    /// each name, on the thread of the look-ups.
    ///
    /// # Errors
    /// No thread could be made.
    pub fn look_up(
        names: Vec<String>,
        mut tell: impl FnMut(&str, &Outcome) + Send + 'static,
    ) -> io::Result<Self> {
        let mut book = Book::new(&names);
        let is_fixed = names.iter().all(|name| name.parse::<SocketAddr>().is_ok());
        let shared = Arc::new(Shared { names, ..Shared::default() });
        for name in shared.names.iter().filter(|name| name.parse::<SocketAddr>().is_ok()) {
            book.take(name, look_up(name));
        }
        shared.show(&book);
        if is_fixed {
            return Ok(Self(shared));
        }
        let held = Arc::downgrade(&shared);
        thread::Builder::new().name("names".into()).spawn(move || {
            while let Some(shared) = held.upgrade() {
                for name in &shared.names {
                    let outcome = look_up(name);
                    if book.take(name, outcome.clone()) {
                        tell(name, &outcome);
                    }
                }
                shared.show(&book);
                drop(shared);
                thread::park_timeout(if book.is_known() { EVERY } else { UNKNOWN_EVERY });
            }
        })?;
        Ok(Self(shared))
    }

    /// Grows with every change of what is found.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// Where they lead now.
    #[must_use]
    pub fn found(&self) -> Found {
        self.0.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether they can lead to this machine only, whatever they are looked up to.
    #[must_use]
    pub fn are_loopback(&self) -> bool {
        self.0.names.iter().all(|name| {
            let host = name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host);
            let number = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
            number.map_or(host == "localhost", |ip| ip.is_loopback())
        })
    }
}

impl Shared {
    fn show(&self, book: &Book) {
        let found = book.found();
        let mut shown = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if *shown != found {
            *shown = found;
            self.version.fetch_add(1, Ordering::Release);
        }
    }
}

fn look_up(name: &str) -> Outcome {
    match name.to_socket_addrs() {
        Ok(found) => Ok(found.collect::<BTreeSet<_>>().into_iter().collect()),
        Err(error) => Err(error.to_string()),
    }
}

/// What each name led to last.
#[derive(Debug)]
struct Book(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    name: String,
    addresses: Vec<SocketAddr>,
    /// As it was last; none before the first time.
    outcome: Option<Outcome>,
}

impl Book {
    fn new(names: &[String]) -> Self {
        let entry =
            |name: &String| Entry { name: name.clone(), addresses: Vec::new(), outcome: None };
        Self(names.iter().map(entry).collect())
    }

    /// Takes what became of a look-up. A name that is not known now leads to where it led before. Whether it is new.
    fn take(&mut self, name: &str, outcome: Outcome) -> bool {
        let mut is_new = false;
        for entry in self.0.iter_mut().filter(|entry| entry.name == name) {
            if let Ok(addresses) = &outcome {
                entry.addresses.clone_from(addresses);
            }
            is_new |= entry.outcome.as_ref() != Some(&outcome);
            entry.outcome = Some(outcome.clone());
        }
        is_new
    }

    fn is_known(&self) -> bool {
        self.0.iter().all(|entry| matches!(entry.outcome, Some(Ok(_))))
    }

    fn found(&self) -> Found {
        let mut found = Found::default();
        for Entry { name, addresses, outcome } in &self.0 {
            for address in addresses {
                if !found.addresses.contains(address) {
                    found.addresses.push(*address);
                }
            }
            if matches!(outcome, Some(Err(_))) {
                found.unknown.push(name.clone());
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 7_500))
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_name_that_moves_leads_to_its_new_addresses_only() {
        let mut book = Book::new(&names(&["a:1", "b:1"]));
        assert!(book.take("a:1", Ok(vec![at(1), at(2)])));
        assert!(book.take("b:1", Ok(vec![at(2), at(3)])));
        assert_eq!(book.found().addresses, [at(1), at(2), at(3)], "every address, once");
        assert!(!book.take("a:1", Ok(vec![at(1), at(2)])), "nothing new");
        assert!(book.take("a:1", Ok(vec![at(4)])));
        assert_eq!(book.found().addresses, [at(4), at(2), at(3)]);
    }

    #[test]
    fn a_name_that_is_not_known_now_leads_where_it_led() {
        let mut book = Book::new(&names(&["a:1", "b:1"]));
        book.take("a:1", Ok(vec![at(1)]));
        let unknown = || Err("no such name".to_owned());
        assert!(book.take("b:1", unknown()) && book.take("a:1", unknown()));
        let found = Found { addresses: vec![at(1)], unknown: names(&["a:1", "b:1"]) };
        assert_eq!(book.found(), found);
        assert!(!book.is_known() && !book.take("b:1", unknown()));
        book.take("a:1", Ok(vec![at(1)]));
        book.take("b:1", Ok(vec![at(2)]));
        assert!(book.is_known() && book.found().unknown.is_empty());
    }

    #[test]
    fn numbers_are_known_at_once() {
        let listed = names(&["10.0.0.1:7500", "[::1]:7500"]);
        let found = Names::look_up(listed, |_, _| {}).unwrap();
        assert_eq!(found.found().addresses, [at(1), "[::1]:7500".parse().unwrap()]);
    }

    #[test]
    fn this_machine_is_told_from_others_by_how_it_is_written() {
        let is = |listed: &[&str]| {
            let shared = Shared { names: names(listed), ..Shared::default() };
            Names(Arc::new(shared)).are_loopback()
        };
        assert!(is(&[]) && is(&["127.0.0.9:1", "[::1]:1", "localhost:1"]));
        assert!(!is(&["127.0.0.1:1", "10.0.0.1:1"]) && !is(&["a-name:1"]));
    }
}
