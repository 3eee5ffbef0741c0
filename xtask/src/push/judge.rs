//! What each user had to be told, and was. It knows no gateway and no connection.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a user does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It has no device that is logged in.
    Away,
    /// Its device acknowledges what it is given.
    Here,
    /// Its device acknowledges nothing.
    Deaf,
}

/// What the receiver was asked.
pub struct Event {
    id: String,
    uid: u64,
    after: u64,
    through: u64,
    is_sound: bool,
}

impl Event {
    pub fn read(event: &Value) -> Option<Self> {
        let (uid, through) = (event["uid"].as_str()?.parse().ok()?, event["through"].as_u64()?);
        let (after, id) = (event["after"].as_u64()?, event["id"].as_str()?.to_owned());
        let token = event["tokens"][0]["token"].as_str()?;
        let count = event["count"].as_u64()?;
        // Nobody reads anything here, so all that came is unread.
        let is_sound = token == format!("token of {uid}")
            && (1..=through - after).contains(&count)
            && event["badge"].as_u64()? >= count
            && event.get("preview").is_none();
        Some(Self { id, uid, after, through, is_sound })
    }
}

#[derive(Default)]
pub struct Judge(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    users: BTreeMap<u64, User>,
    ids: HashMap<String, (u64, u64)>,
    requests: u64,
    again: u64,
    /// Promises that were broken, in words.
    broken: Vec<String>,
}

struct User {
    kind: Kind,
    sent: u64,
    /// What was told, by its end.
    told: BTreeMap<u64, u64>,
    /// When the device was given each row.
    received: HashMap<u64, Instant>,
    /// Told, though a device had the first of it long before.
    needless: HashSet<u64>,
}

/// What a device has for so long it has acknowledged, also on a machine that is busy: ten times what it gathers acks for.
const LONG: Duration = Duration::from_secs(5);

impl Judge {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, uid: u64, kind: Kind) {
        let (told, received) = (BTreeMap::new(), HashMap::new());
        let user = User { kind, sent: 0, told, received, needless: HashSet::new() };
        self.seen().users.insert(uid, user);
    }

    /// A message to a user is acknowledged.
    pub fn on_sent(&self, uid: u64) {
        if let Some(user) = self.seen().users.get_mut(&uid) {
            user.sent += 1;
        }
    }

    /// A device has a row of its user's inbox.
    pub fn on_received(&self, uid: u64, row: u64) {
        if let Some(user) = self.seen().users.get_mut(&uid) {
            user.received.entry(row).or_insert_with(Instant::now);
        }
    }

    pub fn on_request(&self, _events: usize) {
        self.seen().requests += 1;
    }

    /// The receiver was asked.
    pub fn on_told(&self, event: &Event) {
        let mut seen = self.seen();
        let Event { uid, after, through, .. } = *event;
        if !event.is_sound {
            seen.broken.push(format!("{uid} is told what makes no sense"));
        }
        if let Some(first) = seen.ids.get(&event.id) {
            if *first != (uid, through) {
                let text = format!("{} is an id of {first:?} and of {uid} {through}", event.id);
                seen.broken.push(text);
            }
            seen.again += 1;
            return;
        }
        seen.ids.insert(event.id.clone(), (uid, through));
        let Some(user) = seen.users.get_mut(&uid) else {
            return seen.broken.push(format!("{uid} has no token"));
        };
        let overlaps = user.told.iter().find(|(end, start)| **end > after && **start < through);
        let overlap = overlaps.map(|(end, start)| (*start, *end));
        let is_acked = user.received.get(&(after + 1)).is_some_and(|at| at.elapsed() >= LONG);
        if user.kind == Kind::Here && is_acked {
            user.needless.insert(through);
        }
        user.told.insert(through, after);
        if let Some(other) = overlap {
            seen.broken
                .push(format!("{uid} is told {after}..{through} and {other:?} under two ids"));
        }
    }

    /// Whether everybody who was to be told was.
    pub fn is_all_told(&self) -> bool {
        self.seen().users.values().all(|user| user.untold() == 0)
    }

    pub fn is_broken(&self) -> bool {
        let seen = self.seen();
        let untold: u64 = seen.users.values().map(User::untold).sum();
        let needless: usize = seen.users.values().map(|user| user.needless.len()).sum();
        untold > 0 || needless > 0 || !seen.broken.is_empty()
    }
}

impl User {
    /// Messages that it was to be told of, and was not.
    fn untold(&self) -> u64 {
        if self.kind == Kind::Here {
            return 0;
        }
        let told: u64 =
            self.told.iter().map(|(end, start)| end.min(&self.sent) - start.min(&self.sent)).sum();
        self.sent.saturating_sub(told)
    }
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.seen();
        for broken in seen.broken.iter().take(5) {
            writeln!(f, "seen: {broken}")?;
        }
        for kind in [Kind::Away, Kind::Deaf, Kind::Here] {
            let of = || seen.users.values().filter(|user| user.kind == kind);
            let sent: u64 = of().map(|user| user.sent).sum();
            let told: usize = of().map(|user| user.told.len()).sum();
            let untold: u64 = of().map(User::untold).sum();
            let needless: usize = of().map(|user| user.needless.len()).sum();
            let users = of().count();
            writeln!(
                f,
                "{kind:?}: {users} users, {sent} messages, {told} notifications, untold {untold}, told needlessly {needless}"
            )?;
        }
        let Seen { requests, again, broken, .. } = &*seen;
        write!(
            f,
            "{requests} requests taken, {again} notifications again under their id, otherwise wrong {}",
            broken.len()
        )
    }
}
