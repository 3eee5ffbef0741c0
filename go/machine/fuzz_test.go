package machine

import (
	"testing"

	"longline/wire"
)

// FuzzFrames has a server say anything at all: the machine never panics, and
// always comes to rest.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{1, 0, 2, 5, 0, 1, 9, 3})
	f.Fuzz(func(t *testing.T, in []byte) {
		b := newBench(t, Config{})
		b.connect(wire.LoginReply{InboxHead: 3})
		b.send(1)
		b.Request(b.now, 2, &wire.Chats{Limit: 9}, true)
		for len(in) >= 3 {
			b.say(in[0], uint64(in[1]), uint64(in[2]))
			b.sleep(int64(in[2]) * 16)
			in = in[3:]
		}
	})
}

// say has the server say something.
func (b *bench) say(what byte, x, y uint64) {
	row := wire.Message{InboxSeq: x, Conversation: chat, Seq: y, Sender: 7 + y%2, MessageID: x}
	switch what % 14 {
	case 0:
		b.frame(0, &wire.Push{Previous: y, Message: row})
	case 1:
		b.frame(x, &wire.SendAck{MessageID: 1, Seq: y, InboxSeq: y})
	case 2:
		b.frame(x, &wire.Refusal{Code: wire.Code(y), RetryAfterMS: uint32(y)})
	case 3:
		b.frame(x, &wire.SyncPage{InboxEpoch: 1 + y%2, InboxHead: y, InboxTail: y / 2, Messages: []wire.Message{row}})
	case 4:
		b.frame(x, &wire.SyncPage{InboxEpoch: 1, InboxHead: y})
	case 5:
		b.frame(0, &wire.InboxHead{InboxEpoch: 1 + x%2, InboxHead: y})
	case 6:
		b.frame(0, &wire.GoingAway{Code: wire.Code(x), JitterMS: uint32(y)})
	case 7:
		b.frame(0, &wire.SessionEnd{Code: wire.Code(x), Next: uint8(y % 4), WaitMS: 1})
	case 8:
		b.frame(x, &wire.HeartbeatReply{InboxEpoch: 1, InboxHead: y, ServerTimeMS: y})
	case 9:
		b.frame(x, &wire.HistoryPage{Conversation: chat, Messages: []wire.Message{row}})
	case 10:
		b.Lost(b.now, nil)
		b.step()
	case 11:
		b.Connected(b.now, "token")
		b.step()
	case 12:
		b.frame(x, &wire.HelloReply{HeartbeatMS: uint32(y), PageRowsMax: uint32(y)})
	case 13:
		b.frame(x, &wire.LoginReply{UID: 7, InboxEpoch: 1, InboxHead: y, Cursor: y / 2, InboxTail: y})
	}
}
