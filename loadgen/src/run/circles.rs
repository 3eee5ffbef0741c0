//! Which groups a thread makes, from the seed, and which change of one comes next. It knows no clock and no connections.

use super::args::Plan;
use crate::verify::{Changing, Group};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use wire::{GROUP_MEMBERS_MAX, RowKind};

/// Members of a group who are online and stay, so that somebody talks and somebody hears it.
const ONLINE_MIN: usize = 2;

/// The groups that a thread makes, of its `away.len()` users: who makes each, and whom it names.
pub(super) fn made(plan: &Plan, thread: usize, away: &[bool]) -> Vec<Changing> {
    let mut random = random(plan, thread, 1);
    let own = (0..plan.groups).filter(|nth| nth % plan.threads == thread);
    let sizes: Vec<usize> = own.map(|nth| size(plan, nth, random.random())).collect();
    let online: Vec<usize> = (0..away.len()).filter(|user| !away[*user]).collect();
    sizes.into_iter().map(|size| group(size, (away.len(), &online), &mut random)).collect()
}

/// How many members the nth group has: many have few and few have many, each doubling as often as the next.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most some hundreds"
)]
fn size(plan: &Plan, nth: usize, random: f64) -> usize {
    let (least, most) = (plan.group_sizes[0], plan.group_sizes[1]);
    // Each has a part of the range of its own, so that few groups span it as well as many do.
    let at = match (nth, plan.groups) {
        (0, 1) => random,
        (0, _) => 0.0,
        (nth, groups) if nth == groups - 1 => 1.0,
        (nth, groups) => (nth as f64 + random) / groups as f64,
    };
    let size = least as f64 * (most as f64 / least as f64).powf(at);
    (size.round() as usize).clamp(least, most)
}

fn group(size: usize, (users, online): (usize, &[usize]), random: &mut StdRng) -> Changing {
    let by = *online.choose(random).expect("somebody is online");
    let mut named = vec![by];
    // Its maker talks to somebody.
    while named.len() < size {
        let few = named.len() < ONLINE_MIN && online.len() > 1;
        let user = if few {
            *online.choose(random).expect("somebody is online")
        } else {
            random.random_range(0..users)
        };
        if !named.contains(&user) {
            named.push(user);
        }
    }
    named.remove(0);
    Changing { by, kind: RowKind::GROUP_CREATED, named }
}

/// What the thread draws its changes from.
pub(super) fn random(plan: &Plan, thread: usize, usage: u64) -> StdRng {
    StdRng::seed_from_u64(plan.seed ^ ((thread as u64) << 32) ^ (usage << 61) ^ 0x6772_6f75_7073)
}

/// A change that somebody who is online and a member may make; `None`: there is none that leaves enough.
pub(super) fn change(group: &Group, away: &[bool], random: &mut StdRng) -> Option<Changing> {
    let present: Vec<(usize, bool)> = group.present().collect();
    let is_online = |(user, _): &&(usize, bool)| !away[*user];
    let online: Vec<(usize, bool)> = present.iter().filter(is_online).copied().collect();
    let (by, _) = *online.choose(random)?;
    let takes = random.random::<bool>() && online.len() > ONLINE_MIN;
    if takes {
        let owner = online.iter().find(|(_, is_owner)| *is_owner);
        let others: Vec<usize> =
            present.iter().filter(|(_, is_owner)| !is_owner).map(|(user, _)| *user).collect();
        return match (owner, others.choose(random)) {
            (Some((owner, _)), Some(other)) if random.random() => {
                Some(Changing { by: *owner, kind: RowKind::MEMBERS_REMOVED, named: vec![*other] })
            }
            _ => Some(Changing { by, kind: RowKind::MEMBER_LEFT, named: Vec::new() }),
        };
    }
    if present.len() >= GROUP_MEMBERS_MAX {
        return None;
    }
    // Half of those who come were there before, if anybody was.
    let former: Vec<usize> = group.former().collect();
    let stranger = random.random_range(0..away.len());
    let back = former.choose(random).filter(|_| random.random());
    let user = *back.unwrap_or(&stranger);
    let is_new = present.iter().all(|(present, _)| *present != user);
    is_new.then(|| Changing { by, kind: RowKind::MEMBERS_ADDED, named: vec![user] })
}
