package machine

import (
	"slices"
	"testing"

	"longline/wire"
)

func rowsAre(t *testing.T, b *bench, want ...uint64) {
	t.Helper()
	if !slices.Equal(b.rows(), want) {
		t.Fatalf("rows %v, not %v", b.rows(), want)
	}
}

func TestPushesInOrderAreDeliveredOnceAndAcknowledgedTogether(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{InboxHead: 3})
	b.frame(0, push(0, 1))
	b.frame(0, push(1, 2))
	if w := b.take(); len(w) != 0 {
		t.Fatal("acknowledged at once", w)
	}
	b.sleep(500)
	if ack, _ := one[*wire.PushAck](b); ack.InboxSeq != 2 {
		t.Fatal(ack)
	}
	b.frame(0, push(1, 2)) // again: acknowledge at once
	if ack, _ := one[*wire.PushAck](b); ack.InboxSeq != 2 {
		t.Fatal(ack)
	}
	rowsAre(t, b, 1, 2)
	b.frame(0, push(0, 3)) // previous skips rows of this device
	rowsAre(t, b, 1, 2, 3)
}

func TestSixteenRowsAreAcknowledgedAtOnce(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	for i := range uint64(16) {
		b.frame(0, push(i, i+1))
	}
	if ack, _ := one[*wire.PushAck](b); ack.InboxSeq != 16 {
		t.Fatal(ack)
	}
}

func TestNothingIsAcknowledgedBeforeItIsStored(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	b.auto = false
	b.frame(0, push(0, 1))
	b.frame(0, push(0, 1))
	b.sleep(1900)
	if w := b.take(); len(w) != 0 {
		t.Fatal(w)
	}
	b.Stored(b.now, Cursor{Epoch: 1, Seq: 1, MessageID: 1001})
	b.step()
	if ack, _ := one[*wire.PushAck](b); ack.InboxSeq != 1 {
		t.Fatal(ack)
	}
}

func TestAGapIsSynced(t *testing.T) {
	b := newBench(t, Config{Cursor: Cursor{Epoch: 1, Seq: 4, MessageID: 9}})
	login := b.connect(wire.LoginReply{Cursor: 4, InboxHead: 4})
	if login.Cursor != 4 || login.InboxEpoch != 1 || login.MessageID != 9 || login.FromHead != 0 {
		t.Fatal(login)
	}
	b.frame(0, push(5, 6))
	sync, id := one[*wire.Sync](b)
	if sync.Cursor != 4 {
		t.Fatal(sync)
	}
	b.frame(0, push(6, 7)) // does not fit yet
	b.frame(id, &wire.SyncPage{InboxEpoch: 1, InboxHead: 7, Messages: []wire.Message{push(0, 5).Message, push(0, 6).Message}})
	sync, id = one[*wire.Sync](b)
	if sync.Cursor != 6 {
		t.Fatal(sync)
	}
	b.frame(id, &wire.SyncPage{InboxEpoch: 1, InboxHead: 7, Messages: []wire.Message{push(0, 7).Message}})
	if ack, _ := one[*wire.PushAck](b); ack.InboxSeq != 7 {
		t.Fatal(ack)
	}
	rowsAre(t, b, 5, 6, 7)
}

func TestPushesThatStopAreAskedForAfterTwoSeconds(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{InboxHead: 2})
	b.frame(0, push(0, 1))
	b.sleep(1999)
	b.take()
	b.sleep(1)
	_, id := one[*wire.Sync](b)
	b.frame(id, &wire.SyncPage{InboxEpoch: 1, InboxHead: 2}) // the server lost it
	rowsAre(t, b, 1)
	if b.inbox.cursor != (Cursor{Epoch: 1, Seq: 2}) {
		t.Fatal(b.inbox.cursor)
	}
}

func TestAnotherEpochBeginsAnew(t *testing.T) {
	b := newBench(t, Config{Cursor: Cursor{Epoch: 1, Seq: 4, MessageID: 9}})
	b.connect(wire.LoginReply{InboxEpoch: 2, InboxHead: 1})
	if len(b.events) != 1 || b.events[0] != (Reset{}) || b.inbox.cursor != (Cursor{Epoch: 2}) {
		t.Fatal(b.events, b.inbox.cursor)
	}
	b.frame(0, push(0, 1))
	rowsAre(t, b, 1)
	b.frame(0, &wire.InboxHead{InboxEpoch: 3, InboxHead: 1})
	if sync, _ := one[*wire.Sync](b); sync.Cursor != 0 {
		t.Fatal(sync)
	}
}

func TestRowsThatAreGoneAreToldBeforeTheNext(t *testing.T) {
	b := newBench(t, Config{Cursor: Cursor{Epoch: 1, Seq: 4, MessageID: 9}})
	b.connect(wire.LoginReply{Cursor: 4, InboxHead: 12, InboxTail: 10})
	if len(b.events) != 1 || b.events[0] != (Gap{From: 5, To: 9}) {
		t.Fatal(b.events)
	}
	b.frame(0, push(9, 10))
	rowsAre(t, b, 10)
}

func TestUnknownRowsMoveTheCursor(t *testing.T) {
	b := newBench(t, Config{})
	b.connect(wire.LoginReply{})
	p := push(0, 1)
	p.Message.Kind, p.Message.Conversation.Kind = 200, 200
	b.frame(0, p)
	b.sleep(500)
	if ack, _ := one[*wire.PushAck](b); ack.InboxSeq != 1 {
		t.Fatal(ack)
	}
}
