// Package longline is a client of the Longline instant-messaging gateway.
//
// Open connects, and stays connected until Close. What arrives is handed to
// Config.Handler, one event at a time and in order. What is sent is kept in
// the Store until the server has it, also over restarts.
package longline

import (
	"context"
	"crypto/tls"
	"errors"

	"longline/machine"
	"longline/wire"
)

// What the machine and the protocol call it is called so here too.
type (
	Cursor       = machine.Cursor
	Outgoing     = machine.Outgoing
	Event        = machine.Event
	Message      = machine.Message
	Sent         = machine.Sent
	Failed       = machine.Failed
	Reset        = machine.Reset
	Gap          = machine.Gap
	Signal       = machine.Signal
	Refused      = machine.Refused
	Ended        = machine.Ended
	Conversation = wire.Conversation
)

// Errors of requests.
var (
	ErrClosed    = errors.New("longline: the client is closed")
	ErrLost      = machine.ErrLost
	ErrLoggedOut = machine.ErrLoggedOut
)

// Config is what a client needs.
type Config struct {
	// Addr is the host and port of the gateway.
	Addr string
	// TLS has the connection in TLS, if it is not nil.
	TLS *tls.Config
	// Token gets a token for the user. It is asked again when the last one
	// is nearly over, or was refused.
	Token func(context.Context) (string, error)
	// Store keeps the cursor and the outbox. The default is in memory.
	Store Store
	// Handler is told every event, in order. The cursor is stored when it
	// has returned, so after a crash it may be told a row again. It may call
	// the client. While it does not return, nothing is acknowledged.
	Handler func(Event)
	// Platform says what the device is; see the protocol.
	Platform uint64
	// FromHead lets a new device begin at the head of its inbox.
	FromHead bool
	// Logf is told what happens to connections. It may be nil.
	Logf func(format string, args ...any)
}

// Direct is the conversation of two users.
func Direct(one, other uint64) Conversation {
	return Conversation{Kind: 1, A: max(one, other), B: min(one, other)}
}

// Group is the conversation of a group.
func Group(id uint64) Conversation { return Conversation{Kind: 2, A: id} }
