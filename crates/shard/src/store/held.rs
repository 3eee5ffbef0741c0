//! What the log has and the index does not: rows that wait in memory, and are found there by their keys. Pure: it knows no
//! files, no threads, no tickets.
//!
//! It owns the payload of each record that the index lacks, in the log's order, as the record carries it; what finds an item in
//! it is a [`Place`]. The rows of a conversation, of an inbox and of a user's chats are groups, found by what their keys begin
//! with; in a group the places are in the order of the keys, which for logs is the order they come in. A row whose key is
//! there already takes its place, also one that says that nothing is there.
//!
//! Filling the index begins with [`Held::sorted`]: everything that is held then, each table in the order of its keys. What
//! comes meanwhile is held behind it. When all of it is in the index, durably, [`Held::forget`] lets it go; until then reads
//! are answered from here, so it does not matter how far the filling has come. If the process dies, the log has everything.

use std::collections::{BTreeMap, VecDeque};
use std::hash::BuildHasher as _;
use std::ops::Bound;
use std::ops::Bound::{Excluded, Included, Unbounded};
use std::slice;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::codec::{conversation_len, uid_len};
use super::log::{BadItem, Item, Items, Spot, Table};
use super::tables::ROW_KEYSPACES;

/// Where an item is: in which payload, counted from the oldest that is held, and where there.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    payload: u32,
    spot: Spot,
}

/// Rows of one conversation, inbox or list of chats, in the order of their keys.
struct Group {
    places: Vec<Place>,
}

/// Everything that was held when it was made.
pub struct Sorted {
    payloads: usize,
    keyspaces: [Vec<Place>; ROW_KEYSPACES],
}

/// Rows in memory, of the newest part of the log.
#[derive(Default)]
pub struct Held {
    payloads: Payloads,
    groups: HashTable<Group>,
    /// Rows that are asked for by their whole keys.
    singles: HashTable<Place>,
    /// Marks of groups, and what is kept for offline push: found in the order of their keys, over all groups and users.
    ordered: BTreeMap<Box<[u8]>, Place>,
    /// Of all payloads.
    bytes: usize,
    hasher: DefaultHashBuilder,
}

#[derive(Default)]
struct Payloads(VecDeque<Box<[u8]>>);

impl Payloads {
    fn item(&self, place: Place) -> Item<'_> {
        place.spot.item(&self.0[usize::try_from(place.payload).expect("it was an index")])
    }

    fn key(&self, place: Place) -> &[u8] {
        self.item(place).key
    }

    /// Whose group a place is of.
    fn name(&self, group: &Group) -> (Table, &[u8]) {
        let Item { table, key, .. } = self.item(group.places[0]);
        (table, group_of(table, key).expect("it is in a group"))
    }
}

/// The part of a key that names its group, in tables that have groups.
fn group_of(table: Table, key: &[u8]) -> Option<&[u8]> {
    let len = match table {
        Table::Messages => conversation_len(key),
        Table::Inbox | Table::Chats => uid_len(key),
        Table::Ids | Table::Users | Table::Groups | Table::Marks | Table::Pushes => return None,
    };
    Some(&key[..len.min(key.len())])
}

impl Held {
    /// Takes a record's items, the newest so far.
    ///
    /// # Errors
    /// They make no sense; then some of them were taken.
    pub fn insert(&mut self, mut items: Items<'_>) -> Result<(), BadItem> {
        let payload = u32::try_from(self.payloads.0.len()).expect("bounded by the log's bytes");
        self.payloads.0.push_back(items.payload().into());
        self.bytes += items.payload().len();
        while let Some(item) = items.next_with_spot() {
            let (spot, Item { table, key, .. }) = item?;
            let place = Place { payload, spot };
            match group_of(table, key) {
                Some(name) => self.insert_into_group((table, name), key, place),
                None if matches!(table, Table::Marks | Table::Pushes) => {
                    self.ordered.insert(key.into(), place);
                }
                None => self.insert_single((table, key), place),
            }
        }
        Ok(())
    }

    fn insert_into_group(&mut self, name: (Table, &[u8]), key: &[u8], place: Place) {
        let Self { payloads, groups, hasher, .. } = self;
        let hash = |name: (Table, &[u8])| hasher.hash_one((name.0 as u8, name.1));
        let found = groups.find_mut(hash(name), |group| payloads.name(group) == name);
        match found {
            Some(group) => group.insert(payloads, key, place),
            None => {
                let group = Group { places: vec![place] };
                groups.insert_unique(hash(name), group, |group| hash(payloads.name(group)));
            }
        }
    }

    fn insert_single(&mut self, name: (Table, &[u8]), place: Place) {
        let Self { payloads, singles, hasher, .. } = self;
        let name_of = |place: Place| {
            let Item { table, key, .. } = payloads.item(place);
            (table, key)
        };
        let hash = |name: (Table, &[u8])| hasher.hash_one((name.0 as u8, name.1));
        match singles.find_mut(hash(name), |other| name_of(*other) == name) {
            Some(other) => *other = place,
            None => {
                singles.insert_unique(hash(name), place, |other| hash(name_of(*other)));
            }
        }
    }

    /// Bytes of the records that are held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Nothing is held.
    pub fn is_empty(&self) -> bool {
        self.payloads.0.is_empty()
    }

    /// The row at a key.
    pub fn get(&self, table: Table, key: &[u8]) -> Option<Item<'_>> {
        if let Some(name) = group_of(table, key) {
            let places = self.places(table, name);
            let at = places.binary_search_by(|place| self.payloads.key(*place).cmp(key)).ok()?;
            return Some(self.payloads.item(places[at]));
        }
        let hash = self.hasher.hash_one((table as u8, key));
        let found = self.singles.find(hash, |place| {
            let item = self.payloads.item(*place);
            (item.table, item.key) == (table, key)
        });
        found.map(|place| self.payloads.item(*place))
    }

    /// Rows of a group, in the order of their keys.
    pub fn range(
        &self,
        (table, name): (Table, &[u8]),
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
    ) -> impl DoubleEndedIterator<Item = Item<'_>> + use<'_> {
        let places = self.places(table, name);
        let before = |key: &[u8]| match from {
            Included(from) => key < from,
            Excluded(from) => key <= from,
            Unbounded => false,
        };
        let within = |key: &[u8]| match to {
            Included(to) => key <= to,
            Excluded(to) => key < to,
            Unbounded => true,
        };
        let key = |place: &Place| self.payloads.key(*place);
        let first = places.partition_point(|place| before(key(place)));
        let end = places.partition_point(|place| within(key(place))).max(first);
        places[first..end].iter().map(|place| self.payloads.item(*place))
    }

    /// The first row of a group.
    pub fn first(&self, table: Table, name: &[u8]) -> Option<Item<'_>> {
        self.places(table, name).first().map(|place| self.payloads.item(*place))
    }

    fn places(&self, table: Table, name: &[u8]) -> &[Place] {
        let hash = self.hasher.hash_one((table as u8, name));
        let group = self.groups.find(hash, |group| self.payloads.name(group) == (table, name));
        group.map_or(&[], |group| &group.places)
    }

    /// Rows of [`Table::Marks`] and [`Table::Pushes`], in the order of their keys, with those that say that there is none.
    pub fn ordered(
        &self,
        keys: (Bound<&[u8]>, Bound<&[u8]>),
    ) -> impl Iterator<Item = Item<'_>> + use<'_> {
        self.ordered.range::<[u8], _>(keys).map(|(_, place)| self.payloads.item(*place))
    }

    /// Everything that is held now, each keyspace in the order of its keys.
    pub fn sorted(&self) -> Sorted {
        let mut groups: [Vec<(u128, &[Place])>; ROW_KEYSPACES] = Default::default();
        let singles = self.singles.iter().chain(self.ordered.values()).map(slice::from_ref);
        for places in self.groups.iter().map(|group| &*group.places).chain(singles) {
            let item = self.payloads.item(places[0]);
            groups[item.table.keyspace()].push((beginning(item.key), places));
        }
        let keyspaces = groups.map(|mut groups| {
            // Keys of one group stand together: none of another begins with its name.
            groups.sort_unstable_by(|one, other| {
                let key = |places: &[Place]| self.payloads.key(places[0]);
                one.0.cmp(&other.0).then_with(|| key(one.1).cmp(key(other.1)))
            });
            groups.into_iter().flat_map(|(_, places)| places).copied().collect()
        });
        Sorted { payloads: self.payloads.0.len(), keyspaces }
    }

    /// The row at a place of what was sorted, until that is forgotten.
    pub fn item(&self, place: Place) -> Item<'_> {
        self.payloads.item(place)
    }

    /// All of that is in the index now.
    pub fn forget(&mut self, sorted: &Sorted) {
        let gone = u32::try_from(sorted.payloads).expect("as many as there are numbers for");
        let keep = |place: &mut Place| {
            let kept = place.payload.checked_sub(gone);
            place.payload = kept.unwrap_or(0);
            kept.is_some()
        };
        let gone = self.payloads.0.drain(..sorted.payloads);
        self.bytes -= gone.map(|payload| payload.len()).sum::<usize>();
        self.singles.retain(keep);
        self.ordered.retain(|_, place| keep(place));
        self.groups.retain(|group| {
            group.places.retain_mut(keep);
            !group.places.is_empty()
        });
    }
}

impl Group {
    fn insert(&mut self, payloads: &Payloads, key: &[u8], place: Place) {
        if self.places.last().is_some_and(|last| payloads.key(*last) < key) {
            return self.places.push(place);
        }
        match self.places.binary_search_by(|other| payloads.key(*other).cmp(key)) {
            Ok(at) => self.places[at] = place,
            Err(at) => self.places.insert(at, place),
        }
    }
}

impl Sorted {
    /// The places of a keyspace's rows, by their keys.
    pub fn keyspace(&self, number: usize) -> &[Place] {
        &self.keyspaces[number]
    }
}

/// The first bytes of a key, as a number that sorts as they do: most keys differ in them, and need not be looked up.
fn beginning(key: &[u8]) -> u128 {
    let mut bytes = [0; 16];
    let len = key.len().min(bytes.len());
    bytes[..len].copy_from_slice(&key[..len]);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use wire::{ClientMsgId, ConversationId, InboxSeq, Seq, Uid};

    use super::super::codec::Key;
    use super::super::log::{Buffer, TABLES, Writer};
    use super::*;
    use crate::group::{GroupRow, MarkRow, Members};
    use crate::rows::{Chain, ChatRow, InboxRow, MessageRow, Row, UserRow, sample};

    /// A row in short: of which kind, whose, where, and with what in it.
    type Short = (u8, u64, u64, u8);

    fn row((kind, of, place, content): Short) -> Row {
        let conversation = ConversationId::direct(Uid(of), Uid(of + 1000)).unwrap();
        let message = MessageRow {
            conversation,
            sender: Uid(of),
            client_msg_id: ClientMsgId::new(1_000 + place, of.into()),
            ..sample(place, content.into())
        };
        let chats_version = content.into();
        match kind {
            0 => Row::Message(message),
            1 => Row::Inbox(InboxRow {
                uid: Uid(of),
                inbox_seq: InboxSeq(place),
                flags: 0,
                chain: Chain(content.into()),
                message,
            }),
            2 => {
                let conversation = ConversationId::direct(Uid(of), Uid(place + 2000)).unwrap();
                let empty = ChatRow::empty(Uid(of), conversation);
                Row::Chat(ChatRow { version: chats_version, ..empty })
            }
            3 => {
                let chats_through = InboxSeq(place);
                Row::User(UserRow { chats_through, chats_version, ..UserRow::empty(Uid(of)) })
            }
            4 => {
                let group = ConversationId::group(place).unwrap();
                let (position, members) = (Seq(content.into()), Members::default());
                Row::Group(GroupRow { group, position, members })
            }
            _ => Row::Mark(MarkRow {
                group: ConversationId::group(place).unwrap(),
                is_open: content % 2 == 0,
            }),
        }
    }

    fn payload(rows: &[Short]) -> Vec<u8> {
        let (mut out, mut writer) = (Buffer::default(), Writer::default());
        rows.iter().for_each(|it| writer.put(&mut out, &row(*it)));
        out.content().to_vec()
    }

    /// Table and key, and the value there. In one keyspace, keys of a later table are behind those of an earlier one.
    type Pair = ((u8, Vec<u8>), Vec<u8>);
    type Model = BTreeMap<(u8, Vec<u8>), Vec<u8>>;

    fn model(payload: &[u8], into: &mut Model) {
        for item in Items::new(payload).map(Result::unwrap) {
            into.insert(named(item), value(item));
        }
    }

    fn named(item: Item<'_>) -> (u8, Vec<u8>) {
        (item.table as u8, item.key.to_vec())
    }

    fn value(item: Item<'_>) -> Vec<u8> {
        [item.head, item.content].concat()
    }

    fn pairs(model: &Model) -> Vec<Pair> {
        model.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// Everything that is held, as it is sorted.
    fn all(held: &Held, sorted: &Sorted) -> Vec<Pair> {
        let places = (0..ROW_KEYSPACES).flat_map(|number| sorted.keyspace(number));
        places.map(|place| (named(held.item(*place)), value(held.item(*place)))).collect()
    }

    fn check(held: &Held, model: &Model) {
        assert_eq!(all(held, &held.sorted()), pairs(model));
        let mut marks = Vec::new();
        for ((table, key), content) in model {
            let table = TABLES[usize::from(*table)];
            if table == Table::Marks {
                marks.push((key.clone(), content.is_empty()));
            } else {
                assert_eq!(held.get(table, key).map(value).as_ref(), Some(content));
            }
        }
        let found = |after: &[u8]| {
            let found = held
                .ordered((Excluded(after), Unbounded))
                .map(|item| (item.key.to_vec(), item.is_removal()));
            found.collect::<Vec<_>>()
        };
        assert_eq!(found(Key::group_mark(None).as_ref()), marks);
        (0..marks.len()).for_each(|at| assert_eq!(found(&marks[at].0), marks[at + 1..]));
    }

    /// Of each group: every range between two keys that are there or not, and the first row.
    fn check_groups(held: &Held, model: &Model, of: u64, ends: (u64, u64)) {
        let conversation = ConversationId::direct(Uid(of), Uid(of + 1000)).unwrap();
        let (inbox, message) = (
            |place| Key::inbox(Uid(of), InboxSeq(place)),
            |place| Key::message(conversation, Seq(place)),
        );
        let groups = [
            (Table::Messages, Key::messages(conversation), (message(ends.0), message(ends.1))),
            (Table::Inbox, Key::user(Uid(of)), (inbox(ends.0), inbox(ends.1))),
            (Table::Chats, Key::user(Uid(of)), (Key::user(Uid(of)), Key::chats_end(Uid(of)))),
        ];
        for (table, name, (from, to)) in groups {
            let is_of = |key: &[u8]| group_of(table, key) == Some(name.as_ref());
            let rows = pairs(model).into_iter().filter(|((of, key), _)| {
                *of == table as u8 && is_of(key) && key.as_slice() > from.as_ref()
            });
            let rows: Vec<_> = rows.filter(|((_, key), _)| *key < to.as_ref().to_vec()).collect();
            let keys = (Excluded(from.as_ref()), Excluded(to.as_ref()));
            let found = held.range((table, name.as_ref()), keys);
            let found: Vec<_> = found.map(|item| (named(item), value(item))).collect();
            assert_eq!(found, rows);
            let first =
                pairs(model).into_iter().find(|((of, key), _)| *of == table as u8 && is_of(key));
            assert_eq!(held.first(table, name.as_ref()).map(named), first.map(|it| it.0));
        }
    }

    fn rows() -> impl Strategy<Value = Vec<Short>> {
        proptest::collection::vec((0..6_u8, 1..4_u64, 1..300_u64, any::<u8>()), 1..20)
    }

    proptest! {
        #[test]
        fn what_is_held_is_what_a_map_has(
            before in proptest::collection::vec(rows(), 0..6),
            during in proptest::collection::vec(rows(), 0..6),
            ends in (0..300_u64, 0..300_u64),
        ) {
            let (mut held, mut model_of_all) = (Held::default(), Model::new());
            for record in before.iter().map(|rows| payload(rows)) {
                held.insert(Items::new(&record)).unwrap();
                model(&record, &mut model_of_all);
                check(&held, &model_of_all);
            }
            let (sorted, first) = (held.sorted(), model_of_all.clone());
            let mut model_of_rest = Model::new();
            for record in during.iter().map(|rows| payload(rows)) {
                held.insert(Items::new(&record)).unwrap();
                model(&record, &mut model_of_all);
                model(&record, &mut model_of_rest);
                check(&held, &model_of_all);
                prop_assert_eq!(all(&held, &sorted), pairs(&first), "what was sorted stays");
            }
            (1..4).for_each(|of| check_groups(&held, &model_of_all, of, ends));
            held.forget(&sorted);
            check(&held, &model_of_rest);
            (1..4).for_each(|of| check_groups(&held, &model_of_rest, of, ends));
            prop_assert_eq!(held.is_empty(), during.is_empty());
            let bytes: usize = during.iter().map(|rows| payload(rows).len()).sum();
            prop_assert_eq!(held.bytes(), bytes);
            for record in before.iter().map(|rows| payload(rows)) {
                held.insert(Items::new(&record)).unwrap();
                model(&record, &mut model_of_rest);
            }
            check(&held, &model_of_rest);
        }
    }

    #[test]
    fn keys_that_begin_alike_are_sorted_by_their_ends() {
        let rows: Vec<Short> =
            (1..=300).rev().map(|place| (2, 1, u64::MAX / 2 + place, 0)).collect();
        let record = payload(&rows);
        let (mut held, mut expect) = (Held::default(), Model::new());
        held.insert(Items::new(&record)).unwrap();
        model(&record, &mut expect);
        check(&held, &expect);
    }
}
