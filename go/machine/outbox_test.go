package machine

import (
	"testing"

	"longline/wire"
)

func (b *bench) send(key uint64) {
	b.Send(b.now, Outgoing{Key: key, Conversation: chat, Kind: 1, Body: []byte{byte(key)}})
	b.step()
}

func body(w Write) byte { return w.Body.(*wire.Send).Body[0] }

func id(w Write) wire.MsgID { return w.Body.(*wire.Send).ClientMsgID }

func bodiesAre(t *testing.T, list []Write, want ...byte) {
	t.Helper()
	if len(list) != len(want) {
		t.Fatalf("%d sends, not %v", len(list), want)
	}
	for i := range list {
		if body(list[i]) != want[i] {
			t.Fatalf("send %d is %d, not %v", i, body(list[i]), want)
		}
	}
}

func TestAMessageIsSavedBeforeItIsWrittenAndKeepsItsID(t *testing.T) {
	b := newBench(t, Config{})
	b.send(1)
	if len(b.saves) != 1 || b.saves[0].ID != (wire.MsgID{}) {
		t.Fatal(b.saves)
	}
	b.connect(wire.LoginReply{})
	first := b.takeSends()
	bodiesAre(t, first, 1)
	if b.saves[1].ID != id(first[0]) || idTime(id(first[0])) != wall {
		t.Fatal(b.saves)
	}
}

func TestSendsAreRepeatedInOrderOverTheNextConnection(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	for key := range uint64(3) {
		b.send(key + 1)
	}
	first := b.takeSends()
	bodiesAre(t, first, 1, 2, 3)
	b.frame(first[0].Request, &wire.SendAck{MessageID: 1, Seq: 1, InboxSeq: 1})
	if b.inbox.cursor != (Cursor{Epoch: 1, Seq: 1, MessageID: 1}) {
		t.Fatal(b.inbox.cursor)
	}
	b.Lost(b.now, nil)
	b.step()
	b.sleep(500)
	b.dials, b.written = nil, nil
	b.Connected(b.now, "token")
	b.step()
	hello, login := b.written[0].Request, b.written[1].Request
	b.take()
	b.frame(hello, &wire.HelloReply{HeartbeatMS: 60_000, SendWindowMax: 64, PageRowsMax: 256})
	b.frame(login, &wire.LoginReply{UID: 7, InboxEpoch: 1, InboxHead: 1, Cursor: 1})
	again := b.takeSends()
	bodiesAre(t, again, 2, 3)
	if id(again[0]) != id(first[1]) {
		t.Fatal("another id")
	}
}

func TestAHintIsObeyedAndNothingOvertakes(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.send(1)
	b.send(2)
	w := b.takeSends()
	b.frame(w[0].Request, &wire.Refusal{Code: wire.RateLimited, RetryAfterMS: 300})
	b.send(3)
	b.frame(w[1].Request, &wire.Refusal{Code: wire.RateLimited, RetryAfterMS: 100})
	b.sleep(299)
	bodiesAre(t, b.takeSends())
	b.sleep(1)
	bodiesAre(t, b.takeSends(), 1, 2, 3)
}

func TestNoAnswerForTenSecondsRepeatsAllBehind(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.send(1)
	b.sleep(5000)
	b.send(2)
	b.take()
	b.sleep(5000)
	w := b.take()
	if w[0].Body.FrameKind() != wire.KindHeartbeat {
		t.Fatal(w)
	}
	bodiesAre(t, w[1:], 1, 2)
}

func TestIDsThatAreRefused(t *testing.T) {
	for _, code := range []wire.Code{wire.IDInFuture, wire.IDTooOld} {
		b := newBench(t, Config{})
		b.connect(wire.LoginReply{})
		b.send(1)
		w := b.takeSends()
		b.frame(w[0].Request, &wire.Refusal{Code: code, ServerTimeMS: wall - 50_000})
		again := b.takeSends()
		bodiesAre(t, again, 1)
		if id(again[0]) == id(w[0]) || idTime(id(again[0])) != wall-50_000 {
			t.Fatal("no new id on the server's clock", id(again[0]))
		}
		if last := b.saves[len(b.saves)-1]; last.ID != id(again[0]) {
			t.Fatal("it was not saved")
		}
	}
}

func TestAnOldIDThatMayBeStoredIsLookedFor(t *testing.T) {
	old := Outgoing{Key: 1, ID: (&ids{device: 3, rand: func() float64 { return 0 }}).next(wall - 90_000_000), Conversation: chat, Kind: 1, Body: []byte{1}}
	for _, isThere := range []bool{true, false} {
		b := newBench(t, Config{Outbox: []Outgoing{old}})
		b.connect(wire.LoginReply{})
		w := b.takeSends()
		b.frame(w[0].Request, &wire.Refusal{Code: wire.IDTooOld})
		_, request := one[*wire.History](b)
		row := wire.Message{Seq: 5, Sender: 7, TimeMS: wall - 90_000_000}
		if isThere {
			row.ClientMsgID = old.ID
		}
		b.frame(request, &wire.HistoryPage{Conversation: chat, Messages: []wire.Message{row}})
		if !isThere {
			_, request = one[*wire.History](b)
			b.frame(request, &wire.HistoryPage{Conversation: chat})
			if w := b.takeSends(); len(w) != 1 || id(w[0]) == old.ID {
				t.Fatal(w)
			}
		} else if s, ok := b.events[0].(Sent); !ok || s.Seq != 5 {
			t.Fatal(b.events)
		}
	}
}

func TestACopyThatIsNotAnsweredKeepsTheOthersRefusalOpen(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.send(1)
	first := b.takeSends()
	b.sleep(10_000)
	second := b.takeSends()
	b.frame(first[0].Request, &wire.Refusal{Code: wire.NotMember})
	if len(b.events) != 0 {
		t.Fatal("failed too early")
	}
	b.frame(second[0].Request, &wire.SendAck{MessageID: 5, Seq: 1})
	if _, ok := b.events[0].(Sent); !ok {
		t.Fatal(b.events)
	}
}

func TestAnOwnRowIsTheAnswer(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.send(1)
	w := b.takeSends()
	p := push(0, 1)
	p.Message.Sender, p.Message.ClientMsgID = 7, id(w[0])
	b.frame(0, p)
	if s, ok := b.events[0].(Sent); !ok || s.MessageID != 1001 || len(b.events) != 1 {
		t.Fatal(b.events)
	}
	b.frame(w[0].Request, &wire.SendAck{MessageID: 1001, Seq: 1, InboxSeq: 1})
	if len(b.events) != 1 {
		t.Fatal("told twice")
	}
}

func TestTheWindowOfAConversation(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	for key := range uint64(70) {
		b.send(key + 1)
	}
	w := b.takeSends()
	if len(w) != 64 {
		t.Fatal(len(w))
	}
	b.frame(w[0].Request, &wire.SendAck{MessageID: 1, Seq: 1, InboxSeq: 1})
	bodiesAre(t, b.takeSends(), 65)
}

func TestGroupID(t *testing.T) {
	id := wire.MsgID{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x70, 0, 0x80, 0, 0, 0, 0xfe, 0xdc, 0xba, 0x98}
	if got := GroupID(7, id); got != 5000275231184964751 {
		t.Fatal(got)
	}
}
