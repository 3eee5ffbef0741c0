package machine

import (
	"errors"

	"longline/wire"
)

const sendsMax = 512 // under way at a time, over all conversations

// entry is a message of the outbox.
type entry struct {
	Outgoing
	writes    int  // how often it was ever written
	copies    int  // written over this connection, and not answered
	due       bool // to be written
	notBefore int64
	sentAt    int64
	refused   *Refused // the last word of a copy while others are not answered
	searching bool     // looked for in the history
	done      bool
}

type outbox struct {
	lanes map[wire.Conversation][]*entry
	order []wire.Conversation // in which they were first used
	byReq map[uint64]*entry
}

func (o *outbox) init() {
	o.lanes, o.byReq = map[wire.Conversation][]*entry{}, map[uint64]*entry{}
}

func (o *outbox) add(out Outgoing) *entry {
	e := &entry{Outgoing: out, due: true}
	c := out.Conversation
	if len(o.lanes[c]) == 0 {
		o.order = append(o.order, c)
	}
	o.lanes[c] = append(o.lanes[c], e)
	return e
}

func (o *outbox) remove(e *entry) {
	e.done = true
	for c, lane := range o.lanes {
		for i := range lane {
			if lane[i] != e {
				continue
			}
			o.lanes[c] = append(lane[:i:i], lane[i+1:]...)
			if len(o.lanes[c]) == 0 {
				o.forget(c)
			}
			return
		}
	}
}

func (o *outbox) forget(c wire.Conversation) {
	delete(o.lanes, c)
	for i := range o.order {
		if o.order[i] == c {
			o.order = append(o.order[:i:i], o.order[i+1:]...)
			return
		}
	}
}

func (o *outbox) busy() bool { return len(o.byReq) > 0 }

// Send takes a message. It is saved before it is written.
func (m *Machine) Send(now int64, out Outgoing) {
	e := m.outbox.add(out)
	if m.phase != online {
		m.do(Save{Put: e.Outgoing})
		return
	}
	m.pump(now)
	if e.ID == (wire.MsgID{}) {
		m.do(Save{Put: e.Outgoing})
	}
}

// pumpOutbox writes what is due, of each conversation in order.
func (m *Machine) pumpOutbox(now int64) {
	if m.leaving || m.plan != nil {
		return
	}
	o := &m.outbox
	for _, c := range o.order {
		underWay := 0
		for _, e := range o.lanes[c] {
			if !e.due && !e.searching {
				underWay++
				continue
			}
			if e.searching || e.notBefore > now || underWay >= int(m.limits.SendWindowMax) || len(o.byReq) >= sendsMax {
				break
			}
			m.writeSend(now, e)
			underWay++
		}
	}
}

func (m *Machine) writeSend(now int64, e *entry) {
	if e.ID == (wire.MsgID{}) {
		m.name(now, e)
	}
	e.due, e.sentAt, e.refused = false, now, nil
	e.writes++
	e.copies++
	id := m.nextID()
	m.outbox.byReq[id] = e
	delete(m.typing, e.Conversation)
	m.write(now, id, &wire.Send{Conversation: e.Conversation, ClientMsgID: e.ID, Kind: e.Kind,
		Body: string(e.Body), SeenSeq: e.SeenSeq})
}

// name gives a message an id that was never used. It is saved with it.
func (m *Machine) name(now int64, e *entry) {
	e.ID, e.writes = m.ids.next(m.ServerTime(now)), 0
	if e.Kind == KindCreate {
		e.Conversation = wire.Conversation{Kind: 2, A: GroupID(m.uid, e.ID)}
	}
	m.do(Save{Put: e.Outgoing})
}

func (m *Machine) onSendAck(now int64, request uint64, a *wire.SendAck) {
	b := &m.inbox
	if a.InboxSeq != 0 && a.InboxSeq == b.cursor.Seq+1 {
		b.cursor.Seq, b.cursor.MessageID = a.InboxSeq, a.MessageID
		b.head = max(b.head, a.InboxSeq)
		if b.acked+1 == a.InboxSeq {
			b.acked = a.InboxSeq // no push, so nothing to acknowledge
		}
		m.moved(nil)
	}
	e := m.outbox.byReq[request]
	delete(m.outbox.byReq, request)
	if e != nil && !e.done {
		m.sent(e, a.MessageID, a.Seq, a.TimeMS)
	}
}

func (m *Machine) sent(e *entry, messageID, seq, timeMS uint64) {
	m.outbox.remove(e)
	m.do(Deliver{Event: Sent{Outgoing: e.Outgoing, MessageID: messageID, Seq: seq, TimeMS: timeMS}, Drop: e.Key})
}

func (m *Machine) fail(e *entry, err error) {
	m.outbox.remove(e)
	m.do(Deliver{Event: Failed{Outgoing: e.Outgoing, Err: err}, Drop: e.Key})
}

// sawOwn takes a row of the inbox as the answer to the message that it is.
func (m *Machine) sawOwn(row *wire.Message) {
	for _, lane := range m.outbox.lanes {
		for _, e := range lane {
			if e.ID == row.ClientMsgID && e.Conversation == row.Conversation {
				m.sent(e, row.MessageID, row.Seq, row.TimeMS)
				return
			}
		}
	}
}

// refuseSend takes the refusal of a Send. It says whether it was one.
func (m *Machine) refuseSend(now int64, request uint64, r *wire.Refusal) bool {
	e := m.outbox.byReq[request]
	if e == nil {
		return false
	}
	delete(m.outbox.byReq, request)
	if e.done {
		return true
	}
	e.copies--
	wait := int64(r.RetryAfterMS)
	switch {
	case r.Code == wire.IDTooOld:
		m.tooOld(now, e)
	case r.Code == wire.IDInFuture && e.writes == 1:
		e.due, e.notBefore = true, now
		m.name(now, e)
	case r.Code == wire.Muted || wait == 0 && !passing(r.Code):
		e.refused = refusedBy(r)
		if e.copies == 0 {
			m.fail(e, e.refused)
		}
	default:
		if wait == 0 {
			wait = backoffMS
		}
		e.due, e.notBefore = true, now+wait
	}
	return true
}

// passing says whether a repetition helps, though no time was told.
func passing(c wire.Code) bool {
	switch c {
	case wire.RateLimited, wire.Busy, wire.StoreUnavailable, wire.StoreFull, wire.Draining, wire.IDInFuture:
		return true
	}
	return false
}

// tooOld gives a message a new id, once it is sure that it is not stored.
func (m *Machine) tooOld(now int64, e *entry) {
	if e.searching {
		return
	}
	if e.writes == 1 {
		e.due, e.notBefore = true, now
		m.name(now, e)
		return
	}
	e.searching, e.due = true, false
	m.search(now, e, 0)
}

// search reads the history back to the time of an id.
func (m *Machine) search(now int64, e *entry, before uint64) {
	body := &wire.History{Conversation: e.Conversation, BeforeSeq: before, Limit: m.limits.PageRowsMax}
	m.ask(now, &call{body: body, own: true, done: func(now int64, body wire.Body, err error) {
		if e.done || !e.searching {
			return
		}
		page, ok := body.(*wire.HistoryPage)
		if !ok {
			e.searching = false
			if r := new(Refused); errors.As(err, &r) {
				m.fail(e, err)
			} else {
				e.due = true // the connection ended: asked again over the next
			}
			return
		}
		for i := range page.Messages {
			if row := &page.Messages[i]; row.Sender == m.uid && row.ClientMsgID == e.ID {
				m.sent(e, row.MessageID, row.Seq, row.TimeMS)
				return
			}
		}
		// An id may be 10 s ahead of the time at which it was taken.
		if n := page.Messages; len(n) > 0 && n[0].Seq > 1 && int64(n[0].TimeMS) >= idTime(e.ID)-answerMS {
			m.search(now, e, n[0].Seq)
			return
		}
		e.searching, e.due, e.notBefore = false, true, now
		m.name(now, e)
	}})
}

func (o *outbox) deadline(now int64) int64 {
	at := int64(never)
	for _, lane := range o.lanes {
		for _, e := range lane {
			if e.due && e.notBefore > now {
				at = min(at, e.notBefore)
			}
			if !e.due && !e.searching {
				at = min(at, e.sentAt+answerMS)
			}
		}
	}
	return at
}

// expire repeats what got no answer, and all behind it in its conversation.
// It says whether there was any.
func (o *outbox) expire(now int64) bool {
	late := false
	for _, lane := range o.lanes {
		again := false
		for _, e := range lane {
			if !e.due && !e.searching && now >= e.sentAt+answerMS {
				again = true
			}
			if again && !e.searching {
				e.due = true
			}
		}
		late = late || again
	}
	return late
}

// lost makes everything due again that has no answer.
func (o *outbox) lost() {
	o.byReq = map[uint64]*entry{}
	for _, lane := range o.lanes {
		for _, e := range lane {
			e.due, e.searching, e.copies, e.refused = true, false, 0, nil
		}
	}
}
