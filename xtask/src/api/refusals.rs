//! What every call is refused for in the same way, tried with each that the document has.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::ask::{Answer, Ask, Tally};
use super::document::{Document, Operation};
use super::place::{Place, id};
use super::table::{self, Words};

/// Half a head is closed within this time: docs/api.md says 15 s.
const HALF_MAX: Duration = Duration::from_secs(20);

/// What is wrong with a call, and what it is answered.
struct Wrong {
    what: &'static str,
    ask: Ask,
    status: u16,
    name: &'static str,
}

/// A call of which all is well.
fn good(place: &Place, operation: &Operation) -> Ask {
    let row = table::good(&operation.name);
    table::ask(row, Some(place.key("all")), (&Words::new(), &operation.method))
}

fn judge(
    document: &Document,
    operation: &Operation,
    wrong: &Wrong,
    answer: Result<Answer>,
    tally: &mut Tally,
) {
    let judged = || {
        let answer = answer.context("no answer")?;
        document.judge(operation, &answer, tally)?;
        let name = answer.body["refusal"]["name"].as_str().unwrap_or_default();
        ensure!(
            (answer.status, name) == (wrong.status, wrong.name)
                || wrong.name.is_empty() && answer.status == wrong.status,
            "{} {} is expected: {answer:?}",
            wrong.status,
            wrong.name
        );
        Ok(())
    };
    let judged = judged();
    tally.count(&format!("{} {}", operation.name, wrong.what), judged);
}

/// Asks one after the other.
fn each(
    place: &Place,
    document: &Document,
    tally: &mut Tally,
    wrongs: impl Fn(&Operation) -> Vec<Wrong>,
) {
    for operation in &document.operations {
        for wrong in wrongs(operation) {
            let answer = wrong.ask.at(&place.api);
            judge(document, operation, &wrong, answer, tally);
        }
    }
}

/// Asks all at once: each takes long.
fn all_at_once(
    place: &Place,
    document: &Document,
    tally: &mut Tally,
    wrong: impl Fn(&Operation) -> Option<Wrong>,
) {
    let asked: Vec<(&Operation, Wrong)> = document
        .operations
        .iter()
        .filter_map(|operation| Some((operation, wrong(operation)?)))
        .collect();
    let api = &place.api;
    let answers: Vec<Result<Answer>> = thread::scope(|scope| {
        let threads: Vec<_> =
            asked.iter().map(|(_, wrong)| scope.spawn(|| wrong.ask.at(api))).collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    for ((operation, wrong), answer) in asked.iter().zip(answers) {
        judge(document, operation, wrong, answer, tally);
    }
}

/// Without a key, and with keys that are not good.
pub fn without_key(place: &Place, document: &Document, tally: &mut Tally) {
    each(place, document, tally, |operation| {
        let with = |what, key, status, name| {
            let ask = Ask { key, ..good(place, operation) };
            Wrong { what, ask, status, name }
        };
        let mut wrongs = vec![
            with("without a key", None, 401, "BadToken"),
            with("with no key of ours", Some(format!("llk_{}", "0".repeat(64))), 401, "BadToken"),
            with("with a key that ended", Some(place.key("ended")), 401, "BadToken"),
            with("with a key that is over", Some(place.key("over")), 401, "TokenExpired"),
        ];
        if let Some(scope) = &operation.scope {
            let key = place.key(&format!("without-{scope}"));
            wrongs.push(with("with a key of other scopes", Some(key), 403, "NotAllowed"));
        }
        wrongs
    });
}

/// With what stands in a path, a query or a body and may not.
pub fn of_each(place: &Place, document: &Document, tally: &mut Tally) {
    each(place, document, tally, |operation| {
        let good = || good(place, operation);
        let wrong = |what, ask, status, name| Wrong { what, ask, status, name };
        let path = format!("{}?no_such=1", good().path.split('?').next().unwrap_or_default());
        let mut wrongs =
            vec![wrong("with an unknown parameter", Ask { path, ..good() }, 400, "OutOfRange")];
        if operation.path.starts_with("/v1/users/") {
            let rest = good().path.splitn(5, '/').nth(4).unwrap_or_default().to_owned();
            let path = format!("/v1/users/18446744073709551615/{rest}");
            wrongs.push(wrong(
                "of a user that nobody is",
                Ask { path, ..good() },
                404,
                "BadRecipient",
            ));
        }
        if operation.has_body {
            for (what, body) in [("with half a body", "{\"to\":"), ("with another body", "[]")] {
                let ask = Ask { body: Some(body.into()), ..good() };
                wrongs.push(wrong(what, ask, 400, "Malformed"));
            }
            let deep = Ask { body: Some("[".repeat(100_000)), ..good() };
            wrongs.push(wrong("with a deep body", deep, 400, "Malformed"));
            let large =
                Ask { body: Some(format!("{{\"a\":\"{}\"}}", "x".repeat(140_000))), ..good() };
            wrongs.push(wrong("with a large body", large, 413, "BodyTooLarge"));
        }
        if operation.statuses.contains(&409) {
            let row = table::good(&operation.name);
            let old = row.body.replace("{id}", &id(-90_000_000));
            let words = Words::new();
            let group = if operation.name == "create_group" || operation.name == "send" {
                None
            } else {
                made(place, document)
            };
            let path = group.map_or(good().path, |group| row.path.replace("{group}", &group));
            let ask = Ask { body: Some(words.put(&old)), path, ..good() };
            wrongs.push(wrong("with an id of the day before", ask, 409, "IdTooOld"));
        }
        wrongs
    });
}

/// A new group of user 7.
fn made(place: &Place, document: &Document) -> Option<String> {
    let answer = good(place, document.operation("create_group")).at(&place.api).ok()?;
    answer.body["group"].as_str().map(str::to_owned)
}

/// With a body that does not come.
pub fn slow(place: &Place, document: &Document, tally: &mut Tally) {
    all_at_once(place, document, tally, |operation| {
        let ask = Ask { is_slow: true, ..good(place, operation) };
        let (what, status, name) = ("with a body that never ends", 408, "LoginTimeout");
        operation.has_body.then_some(Wrong { what, ask, status, name })
    });
}

/// A head that does not end is given up.
pub fn half_a_head(place: &Place, tally: &mut Tally) {
    let judged = || {
        let mut stream = TcpStream::connect(&place.api)?;
        stream.set_read_timeout(Some(HALF_MAX))?;
        stream.write_all(b"GET /v1/health HTTP/1.1\r\nhost:")?;
        let read = stream.read_to_end(&mut Vec::new());
        ensure!(read.is_ok(), "it is still open after {HALF_MAX:?}: {read:?}");
        Ok(())
    };
    tally.count("half a head", judged());
}

/// More often than the key may.
pub fn over_the_rate(place: &Place, document: &Document, tally: &mut Tally) {
    let take = || good(place, document.operation("health")).at(&place.api);
    while take().is_ok_and(|answer| answer.status == 200) {}
    for operation in &document.operations {
        // One a second is let through.
        let mut answer = good(place, operation).at(&place.api);
        while answer.as_ref().is_ok_and(|answer| answer.status != 429) {
            answer = good(place, operation).at(&place.api);
        }
        let (what, status, name) = ("over the rate of its key", 429, "RateLimited");
        let wrong = Wrong { what, ask: Ask::default(), status, name };
        judge(document, operation, &wrong, answer, tally);
    }
}

/// While no shard answers. What needs none is answered as ever.
pub fn unserved(place: &Place, document: &Document, tally: &mut Tally) {
    all_at_once(place, document, tally, |operation| {
        let ask = good(place, operation);
        let (what, status, name) = ("while nobody serves", 503, "");
        // It answers of each user, and of itself.
        let is_whole = matches!(operation.name.as_str(), "document" | "tell" | "online");
        (!is_whole).then_some(Wrong { what, ask, status, name })
    });
}
