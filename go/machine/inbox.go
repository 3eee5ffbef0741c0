package machine

import "longline/wire"

// inbox is what the device has of the user's inbox.
type inbox struct {
	cursor   Cursor // handed to the application
	stored   Cursor // durable
	head     uint64 // the newest row that the server told of
	syncing  bool   // a page is asked for
	goOn     bool   // another page is to be asked for, once the last is stored
	progress int64  // when a row came last
	acked    uint64
	urgent   bool // acknowledge at once
	again    bool // acknowledge though nothing is new
	ackAt    int64
}

func (b *inbox) lost() {
	b.syncing, b.goOn, b.urgent, b.again, b.ackAt = false, false, false, false, never
}

func (b *inbox) deadline() int64 {
	at := b.ackAt
	if b.behind() {
		at = min(at, b.progress+quietMS)
	}
	return at
}

func (b *inbox) behind() bool { return b.cursor.Seq < b.head && !b.syncing && !b.goOn }

func (m *Machine) startInbox(now int64, r *wire.LoginReply) {
	b := &m.inbox
	b.progress, b.head, b.acked = now, r.InboxHead, r.Cursor
	if b.cursor.Epoch != r.InboxEpoch || b.cursor.Seq != r.Cursor {
		isNew := b.cursor == (Cursor{})
		b.cursor = Cursor{Epoch: r.InboxEpoch, Seq: r.Cursor}
		if isNew {
			m.moved(nil)
		} else {
			m.moved(Reset{})
		}
	}
	m.onTail(r.InboxTail)
}

// moved hands the cursor on, with an event or without.
func (m *Machine) moved(e Event) {
	c := m.inbox.cursor
	m.do(Deliver{Event: e, Cursor: &c})
}

// onTail skips the rows that are gone.
func (m *Machine) onTail(tail uint64) {
	b := &m.inbox
	if tail <= b.cursor.Seq+1 {
		return
	}
	gap := Gap{From: b.cursor.Seq + 1, To: tail - 1}
	b.cursor.Seq, b.cursor.MessageID = tail-1, 0
	m.moved(gap)
}

func (m *Machine) onPush(now int64, p *wire.Push) {
	b := &m.inbox
	switch {
	case p.Message.InboxSeq <= b.cursor.Seq:
		b.again = true
		if b.stored == b.cursor {
			m.ackNow(now)
		} else {
			b.urgent = true
		}
	case p.Previous <= b.cursor.Seq:
		m.take(now, &p.Message)
	default:
		m.sync(now)
	}
}

// take moves the cursor to a row, and delivers it if it is not of this device.
func (m *Machine) take(now int64, row *wire.Message) {
	b := &m.inbox
	b.cursor.Seq, b.cursor.MessageID = row.InboxSeq, row.MessageID
	b.head, b.progress = max(b.head, row.InboxSeq), now
	if row.Sender == m.uid && row.Kind != 2 && row.Kind != 3 && m.ids.mine(row.ClientMsgID) {
		m.sawOwn(row)
		m.moved(nil)
		return
	}
	m.moved(Message{*row})
}

func (m *Machine) sync(now int64) {
	b := &m.inbox
	if b.syncing {
		return
	}
	b.syncing, b.goOn, b.urgent = true, false, true
	m.ask(now, &call{body: &wire.Sync{Cursor: b.cursor.Seq, Limit: m.limits.PageRowsMax}, own: true,
		done: func(now int64, body wire.Body, err error) {
			b.syncing = false
			if page, ok := body.(*wire.SyncPage); ok {
				m.onPage(now, page)
			} else {
				b.progress = now // asked for again after a while
			}
		}})
}

func (m *Machine) onPage(now int64, page *wire.SyncPage) {
	b := &m.inbox
	if page.InboxEpoch != b.cursor.Epoch {
		m.newEpoch(now, page.InboxEpoch)
		return
	}
	m.onTail(page.InboxTail)
	b.head = max(b.head, page.InboxHead)
	if len(page.Messages) == 0 && page.InboxHead > b.cursor.Seq {
		b.cursor.Seq, b.cursor.MessageID = page.InboxHead, 0
		m.moved(nil)
	}
	before := b.cursor
	for i := range page.Messages {
		if row := &page.Messages[i]; row.InboxSeq > b.cursor.Seq {
			m.take(now, row)
		}
	}
	b.urgent, b.progress = true, now
	b.goOn = b.cursor.Seq < b.head && b.cursor != before
	if b.stored == b.cursor {
		m.Stored(now, b.cursor)
	}
}

func (m *Machine) newEpoch(now int64, epoch uint64) {
	m.inbox.cursor = Cursor{Epoch: epoch}
	m.inbox.acked = 0
	m.moved(Reset{})
	m.sync(now)
}

func (m *Machine) onHead(now int64, epoch, head uint64) {
	if m.phase != online {
		return
	}
	b := &m.inbox
	if epoch != b.cursor.Epoch {
		m.newEpoch(now, epoch)
		return
	}
	b.head = max(b.head, head)
	if b.behind() && !m.outbox.busy() && now >= b.progress+quietMS {
		m.sync(now)
	}
}

// Stored says that the application has everything up to a cursor for good.
func (m *Machine) Stored(now int64, c Cursor) {
	b := &m.inbox
	b.stored = c
	if m.phase != online || c.Epoch != b.cursor.Epoch {
		return
	}
	if b.goOn && c.Seq == b.cursor.Seq {
		m.sync(now)
	}
	if b.urgent || b.again || c.Seq >= b.acked+ackRows {
		m.ackNow(now)
		b.urgent = b.syncing
	} else if c.Seq > b.acked {
		b.ackAt = min(b.ackAt, now+ackMS)
	}
	m.pump(now)
}

// ackNow acknowledges what is stored, if that is news.
func (m *Machine) ackNow(now int64) {
	b := &m.inbox
	if b.stored.Epoch != b.cursor.Epoch || b.stored.Seq <= b.acked && !b.again {
		return
	}
	b.acked, b.ackAt, b.again = b.stored.Seq, never, false
	m.wroteAt = now
	m.do(Write{Body: &wire.PushAck{InboxSeq: b.stored.Seq}})
}

func (m *Machine) tickInbox(now int64) {
	b := &m.inbox
	if now >= b.ackAt {
		b.ackAt = never
		m.ackNow(now)
	}
	if b.behind() && now >= b.progress+quietMS {
		m.sync(now)
	}
}
