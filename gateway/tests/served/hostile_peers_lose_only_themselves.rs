//! Whatever a peer says, and whenever, costs it its own connection at most, with a reason: two users beside it go on
//! talking over the connections they have. A real gateway, frames and bytes by hand.

use crate::peer::{Peer, Told, direct, framed, hello, hello_of, id, login, message, send};
use crate::process::Gateway;
use wire::frames::{self, Conversation, Push, SyncPage};
use wire::{
    Bytes, ConversationKind, FRAME_BEFORE_LOGIN_BYTES_MAX, FRAME_BYTES_MAX, PUSH_WINDOW_MAX,
    RefusalCode,
};

/// A gateway and two users who have nothing to do with what happens.
struct Scene {
    gateway: Gateway,
    bystanders: [Peer; 2],
    said: u128,
    _dir: tempfile::TempDir,
}

impl Scene {
    fn new(settings: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let gateway = Gateway::start(dir.path(), settings);
        let bystanders = [Peer::logged_in(&gateway, 1, 1), Peer::logged_in(&gateway, 2, 1)];
        Self { gateway, bystanders, said: 0, _dir: dir }
    }

    /// The two go on over the connections that they have had all along.
    #[track_caller]
    fn others_go_on(&mut self) {
        self.said += 1;
        let body = self.said.to_le_bytes();
        let [one, two] = &mut self.bystanders;
        one.say(&send(9, (1, 2), id(self.said), &body));
        one.acked();
        let push = two.hear(|frame| frame.read::<Push>().unwrap()).expect("it is connected");
        assert_eq!(push.message.body.as_ref(), body);
        two.say(&framed(0, frames::PushAck { inbox_seq: push.message.inbox_seq }));
    }

    /// Says it on a new connection that `begins` so; the gateway must tell why and close.
    #[track_caller]
    fn closes(&mut self, begins: &[u8], says: &[u8], code: RefusalCode) {
        let mut peer = Peer::connect(&self.gateway);
        peer.say(begins);
        if !begins.is_empty() {
            peer.hear(|_| ()).expect("what it begins with is in order");
        }
        peer.say(says);
        assert_eq!(peer.told(), Some(Told::Refused(code, 0)), "{says:?}");
        assert!(peer.ended());
        self.others_go_on();
    }

    fn closed_for(&self, reason: &str) -> u64 {
        self.gateway.metric(&format!("longline_closes_total{{reason=\"{reason}\"}}"))
    }
}

/// What the system tells a user.
fn of_system(uid: u64) -> Conversation {
    Conversation { kind: ConversationKind::System as u8, a: uid, b: 0 }
}

/// Everything that a client may say once it is logged in, and what only a server says.
fn after_login() -> Vec<Vec<u8>> {
    vec![
        send(3, (3, 1), id(1), b"a body"),
        framed(3, frames::PushAck { inbox_seq: 1 }),
        framed(3, frames::Heartbeat { time_ms: 1 }),
        framed(3, frames::HeartbeatReply { time_ms: 1, inbox_epoch: 0, inbox_head: 0 }),
        framed(3, frames::Sync { cursor: 0, limit: 256 }),
        framed(3, frames::History { conversation: direct(3, 1), before_seq: 0, limit: 256 }),
        framed(3, frames::Chats { after: Conversation::NONE, limit: 256 }),
        framed(3, frames::MarkRead { conversation: direct(3, 1), seq: 1 }),
        framed(3, frames::HideChat { conversation: direct(3, 1) }),
        framed(3, frames::Renew { token: "no.token.here".into() }),
        framed(3, frames::Logout { generation: 1 }),
    ]
}

#[test]
fn nothing_is_done_before_a_login() {
    let mut scene = Scene::new(&[]);
    let token = scene.gateway.token(3);
    for says in after_login() {
        scene.closes(&[], &says, RefusalCode::NotLoggedIn);
        scene.closes(&hello(), &says, RefusalCode::NotLoggedIn);
    }
    scene.closes(&[], &login(&token, 1), RefusalCode::NotLoggedIn);
    scene.closes(&hello(), &hello(), RefusalCode::NotLoggedIn);
    // Said before the login is answered.
    scene.closes(
        &hello(),
        &[login(&token, 1), login(&token, 1)].concat(),
        RefusalCode::NotLoggedIn,
    );
    let sends = scene.gateway.metric("longline_sends_total");
    assert_eq!(u128::from(sends), scene.said, "only the bystanders sent");
}

#[test]
fn nothing_is_done_after_a_failed_login() {
    let mut scene = Scene::new(&[]);
    let token = scene.gateway.token(3);
    let (head, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    for bad in ["", "a token", &forged, &format!("{token}x")] {
        for says in after_login() {
            let says = [login(bad, 1), says, login(&token, 1)].concat();
            scene.closes(&hello(), &says, RefusalCode::BadToken);
        }
    }
    assert_eq!(scene.closed_for("token"), 4 * after_login().len() as u64);
    assert_eq!(scene.gateway.metric("longline_logins_total"), 2);
}

#[test]
fn a_session_says_only_what_a_client_says_and_once() {
    let mut scene = Scene::new(&[]);
    let token = scene.gateway.token(3);
    let refusal = frames::Refusal { code: 1, retry_after_ms: 0, text: Bytes::new() };
    let reply = frames::LoginReply {
        uid: 1,
        generation: 1,
        inbox_epoch: 1,
        inbox_head: 1,
        cursor: 1,
        server_time_ms: 1,
    };
    let ack = frames::SendAck { message_id: 1, seq: 1, time_ms: 1, inbox_seq: 1 };
    for says in [hello(), login(&token, 1), framed(3, refusal), framed(3, reply), framed(3, ack)] {
        let mut peer = Peer::logged_in(&scene.gateway, 3, 1);
        peer.say(&says);
        assert_eq!(peer.told(), Some(Told::Refused(RefusalCode::Malformed, 0)));
        assert!(peer.ended());
        scene.others_go_on();
    }
}

#[test]
fn a_user_acts_for_itself_only() {
    let mut scene = Scene::new(&[]);
    scene.others_go_on();
    let mut stranger = Peer::logged_in(&scene.gateway, 3, 1);
    stranger.say(&framed(3, frames::Sync { cursor: 0, limit: 256 }));
    let page = stranger.hear(|frame| frame.read::<SyncPage>().unwrap()).unwrap();
    assert_eq!((page.messages.len(), page.inbox_head), (0, 0), "an inbox of its own");
    for peer in [1, 2] {
        let conversation = direct(3, peer);
        stranger.say(&framed(3, frames::History { conversation, before_seq: 0, limit: 256 }));
        let page = stranger.hear(|frame| frame.read::<frames::HistoryPage>().unwrap()).unwrap();
        assert!(page.messages.is_empty(), "no part in what others said");
        for says in [
            framed(3, frames::MarkRead { conversation: direct(3, peer), seq: 1 }),
            framed(3, frames::HideChat { conversation: direct(3, peer) }),
        ] {
            stranger.say(&says);
            assert_eq!(stranger.told(), Some(Told::Refused(RefusalCode::OutOfRange, 0)));
        }
    }
    let others = || direct(1, 2);
    for says in [
        send(3, (3, 0), id(1), b"to nobody"),
        send(3, (3, 3), id(1), b"to itself"),
        send(3, (1, 2), id(1), b"to others"),
        framed(3, frames::History { conversation: others(), before_seq: 0, limit: 256 }),
        framed(3, frames::MarkRead { conversation: others(), seq: 1 }),
        framed(3, frames::HideChat { conversation: others() }),
        framed(3, frames::History { conversation: of_system(1), before_seq: 0, limit: 256 }),
        framed(3, message(of_system(3), id(1), b"as the system")),
    ] {
        stranger.say(&says);
        assert_eq!(stranger.told(), Some(Told::Refused(RefusalCode::BadRecipient, 0)));
    }
    scene.others_go_on();
}

#[test]
fn a_session_that_was_replaced_is_not_heard() {
    let mut scene = Scene::new(&[]);
    let mut old = Peer::logged_in(&scene.gateway, 3, 1);
    let mut new = Peer::logged_in(&scene.gateway, 3, 1);
    assert_eq!(old.told(), Some(Told::SessionEnd(RefusalCode::SessionReplaced)));
    old.say(&send(3, (3, 1), id(1), b"too late"));
    assert!(old.ended());
    new.say(&framed(3, frames::Sync { cursor: 0, limit: 1 }));
    let page = new.hear(|frame| frame.read::<SyncPage>().unwrap()).unwrap();
    assert_eq!(page.inbox_head, 0);
    scene.others_go_on();
}

#[test]
fn acking_more_than_was_pushed_harms_nobody() {
    let mut scene = Scene::new(&["--user-rate", "0", "--connection-rate", "0"]);
    let mut hoarder = Peer::logged_in(&scene.gateway, 3, 1);
    let mut sender = Peer::logged_in(&scene.gateway, 4, 1);
    let far = PUSH_WINDOW_MAX + 100;
    let mut burst = |from: u64, count: u64| {
        (from..from + count).for_each(|nth| {
            sender.say(&send(nth, (4, 3), id(nth.into()), b"a body"));
            sender.acked();
        });
    };
    // The window fills up, and more is stored than was pushed.
    burst(0, far);
    for inbox_seq in [u64::MAX, far + 1, far, 0] {
        hoarder.say(&framed(0, frames::PushAck { inbox_seq }));
        scene.others_go_on();
    }
    burst(far, 1);
    let mut last = 0;
    while last < far + 1 {
        last = hoarder.hear(|frame| frame.read::<Push>().unwrap()).unwrap().message.inbox_seq;
    }
    scene.others_go_on();
}

#[test]
fn bytes_that_are_no_frame_close_with_a_reason() {
    let mut scene = Scene::new(&[]);
    let malformed = RefusalCode::Malformed;
    let change = |at: usize, byte: u8| {
        let mut says = hello();
        says[at] = byte;
        says
    };
    // Known by its first bytes to be no frame of any version.
    scene.closes(&[], &[0xff; 4], malformed);
    scene.closes(&[], &[0; 24], RefusalCode::UnsupportedVersion);
    scene.closes(&[], &change(4, 0xee), malformed);
    scene.closes(&[], &change(5, 9), RefusalCode::UnsupportedVersion);
    scene.closes(&[], &change(6, 1), malformed);
    scene.closes(&[], &change(16, 0), malformed);
    scene.closes(&[], &change(hello().len() - 1, 1), malformed);
    let length = |bytes: usize| {
        let mut says = send(1, (3, 1), id(1), &[0; 64]);
        says[..4].copy_from_slice(&u32::try_from(bytes).unwrap().to_le_bytes());
        says
    };
    scene.closes(&[], &length(FRAME_BEFORE_LOGIN_BYTES_MAX + 8), malformed);
    scene.closes(&[], &length(usize::try_from(u32::MAX).unwrap()), malformed);
    scene.closes(&[], &length(23), malformed);
    let too_new = framed(1, hello_of(9));
    scene.closes(&[], &too_new, RefusalCode::UnsupportedVersion);
    let mut peer = Peer::logged_in(&scene.gateway, 3, 1);
    peer.say(&length(FRAME_BYTES_MAX + 8));
    assert_eq!(peer.told(), Some(Told::Refused(malformed, 0)));
    assert!(peer.ended());
    scene.others_go_on();
}

#[test]
fn a_frame_that_is_cut_off_is_nothing() {
    let mut scene = Scene::new(&[]);
    let says = send(3, (3, 1), id(1), b"never whole");
    for cut in [1, 4, 23, 24, says.len() - 1] {
        let mut peer = Peer::logged_in(&scene.gateway, 3, 1);
        peer.say(&says[..cut]);
        drop(peer);
        scene.others_go_on();
    }
    let sends = scene.gateway.metric("longline_sends_total");
    assert_eq!(u128::from(sends), scene.said, "only the bystanders sent");
}

#[test]
fn who_does_not_log_in_is_closed_at_the_deadline() {
    let mut scene = Scene::new(&["--login-timeout-ms", "300"]);
    let mut silent = Peer::connect(&scene.gateway);
    let mut greeted = Peer::greeted(&scene.gateway);
    let mut dribbling = Peer::connect(&scene.gateway);
    let says = hello();
    // Each byte is waited for by the bystanders' round trip, so that it goes out alone.
    for byte in &says[..says.len() - 1] {
        dribbling.say(&[*byte]);
        scene.others_go_on();
    }
    let code = RefusalCode::LoginTimeout;
    // What it knows of is not known before its hello.
    let told = [(&mut silent, Told::GoingAway(code)), (&mut greeted, Told::SessionEnd(code))];
    for (peer, told) in told {
        assert_eq!(peer.told(), Some(told));
        assert!(peer.ended());
    }
    // On a slow machine it still dribbles when it is closed, and a reset takes the word from it.
    while dribbling.hear(|_| ()).is_some() {}
    assert_eq!(scene.closed_for("login_timeout"), 3);
    scene.others_go_on();
}
