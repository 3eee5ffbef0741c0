// Package machine decides what a client of Longline does. It has no IO and
// no clock: it is told what happened and when, and says what to do.
package machine

import (
	"fmt"

	"longline/wire"
)

// Cursor is the last row of the inbox that a device has.
type Cursor struct {
	Epoch     uint64
	Seq       uint64
	MessageID uint64 // of the row at Seq; 0 if it was not told
}

// Outgoing is a message that is not acknowledged yet.
type Outgoing struct {
	Key          uint64     // names the message here, also when its ID changes
	ID           wire.MsgID // zero until it is written for the first time
	Conversation wire.Conversation
	Kind         uint8
	Body         []byte
	SeenSeq      uint64
}

// Config is what a machine begins with.
type Config struct {
	Device   uint64
	Platform uint64
	FromHead bool           // a new device begins at the head of its inbox
	WallMS   int64          // the wall clock at time 0, until the server tells its own
	Rand     func() float64 // evenly from [0, 1)
	Cursor   Cursor
	Outbox   []Outgoing
}

// Refused is the error of a request that the server refused.
type Refused struct {
	Code         wire.Code
	RetryAfterMS uint32
	Text         string
}

// Error says the code and the server's text.
func (r *Refused) Error() string {
	return fmt.Sprintf("longline: refused: %s: %s", r.Code, r.Text)
}

// Ended is the error of a session that is not to come back by itself.
type Ended struct {
	Code wire.Code
	Text string
}

// Error says the code and the server's text.
func (e *Ended) Error() string {
	return fmt.Sprintf("longline: the session ended: %s: %s", e.Code, e.Text)
}

// Effect is something that the driver must do. Effects are done in order.
type Effect interface{ effect() }

// Dial asks for a connection. Fresh asks for another token than the last.
type Dial struct{ Fresh bool }

// FetchToken asks for another token, to renew the session.
type FetchToken struct{}

// Write writes a frame.
type Write struct {
	Request uint64
	Body    wire.Body
}

// Close closes the connection.
type Close struct{}

// Save makes a change of the outbox durable before anything behind it is done.
type Save struct{ Put Outgoing }

// Deliver hands an event to the application, then stores the cursor with it.
type Deliver struct {
	Event  Event
	Cursor *Cursor // store it once the event is handled; nil: it did not move
	Drop   uint64  // key of a message that leaves the outbox with it; 0: none
}

// Reply ends a request of the application.
type Reply struct {
	Key  uint64
	Body wire.Body
	Err  error
}

// Status tells that the client is online, or stopped for good.
type Status struct {
	Online bool
	Err    error // set if stopped
}

func (Dial) effect()       {}
func (FetchToken) effect() {}
func (Write) effect()      {}
func (Close) effect()      {}
func (Save) effect()       {}
func (Deliver) effect()    {}
func (Reply) effect()      {}
func (Status) effect()     {}

// Event is something that the application is told, in order.
type Event interface{ event() }

// Message is a row of the inbox that this device did not send.
type Message struct{ wire.Message }

// Sent says that a message of this device is stored.
type Sent struct {
	Outgoing
	MessageID uint64
	Seq       uint64
	TimeMS    uint64
}

// Failed says that a message of this device will not be stored.
type Failed struct {
	Outgoing
	Err error
}

// Reset says that the inbox was made anew: all its rows come again.
type Reset struct{}

// Gap says that rows of the inbox are gone. The application reads its chats
// and their histories before it returns from the event.
type Gap struct{ From, To uint64 }

// Signal says what a peer does now.
type Signal struct{ wire.Signal }

func (Message) event() {}
func (Sent) event()    {}
func (Failed) event()  {}
func (Reset) event()   {}
func (Gap) event()     {}
func (Signal) event()  {}
