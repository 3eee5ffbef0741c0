package machine

import (
	"math"

	"longline/wire"
)

// Times of the protocol, in milliseconds.
const (
	answerMS     = 10_000
	quietMS      = 2_000
	ackMS        = 500
	ackRows      = 16
	backoffMS    = 500
	backoffMaxMS = 30_000
	stableMS     = 10_000
	signalMS     = 3_000
)

const never = math.MaxInt64

type phase uint8

const (
	waiting phase = iota // until dialAt
	dialing
	loggingIn
	online
	stopped
)

// Machine is a client. All times are milliseconds of a clock that is not
// set, counted from when the machine was made.
type Machine struct {
	cfg     Config
	out     []Effect
	phase   phase
	limits  wire.HelloReply
	uid     uint64
	session wire.LoginReply
	request uint64
	clock   int64 // the server's clock minus ours

	// Connecting.
	dialAt   int64
	failures int
	fresh    bool   // the next dial needs another token
	refused  string // the token that was refused
	token    string
	renewAt  int64
	plan     *plan
	leaving  bool // the server said GoingAway
	since    int64

	// The connection.
	wroteAt   int64
	beatAt    int64 // when a heartbeat was sent that is not answered, or never
	beatID    uint64
	loginID   uint64
	helloID   uint64
	connectAt int64

	inbox  inbox
	outbox outbox
	calls  calls
	typing map[wire.Conversation]int64
	ids    ids
}

// New makes a machine. Start must follow.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, clock: cfg.WallMS, dialAt: never, renewAt: never, beatAt: never}
	// Until the server tells its own, and where it tells none.
	m.limits = wire.HelloReply{HeartbeatMS: 60_000, PageRowsMax: 256, SendWindowMax: 64}
	m.typing = map[wire.Conversation]int64{}
	m.ids = ids{device: cfg.Device, rand: cfg.Rand}
	m.inbox.cursor, m.inbox.stored = cfg.Cursor, cfg.Cursor
	m.inbox.ackAt = never
	m.outbox.init()
	for _, o := range cfg.Outbox {
		e := m.outbox.add(o)
		if o.ID != (wire.MsgID{}) {
			e.writes = 2 // how often is not known: suppose the worst
		}
	}
	return m
}

// Start begins to connect.
func (m *Machine) Start(now int64) {
	m.dialAt = now
	m.Tick(now)
}

// Effects returns what is to be done, and forgets it.
func (m *Machine) Effects() []Effect {
	out := m.out
	m.out = nil
	return out
}

// ServerTime is the server's clock, in Unix milliseconds.
func (m *Machine) ServerTime(now int64) int64 { return now + m.clock }

// UID is the user that is logged in.
func (m *Machine) UID() uint64 { return m.uid }

func (m *Machine) do(e Effect) { m.out = append(m.out, e) }

func (m *Machine) heard(serverMS uint64, now int64) {
	if serverMS != 0 {
		m.clock = int64(serverMS) - now
	}
}

func (m *Machine) nextID() uint64 {
	m.request++
	return m.request
}

// write writes a frame, and with it the acknowledgement that waits.
func (m *Machine) write(now int64, request uint64, body wire.Body) {
	m.wroteAt = now
	m.do(Write{Request: request, Body: body})
	if m.phase == online {
		m.ackNow(now)
	}
}

// Deadline is when Tick must be called at the latest.
func (m *Machine) Deadline(now int64) int64 {
	switch m.phase {
	case waiting:
		return m.dialAt
	case loggingIn:
		return m.connectAt + answerMS
	case online:
		at := min(m.inbox.deadline(), m.outbox.deadline(now), m.calls.deadline(now), m.renewAt)
		if m.beatAt != never {
			at = min(at, m.beatAt+answerMS)
		} else {
			at = min(at, m.wroteAt+int64(m.limits.HeartbeatMS))
		}
		if m.leaving {
			at = min(at, m.plan.at)
		}
		return at
	}
	return never
}

// Tick does what is due.
func (m *Machine) Tick(now int64) {
	switch m.phase {
	case waiting:
		if now >= m.dialAt {
			m.phase = dialing
			m.do(Dial{Fresh: m.fresh})
		}
	case loggingIn:
		if now >= m.connectAt+answerMS {
			m.drop(now)
		}
	case online:
		m.tickOnline(now)
	}
}

func (m *Machine) tickOnline(now int64) {
	if m.beatAt != never && now >= m.beatAt+answerMS || m.leaving && now >= m.plan.at {
		m.drop(now)
		return
	}
	if m.outbox.expire(now) || m.calls.expire(m, now) || now >= m.wroteAt+int64(m.limits.HeartbeatMS) {
		m.beat(now)
	}
	if now >= m.renewAt {
		m.renewAt = never
		m.do(FetchToken{})
	}
	m.tickInbox(now)
	m.pump(now)
}

// pump writes what may be written now.
func (m *Machine) pump(now int64) {
	if m.phase == online {
		m.pumpCalls(now)
		m.pumpOutbox(now)
	}
}

func (m *Machine) beat(now int64) {
	if m.beatAt != never {
		return
	}
	m.beatAt, m.beatID = now, m.nextID()
	m.write(now, m.beatID, &wire.Heartbeat{TimeMS: uint64(max(m.ServerTime(now), 0))})
}

// drop closes the connection, and takes it as lost.
func (m *Machine) drop(now int64) {
	m.do(Close{})
	m.Lost(now, nil)
}
