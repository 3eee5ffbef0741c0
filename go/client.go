package longline

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"longline/machine"
)

// Client is a device of a user. Its methods may be called from several
// goroutines.
type Client struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelFunc
	begun  time.Time
	in     chan func(now int64)
	ended  sync.WaitGroup

	// Of the loop.
	m       *machine.Machine
	conn    *conn
	token   string
	key     uint64
	replies map[uint64]func(machine.Reply)
	sends   map[uint64]chan<- Event
	deliver *delivery
	after   []func() // once all that was saved is durable

	mu     sync.Mutex
	online chan struct{} // closed while the client is online or stopped
	isOpen bool
	err    error // why it stopped
	uid    uint64
}

// Open begins to connect. It returns when the store is read.
func Open(cfg Config) (*Client, error) {
	if cfg.Token == nil {
		return nil, errors.New("longline: Config.Token is missing")
	}
	if cfg.Store == nil {
		cfg.Store = NewMemory()
	}
	if cfg.Handler == nil {
		cfg.Handler = func(Event) {}
	}
	if cfg.Logf == nil {
		cfg.Logf = func(string, ...any) {}
	}
	kept, err := cfg.Store.Load()
	if err != nil {
		return nil, err
	}
	if kept.Device == 0 {
		kept.Device = rand.Uint64() | 1
		if err := cfg.Store.Apply(Batch{Device: kept.Device}); err != nil {
			return nil, err
		}
	}
	c := &Client{cfg: cfg, begun: time.Now(), in: make(chan func(int64), 64),
		replies: map[uint64]func(machine.Reply){}, sends: map[uint64]chan<- Event{}, online: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.m = machine.New(machine.Config{Device: kept.Device, Platform: cfg.Platform, FromHead: cfg.FromHead,
		WallMS: c.begun.UnixMilli(), Rand: rand.Float64, Cursor: kept.Cursor, Outbox: kept.Outbox})
	for _, o := range kept.Outbox {
		c.key = max(c.key, o.Key)
	}
	c.deliver = newDelivery(c)
	c.ended.Add(2)
	go c.loop()
	go c.deliver.run()
	return c, nil
}

func (c *Client) now() int64 { return time.Since(c.begun).Milliseconds() }

// loop owns the machine.
func (c *Client) loop() {
	defer c.ended.Done()
	c.m.Start(c.now())
	c.run()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		now := c.now()
		wait := min(c.m.Deadline(now)-now, time.Hour.Milliseconds())
		timer.Reset(time.Duration(max(wait, 0)) * time.Millisecond)
		select {
		case f := <-c.in:
			f(c.now())
			c.drain()
		case <-timer.C:
			c.m.Tick(c.now())
		case <-c.ctx.Done():
			c.m.Stop(ErrClosed)
			c.run()
			c.deliver.close()
			return
		}
		c.run()
	}
}

// drain takes what else is there, so that it shares a write to the store.
func (c *Client) drain() {
	for range cap(c.in) {
		select {
		case f := <-c.in:
			f(c.now())
		default:
			return
		}
	}
}

// post has f run by the loop.
func (c *Client) post(ctx context.Context, f func(now int64)) error {
	select {
	case c.in <- f:
		return nil
	case <-c.ctx.Done():
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run does what the machine wants done. What it saves is durable before
// anything is written.
func (c *Client) run() {
	for effects := c.m.Effects(); len(effects) > 0; effects = c.m.Effects() {
		var batch Batch
		for _, e := range effects {
			if s, ok := e.(machine.Save); ok {
				batch.Put = append(batch.Put, s.Put)
			}
		}
		if len(batch.Put) > 0 {
			if err := c.cfg.Store.Apply(batch); err != nil {
				c.m.Effects()
				c.m.Stop(err)
				continue
			}
		}
		for _, e := range effects {
			c.effect(e)
		}
		if c.conn != nil {
			c.conn.flush()
		}
	}
	for _, f := range c.after {
		f()
	}
	c.after = nil
}

func (c *Client) effect(e machine.Effect) {
	switch e := e.(type) {
	case machine.Dial:
		go c.dial(c.token, e.Fresh)
	case machine.FetchToken:
		go c.fetch()
	case machine.Write:
		if c.conn != nil {
			c.conn.write(e.Request, e.Body)
		}
	case machine.Close:
		if c.conn != nil {
			c.conn.close()
			c.conn = nil
		}
	case machine.Deliver:
		c.answerSend(e.Event)
		c.deliver.put(e)
	case machine.Reply:
		if f := c.replies[e.Key]; f != nil {
			delete(c.replies, e.Key)
			f(e)
		}
	case machine.Status:
		c.status(e)
	}
}

// answerSend tells whoever waits for a message what became of it.
func (c *Client) answerSend(e Event) {
	var key uint64
	switch e := e.(type) {
	case Sent:
		key = e.Key
	case Failed:
		key = e.Key
	}
	if ch := c.sends[key]; ch != nil {
		delete(c.sends, key)
		ch <- e
	}
}

func (c *Client) status(s machine.Status) {
	c.cfg.Logf("online %v, stopped by %v", s.Online, s.Err)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uid = c.m.UID()
	if s.Err != nil && c.err == nil {
		c.err = s.Err
	}
	isOpen := s.Online || c.err != nil
	if isOpen && !c.isOpen {
		close(c.online)
	} else if !isOpen && c.isOpen {
		c.online = make(chan struct{})
	}
	c.isOpen = isOpen
	if s.Err != nil {
		for key, ch := range c.sends {
			delete(c.sends, key)
			ch <- Failed{Err: s.Err}
		}
	}
}

// WaitOnline waits until the client is logged in. It returns why, if the
// client is stopped: an *Ended says that a person must decide.
func (c *Client) WaitOnline(ctx context.Context) error {
	c.mu.Lock()
	online := c.online
	c.mu.Unlock()
	select {
	case <-online:
		return c.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Err says why the client stopped, or nil.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// UID is the user that was logged in last, 0 before the first login.
func (c *Client) UID() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.uid
}

// Close ends the client at once. What is in the outbox stays in the store.
// It waits for the handler, so the handler must not call it.
func (c *Client) Close() {
	c.cancel()
	c.ended.Wait()
}
