package machine

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"

	"longline/wire"
)

// plan is what to do when the connection has ended.
type plan struct {
	stop  error // stay away
	fresh bool  // get another token
	at    int64 // not before
}

// Connected says that a connection is there, and the token to log in with.
func (m *Machine) Connected(now int64, token string) {
	if m.phase != dialing {
		m.do(Close{})
		return
	}
	m.phase, m.connectAt, m.plan, m.leaving = loggingIn, now, nil, false
	m.fresh, m.token = false, token
	m.helloID, m.loginID = m.nextID(), m.nextID()
	m.write(now, m.helloID, &wire.Hello{VersionMin: wire.Version, VersionMax: wire.Version,
		FrameBytesMax: wire.FrameBytesMax, Features: 3})
	c := m.inbox.cursor
	login := &wire.Login{Device: m.cfg.Device, Cursor: c.Seq, InboxEpoch: c.Epoch, Token: token,
		MessageID: c.MessageID, Platform: m.cfg.Platform}
	if c == (Cursor{}) && m.cfg.FromHead {
		login.FromHead = 1
	}
	m.write(now, m.loginID, login)
}

// NoToken says that no other token is to be had.
func (m *Machine) NoToken(now int64, err error) { m.Lost(now, err) }

// SameToken says that the token which was refused is the only one there is.
func (m *Machine) SameToken(token string) bool { return token != "" && token == m.refused }

// Lost says that the connection ended, or that none came to be.
func (m *Machine) Lost(now int64, err error) {
	if m.phase == waiting || m.phase == stopped {
		return
	}
	if m.phase == online {
		m.do(Status{})
		if now-m.since >= stableMS {
			m.failures = 0
		}
	}
	m.phase, m.beatAt, m.renewAt = waiting, never, never
	m.inbox.lost()
	m.outbox.lost()
	m.calls.lost(m)
	p := m.plan
	m.plan, m.leaving = nil, false
	switch {
	case errors.Is(err, wire.ErrVersion):
		m.Stop(&Ended{Code: wire.UnsupportedVersion, Text: err.Error()})
		return
	case p != nil && p.stop != nil:
		m.Stop(p.stop)
		return
	case p != nil:
		m.fresh = m.fresh || p.fresh
		m.dialAt = p.at
	default:
		m.dialAt = now + m.backoff()
	}
}

// backoff is a random time below a bound that doubles with each failure.
func (m *Machine) backoff() int64 {
	bound := min(float64(backoffMaxMS), float64(backoffMS)*float64(uint64(1)<<min(m.failures, 16)))
	m.failures++
	return int64(m.cfg.Rand() * bound)
}

// Stop ends the client for good.
func (m *Machine) Stop(err error) {
	m.phase = stopped
	m.calls.stop(m, err)
	m.do(Close{})
	m.do(Status{Err: err})
}

func (m *Machine) jitter(now int64, wait, jitter uint32) int64 {
	return now + int64(wait) + int64(m.cfg.Rand()*float64(jitter))
}

// Frame takes a frame that arrived.
func (m *Machine) Frame(now int64, f wire.Frame) {
	if m.phase != loggingIn && m.phase != online {
		return
	}
	switch b := f.Body.(type) {
	case *wire.HelloReply:
		if f.Request == m.helloID {
			m.setLimits(b)
			m.heard(b.ServerTimeMS, now)
		}
	case *wire.LoginReply:
		if m.phase == loggingIn && f.Request == m.loginID {
			m.loggedIn(now, b)
		}
	case *wire.Refusal:
		m.heard(b.ServerTimeMS, now)
		m.onRefusal(now, f.Request, b)
	case *wire.GoingAway:
		m.onGoingAway(now, b)
	case *wire.SessionEnd:
		m.onSessionEnd(now, b)
	case *wire.Heartbeat:
		m.write(now, f.Request, &wire.HeartbeatReply{TimeMS: b.TimeMS})
	case *wire.HeartbeatReply:
		m.heard(b.ServerTimeMS, now)
		if f.Request == m.beatID {
			m.beatAt = never
		}
		m.onHead(now, b.InboxEpoch, b.InboxHead)
	case *wire.InboxHead:
		m.onHead(now, b.InboxEpoch, b.InboxHead)
	case *wire.Push:
		m.onPush(now, b)
	case *wire.SendAck:
		m.onSendAck(now, f.Request, b)
	case *wire.Signal:
		if b.Kind >= 1 && b.Kind <= 4 {
			m.do(Deliver{Event: Signal{*b}})
		}
	case nil: // of a later release
	default:
		m.calls.answer(m, now, f.Request, f.Body)
	}
	m.pump(now)
}

// setLimits keeps to what the server says, but never to nothing at all.
func (m *Machine) setLimits(r *wire.HelloReply) {
	m.limits = *r
	m.limits.HeartbeatMS = max(r.HeartbeatMS, 100)
	m.limits.PageRowsMax = max(r.PageRowsMax, 1)
	m.limits.SendWindowMax = max(r.SendWindowMax, 1)
}

func (m *Machine) loggedIn(now int64, r *wire.LoginReply) {
	m.phase, m.since, m.session, m.uid, m.refused = online, now, *r, r.UID, ""
	m.heard(r.ServerTimeMS, now)
	m.planRenew(now, expiry(m.token))
	m.startInbox(now, r)
	m.do(Status{Online: true})
}

// codePlan is what to do when a session ends with a code.
func (m *Machine) codePlan(code wire.Code, text string) *plan {
	switch code {
	case wire.SessionReplaced, wire.TooManyDevices, wire.Kicked, wire.EndedByUser, wire.UnsupportedVersion:
		return &plan{stop: &Ended{Code: code, Text: text}}
	case wire.BadToken, wire.TokenExpired, wire.TokenRevoked:
		m.refused = m.token
		return &plan{fresh: true}
	}
	return &plan{}
}

func (m *Machine) onRefusal(now int64, request uint64, r *wire.Refusal) {
	isStart := m.phase == loggingIn && (request == m.loginID || request == m.helloID)
	if request != 0 && !isStart {
		if !m.refuseSend(now, request, r) {
			m.calls.refuse(m, now, request, r)
		}
		return
	}
	if m.plan != nil {
		return
	}
	p := m.codePlan(r.Code, r.Text)
	if isStart && r.Code == wire.OutOfRange {
		p.stop = &Ended{Code: r.Code, Text: r.Text}
	}
	p.at = now + int64(r.RetryAfterMS) + m.backoff()
	m.plan = p
}

func (m *Machine) onGoingAway(now int64, g *wire.GoingAway) {
	p := m.codePlan(g.Code, "")
	p.at = m.jitter(now, g.ReconnectAfterMS, g.JitterMS)
	m.plan = p
	m.leaving = p.stop == nil && m.phase == online
}

func (m *Machine) onSessionEnd(now int64, e *wire.SessionEnd) {
	p := &plan{at: m.jitter(now, e.WaitMS, e.JitterMS)}
	switch e.Next {
	case 1:
		p.fresh, m.refused = true, m.token
	case 2:
		p.stop = &Ended{Code: e.Code, Text: e.Text}
	}
	m.plan, m.leaving = p, false
}

// expiry is the time at which a token is over, in Unix milliseconds, or 0.
func expiry(token string) int64 {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return 0
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	var claims struct{ Exp float64 }
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		return 0
	}
	return int64(claims.Exp * 1000)
}

// planRenew asks for another token when a fifth of the time is left, and
// five minutes before the end at the latest.
func (m *Machine) planRenew(now, untilMS int64) {
	m.renewAt = never
	if left := untilMS - m.ServerTime(now); untilMS > 0 && left > 0 {
		m.renewAt = now + left - min(left/5, 300_000)
	}
}

// Renew goes on with another token. An empty one says that none was to be had.
func (m *Machine) Renew(now int64, token string) {
	if m.phase != online {
		return
	}
	if token == "" || token == m.token {
		m.renewAt = now + answerMS
		return
	}
	m.ask(now, &call{body: &wire.Renew{Token: token}, own: true, done: func(now int64, b wire.Body, err error) {
		var r *Refused
		switch reply, _ := b.(*wire.RenewReply); {
		case reply != nil:
			m.token = token
			m.planRenew(now, int64(reply.UntilMS))
		case errors.As(err, &r) && r.Code == wire.Unsupported:
			m.plan = &plan{fresh: true, at: now}
			m.drop(now)
		default:
			m.renewAt = now + answerMS
		}
	}})
	m.pump(now)
}

// Signal tells a peer what the user does. It may be dropped.
func (m *Machine) Signal(now int64, conversation wire.Conversation, kind uint8) {
	if m.phase != online || m.limits.Features&2 == 0 {
		return
	}
	last, said := m.typing[conversation]
	if kind == 4 {
		delete(m.typing, conversation)
		if !said {
			return
		}
	} else {
		if said && now-last < signalMS {
			return
		}
		m.typing[conversation] = now
	}
	m.write(now, 0, &wire.Signal{Conversation: conversation, Kind: kind})
}
