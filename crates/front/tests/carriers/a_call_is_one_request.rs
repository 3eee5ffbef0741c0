//! A call: its head is judged before its body is kept, it is handed over whole and once, and the next is heard when it was
//! answered; what is no call is told what it lacks, and a page of a foreign origin gets nothing.

use crate::scene::{Kept, Scene};
use front::{Calls, Carrier, Fault, JSON_BYTES_MAX, POLL_WAIT_S, Poll};
use wire::RefusalCode;

const SYNC: &str = r#"{"id":9,"sync":{"cursor":3,"limit":5}}"#;

fn head(line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: im.example\r\nAuthorization: Bearer a.b.c\r\n{more}\r\n")
}

fn poll(query: &str) -> String {
    head(&format!("GET /v1/poll?{query}"), "")
}

fn request(body: &str, more: &str) -> String {
    let length = body.len();
    head("POST /v1/requests?device=5", &format!("{more}Content-Length: {length}\r\n")) + body
}

/// What is heard of user 7 behind what it speaks.
fn heard(bytes: &str) -> Vec<Kept> {
    heard_of(7, bytes, &[])
}

fn heard_of(user: u64, bytes: &str, origins: &[&str]) -> Vec<Kept> {
    let mut scene = Scene::called_by(user);
    scene.origins = origins.iter().map(|it| (*it).to_owned()).collect();
    scene.hear(bytes.as_bytes());
    assert_eq!(scene.heard.remove(0), Kept::Speaks(Carrier::Http));
    scene.heard
}

fn calls(calls: Calls) -> Kept {
    Kept::Calls("a.b.c".to_owned(), 5, calls)
}

const STAYS: Kept = Kept::Speaks(Carrier::Call { closes: false });

#[test]
fn a_call_is_handed_over_once_it_is_whole() {
    let wait = Poll { cursor: 3, inbox_epoch: 9, message_id: 4, wait_s: POLL_WAIT_S };
    let polls = Calls::Poll(wait);
    let polled = vec![calls(polls), STAYS, Kept::Called(polls)];
    assert_eq!(heard(&poll("device=5&cursor=3&inbox_epoch=9&message_id=4")), polled);
    let login = vec![calls(Calls::Login), STAYS, Kept::Called(Calls::Login)];
    assert_eq!(heard(&head("POST /v1/login?device=5", "")), login);
    assert_eq!(heard(&head("POST /v1/login?device=5", "Content-Length: 0\r\n")), login);
    let requested = vec![calls(Calls::Request), STAYS, Kept::Frame(Ok(9))];
    assert_eq!(heard(&request(SYNC, "")), requested);
    let last = heard(&request(SYNC, "Connection: x, close\r\n"));
    assert_eq!(last[1], Kept::Speaks(Carrier::Call { closes: true }));
    let expected = heard(&request(SYNC, "Expect: 100-Continue\r\n"));
    assert_eq!(expected[1], Kept::Say("HTTP/1.1 100 Continue\r\n\r\n".to_owned()));
    let unclear = heard(&request(r#"{"id":3,"sand":{}}"#, ""));
    assert!(matches!(unclear[2], Kept::Unclear(3, RefusalCode::Unsupported, _)), "{unclear:?}");
    let no_json = heard(&request("what", ""));
    assert!(matches!(no_json[2], Kept::Unclear(0, RefusalCode::Unsupported, _)), "{no_json:?}");
}

#[test]
fn the_next_call_is_heard_when_this_one_is_answered() {
    let mut scene = Scene::called_by(7);
    for _ in 0..3 {
        scene.hear(request(SYNC, "").as_bytes());
        assert_eq!(scene.heard.last(), Some(&Kept::Frame(Ok(9))));
        scene.answer();
    }
    assert_eq!(scene.part(Some(RefusalCode::LoginTimeout)), b"", "of nothing that came");
    let mut scene = Scene::called_by(7);
    scene.hear(poll("device=5").as_bytes());
    scene.hear(b"G");
    assert_eq!(scene.heard.last(), Some(&Kept::Broken(Fault::Http)), "not before");
    assert_eq!(scene.part(Some(RefusalCode::Malformed)), b"", "it would be the first one's answer");
    let both = heard(&(poll("device=5") + &poll("device=5")));
    assert_eq!(both.last(), Some(&Kept::Broken(Fault::Http)));
}

#[test]
fn nothing_is_kept_of_who_is_not_believed() {
    let heard = heard_of(0, &request(SYNC, "Expect: 100-continue\r\n"), &[]);
    assert_eq!(heard, [calls(Calls::Request)]);
}

#[test]
fn what_does_not_come_in_time_is_told_so() {
    for bytes in ["POST /v1/requests".to_owned(), request(SYNC, "").replace("}}", "")] {
        let mut scene = Scene::called_by(7);
        scene.hear(bytes.as_bytes());
        let answer = String::from_utf8(scene.part(Some(RefusalCode::LoginTimeout))).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    }
}

#[test]
fn what_is_no_call_is_told_what_it_lacks() {
    let large = request(SYNC, "").replace(": 38", &format!(": {}", JSON_BYTES_MAX + 1));
    let without = |bytes: String, line: &str| {
        let lines = bytes.split_inclusive("\r\n");
        lines.filter(|it| !it.starts_with(line)).collect::<String>()
    };
    for (bytes, status) in [
        (head("POST /v1/poll?device=5", ""), "405"),
        (head("HEAD /v1/poll?device=5", ""), "405"),
        (head("GET /v1/requests?device=5", ""), "405"),
        (head("GET /v1/login?device=5", ""), "405"),
        (poll("device=5").replace("1.1", "1.0"), "505"),
        (poll(""), "400"),
        (poll("device=x"), "400"),
        (poll("device=5&wait_s=51"), "400"),
        (head("POST /v1/requests?device=5&cursor=3", "Content-Length: 2\r\n") + "{}", "400"),
        (without(poll("device=5"), "Host"), "400"),
        (without(poll("device=5"), "Authorization"), "401"),
        (poll("device=5").replace("Bearer a", "Basic a"), "401"),
        (poll("device=5").replace("Bearer a.b.c", "Bearer "), "401"),
        (head("GET /v1/poll?device=5", "Content-Length: 1\r\n") + "x", "400"),
        (head("POST /v1/requests?device=5", ""), "411"),
        (request(SYNC, "Transfer-Encoding: chunked\r\n"), "411"),
        (request(SYNC, "Content-Length: 5\r\n"), "400"),
        (request(SYNC, "").replace(": 38", ": +38"), "400"),
        (request(SYNC, "Expect: more\r\n"), "400"),
        (request(SYNC, "X: a\r\n b\r\n"), "400"),
        (large, "413"),
    ] {
        let heard = heard(&bytes);
        let [Kept::Say(answer), Kept::Broken(Fault::Http)] = &heard[..] else {
            panic!("{bytes}: {heard:?}")
        };
        assert_eq!(&answer[9..12], status, "{bytes}");
        let (head, problem) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("Content-Type: application/problem+json\r\n"), "{head}");
        assert!(problem.contains(&format!("\"status\":{status},")), "{problem}");
    }
}

#[test]
fn a_page_of_a_foreign_origin_gets_nothing() {
    let from = |line: &str, origin: &str| head(line, &format!("Origin: {origin}\r\n"));
    for line in ["GET /v1/poll?device=5", "OPTIONS /v1/poll?device=5"] {
        let own = heard(&from(line, "https://im.example"));
        assert!(!matches!(own.last(), Some(Kept::Broken(_))), "{own:?}");
        let listed = from(line, "https://app.example");
        let listed = heard_of(7, &listed, &["https://app.example"]);
        assert!(!matches!(listed.last(), Some(Kept::Broken(_))), "{listed:?}");
        let foreign = heard(&from(line, "https://evil.example"));
        let [Kept::Say(answer), Kept::Broken(Fault::Origin)] = &foreign[..] else {
            panic!("{foreign:?}")
        };
        assert!(answer.starts_with("HTTP/1.1 403 ") && !answer.contains("Access"), "{answer}");
    }
    let asked = heard(&from("OPTIONS /v1/requests", "https://im.example"));
    let [Kept::Say(answer), Kept::Closes] = &asked[..] else { panic!("{asked:?}") };
    assert!(answer.contains("Allow-Headers: Authorization, Content-Type\r\n"), "{answer}");
}
