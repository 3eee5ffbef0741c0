//! The judgement when everything is over: what was acked is looked for in what the inboxes had.

use super::stream::{Fate, Side, mix};
use super::{Fault, Faults, StreamId, Subject, Totals, Verifier, message};

impl Verifier {
    /// Ends the run.
    #[must_use]
    pub fn finish(mut self) -> (Totals, Faults) {
        let mut lost_of = vec![0u64; self.streams.len()];
        for (id, lost) in (0..).map(StreamId).zip(&mut lost_of) {
            *lost = self.finish_settled(id) + self.finish_window(id);
            self.finish_sums(id);
        }
        self.finish_holes(&lost_of);
        self.totals.reach = self.finish_groups();
        self.totals.changes = self.groups.changes();
        let unread = self.kept_inbox.iter().filter(|(_, whole)| !whole).count();
        self.totals.unread_users = unread as u64;
        (self.totals, self.faults)
    }

    /// Whose inbox was read whole, of a stream's two.
    fn sides(&self, id: StreamId) -> impl Iterator<Item = Side> + use<> {
        let (from, to) = self.friends.ends(id);
        let sides =
            [(Side::Recipient, self.kept_inbox[to].1), (Side::Sender, self.kept_inbox[from].1)];
        sides.into_iter().filter_map(|(side, whole)| whole.then_some(side))
    }

    /// What every device had and an inbox has not. How many.
    fn finish_settled(&mut self, id: StreamId) -> u64 {
        let mut lost = 0;
        for side in self.sides(id) {
            let stream = &self.streams[id.0 as usize];
            let excused = self.excused_of(id);
            let missing: Vec<u64> =
                stream.kept[side as usize].missing(stream.base).skip(excused).collect();
            for count in missing {
                lost += self.lost(id, count, side);
            }
        }
        lost
    }

    /// What some device or ack is missing for. How many are lost.
    fn finish_window(&mut self, id: StreamId) -> u64 {
        let sides: Vec<Side> = self.sides(id).collect();
        let first = self.streams[id.0 as usize].base + 1;
        let mut lost = 0;
        for count in first..=self.streams[id.0 as usize].sent() {
            let stream = &mut self.streams[id.0 as usize];
            let has = [Side::Recipient, Side::Sender]
                .map(|side| stream.kept[side as usize].contains(count));
            let entry = stream.entry(count).expect("above the base");
            let (delivered, message_id) = (entry.delivered, entry.message_id);
            match entry.fate {
                Fate::Unknown => self.totals.unknown += 1,
                Fate::Refused if delivered != 0 || has != [false; 2] => {
                    self.faults.note(Fault::Phantom, message(id, count), || {
                        format!("{id:?} count {count} was refused for good, and delivered")
                    });
                }
                Fate::Refused => {}
                Fate::Acked if self.excused.contains(&(id, message_id)) => {}
                Fate::Acked => {
                    let missing = sides.iter().find(|side| !has[**side as usize]);
                    match missing {
                        Some(side) => lost += self.lost(id, count, *side),
                        None if sides.is_empty() && delivered == 0 => {
                            lost += self.lost(id, count, Side::Recipient);
                        }
                        None => self.undelivered(id, count, delivered),
                    }
                }
            }
        }
        lost
    }

    /// Messages of a stream that are another fault already, by distinct ids.
    fn excused_of(&self, id: StreamId) -> usize {
        let mut ids: Vec<u64> = self
            .excused
            .iter()
            .filter(|(of, _)| *of == id)
            .map(|(_, message_id)| *message_id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    }

    fn lost(&mut self, id: StreamId, count: u64, side: Side) -> u64 {
        let before = self.faults.count(Fault::Lost);
        let (from, to) = self.friends.ends(id);
        self.faults.note(Fault::Lost, message(id, count), || {
            let inbox = match side {
                Side::Recipient => to,
                Side::Sender => from,
            };
            format!("count {count} from user {from} to {to} was acked and is not in the inbox of {inbox}")
        });
        self.faults.count(Fault::Lost) - before
    }

    fn undelivered(&mut self, id: StreamId, count: u64, delivered: u8) {
        let missing = self.everybody & !delivered;
        if missing != 0 {
            self.faults.note(Fault::Gap, message(id, count), || {
                format!(
                    "{id:?} count {count} is stored and was not given to devices {missing:#010b}"
                )
            });
        }
    }

    /// Every inbox says of every message what its ack and its devices said.
    fn finish_sums(&mut self, id: StreamId) {
        for side in self.sides(id) {
            let stream = &self.streams[id.0 as usize];
            let kept = &stream.kept[side as usize];
            let incomplete = kept.missing(stream.base).next().is_some();
            if stream.diverged || incomplete {
                continue;
            }
            let mut sum = stream.settled_sum;
            for (count, entry) in (stream.base + 1..).zip(&stream.window) {
                if kept.contains(count) {
                    sum = sum.wrapping_add(mix(count, entry.seq, entry.message_id));
                }
            }
            if sum != stream.kept_sum[side as usize] {
                self.faults.note(Fault::Diverged, message(id, 0), || {
                    format!("{id:?}: the inbox of its {side:?} gives other places or ids than were acked")
                });
            }
        }
    }

    /// A conversation's places are dense in an inbox, but for what is lost already.
    fn finish_holes(&mut self, lost_of: &[u64]) {
        for (index, lost) in lost_of.iter().enumerate() {
            let kept = self.kept[index];
            let id = StreamId(u32::try_from(index).expect("streams are numbered with 32 bits"));
            let (from, to) = self.friends.ends(id);
            if kept.rows == 0 || !self.kept_inbox[from].1 {
                continue;
            }
            let back = self.friends.between(to, from).expect("friendship is mutual");
            let mut excused = lost + lost_of[back.0 as usize];
            excused += (self.excused_of(id) + self.excused_of(back)) as u64;
            let holes = (kept.last_seq - kept.first_seq + 1).saturating_sub(kept.rows);
            // Either of the two inboxes may show a hole.
            let stream = id.0.min(back.0);
            for nth in excused..holes {
                self.faults.note(Fault::Gap, Subject::Hole { stream, nth }, || {
                    let (first, last, rows) = (kept.first_seq, kept.last_seq, kept.rows);
                    format!("user {from} with {to}: {rows} rows from seq {first} to {last}")
                });
            }
        }
    }
}
