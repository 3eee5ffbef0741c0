package machine

import (
	"testing"

	"longline/wire"
)

// bench drives a machine as the driver does, with a clock of its own.
type bench struct {
	*Machine
	t       *testing.T
	now     int64
	written []Write
	events  []Event
	saves   []Outgoing
	replies []Reply
	dials   []Dial
	tokens  int
	closed  int
	status  Status
	// auto has the application store what it is told at once.
	auto bool
}

const wall = 1_790_000_000_000

func newBench(t *testing.T, cfg Config) *bench {
	cfg.WallMS, cfg.Rand = wall, func() float64 { return 0.5 }
	if cfg.Device == 0 {
		cfg.Device = 3
	}
	b := &bench{Machine: New(cfg), t: t, auto: true}
	b.Start(0)
	b.step()
	return b
}

func (b *bench) step() {
	for effects := b.Effects(); len(effects) > 0; effects = b.Effects() {
		for _, e := range effects {
			switch e := e.(type) {
			case Write:
				b.written = append(b.written, e)
			case Save:
				b.saves = append(b.saves, e.Put)
			case Reply:
				b.replies = append(b.replies, e)
			case Dial:
				b.dials = append(b.dials, e)
			case Close:
				b.closed++
			case FetchToken:
				b.tokens++
			case Status:
				b.status = e
			case Deliver:
				if e.Event != nil {
					b.events = append(b.events, e.Event)
				}
				if e.Cursor != nil && b.auto {
					b.Stored(b.now, *e.Cursor)
				}
			}
		}
	}
}

// sleep lets time pass, and ticks when the machine asks for it.
func (b *bench) sleep(ms int64) {
	end := b.now + ms
	for n := 0; ; n++ {
		at := b.Deadline(b.now)
		if at > end {
			break
		}
		if n > 1000 {
			b.t.Fatal("the machine does not rest")
		}
		b.now = max(b.now, at)
		b.Tick(b.now)
		b.step()
	}
	b.now = end
}

func (b *bench) frame(request uint64, body wire.Body) {
	b.Frame(b.now, wire.Frame{Kind: body.FrameKind(), Request: request, Body: body})
	b.step()
}

// take returns what was written since, and forgets it.
func (b *bench) take() []Write {
	w := b.written
	b.written = nil
	return w
}

func (b *bench) takeSends() (list []Write) {
	for _, w := range b.take() {
		if w.Body.FrameKind() == wire.KindSend {
			list = append(list, w)
		}
	}
	return list
}

// one returns the only frame of a kind that was written since.
func one[T wire.Body](b *bench) (T, uint64) {
	b.t.Helper()
	var found T
	var id uint64
	n := 0
	for _, w := range b.take() {
		if x, ok := w.Body.(T); ok {
			found, id = x, w.Request
			n++
		}
	}
	if n != 1 {
		b.t.Fatalf("%d frames of %T, not one", n, found)
	}
	return found, id
}

// connect logs in.
func (b *bench) connect(reply wire.LoginReply) *wire.Login {
	b.t.Helper()
	b.dials, b.written = nil, nil
	b.Connected(b.now, "token")
	b.step()
	if len(b.written) != 2 || b.written[0].Body.FrameKind() != wire.KindHello {
		b.t.Fatalf("the first flight is %v", b.written)
	}
	hello := b.written[0].Request
	login, id := one[*wire.Login](b)
	b.frame(hello, &wire.HelloReply{Version: 2, HeartbeatMS: 60_000, FrameBytesMax: 65536, BodyBytesMax: 32768,
		PageRowsMax: 256, PushWindowMax: 256, SendWindowMax: 64, Features: 3, ServerTimeMS: wall + uint64(b.now)})
	if reply.UID == 0 {
		reply.UID = 7
	}
	if reply.InboxEpoch == 0 {
		reply.InboxEpoch = 1
	}
	b.frame(id, &reply)
	return login
}

func push(previous, seq uint64) *wire.Push {
	return &wire.Push{Previous: previous, Message: wire.Message{InboxSeq: seq, Conversation: chat, Seq: seq,
		Sender: 8, MessageID: 1000 + seq, Kind: 1, Body: "hi"}}
}

var chat = wire.Conversation{Kind: 1, A: 8, B: 7}

// rows are the rows of the inbox that the application was told.
func (b *bench) rows() (list []uint64) {
	for _, e := range b.events {
		if m, ok := e.(Message); ok {
			list = append(list, m.InboxSeq)
		}
	}
	return list
}
