//! What is asked after which answer.

use super::*;
use crate::webhook::events::sample;
use proptest::prelude::*;

const LAST: u64 = u64::MAX;

fn courier(letters: u64) -> Courier {
    let mut courier = Courier::default();
    (1..=letters).for_each(|uid| courier.take(sample(uid), 0));
    courier
}

fn asked(courier: &Courier) -> Vec<u64> {
    courier.next().iter().map(|it| it.uid.0).collect()
}

/// Asks, and hears that; who was told, and whether it was taken.
fn hear(courier: &mut Courier, outcome: Outcome, now_ms: u64) -> Vec<(u64, bool)> {
    let count = courier.next().len();
    let ended = courier.on_outcome(outcome, count, (now_ms, LAST));
    ended.iter().map(|it| (it.uid.0, it.is_taken)).collect()
}

fn taken() -> Outcome {
    Outcome::Taken { gone: Vec::new() }
}

#[test]
fn what_is_taken_is_told_and_what_follows_is_asked_next() {
    let mut courier = courier(150);
    assert_eq!(asked(&courier), (1..=100).collect::<Vec<_>>());
    assert_eq!(hear(&mut courier, taken(), 1).len(), 100);
    assert_eq!(asked(&courier), (101..=150).collect::<Vec<_>>());
    assert_eq!(hear(&mut courier, taken(), 2).len(), 50);
    assert_eq!((courier.len(), courier.patience_ms(3)), (0, None));
}

#[test]
fn the_one_that_is_refused_is_found_and_the_others_are_taken() {
    for poisoned in 1..=100 {
        let (mut courier, mut ended, mut requests) = (courier(120), Vec::new(), 0);
        while courier.len() > 0 {
            let is_in = asked(&courier).contains(&poisoned);
            let outcome = if is_in { Outcome::Refused } else { taken() };
            ended.extend(hear(&mut courier, outcome, 1));
            requests += 1;
        }
        let expected: Vec<_> = (1..=120).map(|uid| (uid, uid != poisoned)).collect();
        assert_eq!(ended, expected, "in order, each once");
        assert!(requests <= 17, "{requests} for {poisoned}");
    }
}

#[test]
fn tokens_that_reach_nobody_are_named() {
    let mut courier = courier(2);
    let gone = vec!["token of 2".to_owned(), "of nobody".to_owned()];
    let ended = courier.on_outcome(Outcome::Taken { gone }, 2, (1, LAST));
    let gone: Vec<_> = ended.iter().map(|it| it.gone.len()).collect();
    assert_eq!(gone, [0, 1]);
    let mut courier = self::courier(2);
    assert_eq!(hear(&mut courier, Outcome::Gone, 1), []);
    let ended = courier.on_outcome(Outcome::Gone, 1, (1, LAST));
    assert_eq!(ended[0].gone, ["token of 1"]);
    assert!(ended[0].is_taken, "there is nobody to be told");
    assert_eq!(asked(&courier), [2]);
}

#[test]
fn what_fails_is_asked_later_and_one_at_a_time_while_nothing_is_taken() {
    let mut courier = courier(5);
    for failure in 0..12 {
        let count = if failure < WEBHOOK_BREAKS_AFTER { 5 } else { 1 };
        assert_eq!(asked(&courier).len(), count as usize);
        assert_eq!(hear(&mut courier, Outcome::Failed("down".into()), 0), []);
        let limit_ms = (WEBHOOK_BACKOFF_FIRST_MS << failure).min(WEBHOOK_BACKOFF_LAST_MS);
        assert!(courier.patience_ms(0).unwrap() <= limit_ms);
    }
    assert!(courier.is_broken());
    let first = asked(&courier)[0];
    assert_eq!(hear(&mut courier, taken(), 0), [(first, true)]);
    assert!(!courier.is_broken());
    assert_eq!((asked(&courier).len(), courier.patience_ms(0)), (4, Some(0)));
}

#[test]
fn the_receiver_says_when_to_come_again() {
    let mut courier = courier(1);
    hear(&mut courier, Outcome::Later { wait_ms: Some(7_000) }, 10);
    assert_eq!(courier.patience_ms(10), Some(7_000));
    assert!(!courier.is_broken());
    hear(&mut courier, Outcome::Later { wait_ms: Some(u64::MAX / 2) }, 10);
    assert_eq!(courier.patience_ms(10), Some(WEBHOOK_RETRY_AFTER_MS_MAX));
}

#[test]
fn what_is_never_taken_is_given_up_by_tries_or_by_age() {
    let mut courier = courier(1);
    let failed = || Outcome::Failed("down".into());
    let tries = (1..).find(|_| !hear(&mut courier, failed(), 0).is_empty());
    assert_eq!(tries, Some(WEBHOOK_TRIES_MAX));
    let mut courier = self::courier(1);
    assert_eq!(hear(&mut courier, failed(), WEBHOOK_AGE_MS_MAX - 1), []);
    assert_eq!(hear(&mut courier, failed(), WEBHOOK_AGE_MS_MAX), [(1, false)]);
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        Just(Outcome::Taken { gone: Vec::new() }),
        Just(Outcome::Gone),
        Just(Outcome::Refused),
        Just(Outcome::Failed(String::new())),
        any::<Option<u64>>().prop_map(|wait_ms| Outcome::Later { wait_ms }),
    ]
}

proptest! {
    /// Whatever the receiver says, each notification ends once, and nothing is asked of which nobody waits to hear.
    #[test]
    fn each_ends_once(
        outcomes in proptest::collection::vec((any_outcome(), 0..60_000_u64, any::<u64>()), 0..300),
        letters in 0..150_u64,
    ) {
        let (mut courier, mut ended, mut now_ms) = (courier(letters), Vec::new(), 0);
        for (outcome, pause_ms, random) in outcomes {
            now_ms += pause_ms;
            let count = courier.next().len();
            prop_assert_eq!(count == 0, courier.len() == 0);
            prop_assert!(count <= WEBHOOK_BATCH_MAX);
            if count > 0 {
                let told = courier.on_outcome(outcome, count, (now_ms, random));
                ended.extend(told.into_iter().map(|it| it.uid.0));
            }
        }
        ended.extend(courier.letters.iter().map(|letter| letter.notification.uid.0));
        ended.sort_unstable();
        prop_assert_eq!(ended, (1..=letters).collect::<Vec<_>>());
    }
}
