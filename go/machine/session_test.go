package machine

import (
	"errors"
	"testing"

	"longline/wire"
)

func TestASilentServerIsGone(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.sleep(60_000)
	beat, request := one[*wire.Heartbeat](b)
	if beat.TimeMS != wall+60_000 {
		t.Fatal(beat)
	}
	b.frame(request, &wire.HeartbeatReply{TimeMS: beat.TimeMS, InboxEpoch: 1})
	b.sleep(60_000)
	one[*wire.Heartbeat](b)
	b.sleep(9_999)
	if b.closed != 0 {
		t.Fatal("too early")
	}
	b.sleep(1)
	if b.closed != 1 || b.status.Online {
		t.Fatal("still there")
	}
}

func TestTheServersHeartbeatIsAnswered(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.frame(0, &wire.Heartbeat{TimeMS: 5})
	if r, request := one[*wire.HeartbeatReply](b); *r != (wire.HeartbeatReply{TimeMS: 5}) || request != 0 {
		t.Fatal(r)
	}
}

func TestFullJitterDoublesUpToItsBound(t *testing.T) {
	b := newBench(t, Config{})
	for _, want := range []int64{250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000} {
		b.dials = nil
		b.Lost(b.now, errors.New("refused"))
		b.step()
		b.sleep(want - 1)
		if len(b.dials) != 0 {
			t.Fatal("before", want)
		}
		b.sleep(1)
		if len(b.dials) != 1 {
			t.Fatal("not after", want)
		}
	}
}

func TestGoingAwayComesBackAfterItsTime(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.frame(0, &wire.GoingAway{Code: wire.Draining, ReconnectAfterMS: 1000, JitterMS: 5000})
	b.send(1)
	if w := b.takeSends(); len(w) != 0 {
		t.Fatal("a new send to a server that goes", w)
	}
	b.Lost(b.now, nil)
	b.step()
	b.sleep(3499)
	if len(b.dials) != 0 {
		t.Fatal("too early")
	}
	b.sleep(1)
	if len(b.dials) != 1 || b.dials[0].Fresh {
		t.Fatal(b.dials)
	}
}

func TestSessionEnd(t *testing.T) {
	for _, c := range []struct {
		next        uint8
		dial, fresh bool
	}{{0, true, false}, {1, true, true}, {2, false, false}, {9, true, false}} {
		b := newBench(t, Config{})
		b.connect(wire.LoginReply{})
		b.frame(0, &wire.SessionEnd{Code: wire.Kicked, Next: c.next, WaitMS: 1000, JitterMS: 2000})
		b.Lost(b.now, nil)
		b.step()
		b.sleep(1999)
		if len(b.dials) != 0 {
			t.Fatal("too early")
		}
		b.sleep(60_000)
		if (len(b.dials) == 1) != c.dial || c.dial && b.dials[0].Fresh != c.fresh {
			t.Fatal(c, b.dials)
		}
		if (b.status.Err != nil) == c.dial {
			t.Fatal(c, b.status)
		}
	}
}

func TestALoginThatIsRefused(t *testing.T) {
	b := newBench(t, Config{})
	b.Connected(b.now, "wrong")
	b.step()
	login := b.written[1].Request
	b.dials = nil
	b.frame(login, &wire.Refusal{Code: wire.BadToken})
	b.Lost(b.now, nil)
	b.step()
	b.sleep(500)
	if len(b.dials) != 1 || !b.dials[0].Fresh || !b.SameToken("wrong") || b.SameToken("right") {
		t.Fatal(b.dials)
	}
}

func TestAnotherVersionStopsTheClient(t *testing.T) {
	b := newBench(t, Config{})
	b.Connected(b.now, "token")
	b.Lost(b.now, wire.ErrVersion)
	b.step()
	var end *Ended
	if !errors.As(b.status.Err, &end) || end.Code != wire.UnsupportedVersion {
		t.Fatal(b.status)
	}
}

func TestTheTokenIsRenewed(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.planRenew(b.now, wall+b.now+50_000)
	b.sleep(40_000)
	if b.tokens != 1 {
		t.Fatal(b.tokens)
	}
	b.take()
	b.Renew(b.now, "other")
	b.step()
	renew, request := one[*wire.Renew](b)
	if renew.Token != "other" {
		t.Fatal(renew)
	}
	b.frame(request, &wire.RenewReply{UntilMS: uint64(wall + b.now + 100_000)})
	if b.renewAt != b.now+80_000 {
		t.Fatal(b.renewAt, b.now)
	}
}

func TestRequestsAreRepeatedWhereTheyMayBe(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.Request(b.now, 1, &wire.Chats{Limit: 5}, true)
	b.Request(b.now, 2, &wire.HideChat{Conversation: chat}, false)
	b.step()
	w := b.take()
	b.frame(w[0].Request, &wire.Refusal{Code: wire.Busy, RetryAfterMS: 100})
	b.sleep(100)
	one[*wire.Chats](b)
	b.Lost(b.now, nil)
	b.step()
	if len(b.replies) != 1 || b.replies[0].Key != 2 || !errors.Is(b.replies[0].Err, ErrLost) {
		t.Fatal(b.replies)
	}
	b.sleep(500)
	b.Connected(b.now, "token")
	b.step()
	hello, login := b.written[0].Request, b.written[1].Request
	b.frame(hello, &wire.HelloReply{HeartbeatMS: 60_000, PageRowsMax: 256})
	b.frame(login, &wire.LoginReply{UID: 7, InboxEpoch: 1})
	_, request := one[*wire.Chats](b)
	b.frame(request, &wire.ChatsPage{})
	if len(b.replies) != 2 || b.replies[1].Err != nil {
		t.Fatal(b.replies)
	}
}

func TestSignalsAreSaidEveryThreeSeconds(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.Signal(b.now, chat, 4) // nothing to end
	b.Signal(b.now, chat, 2)
	b.Signal(b.now+2999, chat, 2)
	b.Signal(b.now+3000, chat, 2)
	b.Signal(b.now+3001, chat, 4)
	b.step()
	if w := b.take(); len(w) != 3 {
		t.Fatal(w)
	}
}
