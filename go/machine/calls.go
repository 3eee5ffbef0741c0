package machine

import (
	"errors"

	"longline/wire"
)

// ErrLost says that the connection ended before the answer came, and that
// the request is none that may be repeated.
var ErrLost = errors.New("longline: the connection ended before the answer came")

// ErrLoggedOut says that the application ended the session.
var ErrLoggedOut = errors.New("longline: logged out")

const callsMax = 4 // pages under way at a time

// call is a request that is not a Send.
type call struct {
	key       uint64
	body      wire.Body
	repeat    bool // may be repeated over another connection
	own       bool // of the machine: for this connection only, and at once
	id        uint64
	sentAt    int64
	notBefore int64
	done      func(now int64, body wire.Body, err error)
}

type calls struct{ list []*call }

// Request asks for something for the application. Reply ends it.
func (m *Machine) Request(now int64, key uint64, body wire.Body, repeat bool) {
	c := &call{key: key, body: body, repeat: repeat}
	c.done = func(_ int64, body wire.Body, err error) { m.do(Reply{Key: key, Body: body, Err: err}) }
	m.ask(now, c)
	m.pump(now)
}

// Abandon forgets a request.
func (m *Machine) Abandon(key uint64) {
	for _, c := range m.calls.list {
		if c.key == key && !c.own {
			m.calls.remove(c)
			return
		}
	}
}

// Logout ends the session in order.
func (m *Machine) Logout(now int64, key uint64) {
	if m.phase != online {
		m.do(Reply{Key: key})
		return
	}
	m.plan = &plan{stop: ErrLoggedOut}
	m.Request(now, key, &wire.Logout{Generation: m.session.Generation}, false)
}

func (m *Machine) ask(now int64, c *call) {
	c.notBefore = now
	m.calls.list = append(m.calls.list, c)
}

func (m *Machine) pumpCalls(now int64) {
	underWay := 0
	for _, c := range m.calls.list {
		if c.id != 0 && !c.own {
			underWay++
		}
	}
	for _, c := range m.calls.list {
		if c.id != 0 || c.notBefore > now || !c.own && underWay >= callsMax {
			continue
		}
		c.id, c.sentAt = m.nextID(), now
		m.clamp(c.body)
		if !c.own {
			underWay++
		}
		m.write(now, c.id, c.body)
	}
}

// clamp keeps the limit of a page to what the server allows.
func (m *Machine) clamp(b wire.Body) {
	most := m.limits.PageRowsMax
	switch b := b.(type) {
	case *wire.History:
		b.Limit = min(b.Limit, most)
	case *wire.Chats:
		b.Limit = min(b.Limit, most)
	case *wire.GroupMembers:
		b.Limit = min(b.Limit, most)
	case *wire.Devices:
		b.Limit = min(b.Limit, most)
	}
}

func (q *calls) remove(c *call) {
	for i := range q.list {
		if q.list[i] == c {
			q.list = append(q.list[:i:i], q.list[i+1:]...)
			return
		}
	}
}

func (q *calls) find(id uint64) *call {
	for _, c := range q.list {
		if c.id == id && id != 0 {
			return c
		}
	}
	return nil
}

func (q *calls) answer(m *Machine, now int64, id uint64, body wire.Body) {
	if c := q.find(id); c != nil {
		q.remove(c)
		c.done(now, body, nil)
	}
}

func (q *calls) refuse(m *Machine, now int64, id uint64, r *wire.Refusal) {
	c := q.find(id)
	if c == nil {
		return
	}
	if r.RetryAfterMS > 0 && !isRenew(c.body) {
		c.id, c.notBefore = 0, now+int64(r.RetryAfterMS)
		return
	}
	q.remove(c)
	c.done(now, nil, refusedBy(r))
}

func isRenew(b wire.Body) bool { return b.FrameKind() == wire.KindRenew }

func refusedBy(r *wire.Refusal) *Refused {
	return &Refused{Code: r.Code, RetryAfterMS: r.RetryAfterMS, Text: r.Text}
}

func (q *calls) deadline(now int64) int64 {
	at := int64(never)
	for _, c := range q.list {
		if c.id != 0 {
			at = min(at, c.sentAt+answerMS)
		} else if c.notBefore > now {
			at = min(at, c.notBefore)
		}
	}
	return at
}

// expire asks again for what got no answer. It says whether there was any.
func (q *calls) expire(m *Machine, now int64) bool {
	late := false
	for _, c := range append([]*call(nil), q.list...) {
		if c.id == 0 || now < c.sentAt+answerMS {
			continue
		}
		late = true
		c.id = 0
		if !c.repeat {
			q.remove(c)
			c.done(now, nil, ErrLost)
		}
	}
	return late
}

// lost ends the requests that cannot be repeated.
func (q *calls) lost(m *Machine) {
	for _, c := range append([]*call(nil), q.list...) {
		wasSent := c.id != 0
		c.id = 0
		if c.own {
			q.remove(c)
		} else if wasSent && !c.repeat {
			q.remove(c)
			c.done(0, nil, ErrLost)
		}
	}
}

// stop ends all requests.
func (q *calls) stop(m *Machine, err error) {
	list := q.list
	q.list = nil
	for _, c := range list {
		if !c.own {
			c.done(0, nil, err)
		}
	}
}
