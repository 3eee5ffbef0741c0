package longline

import (
	"sync"

	"longline/machine"
)

const signalsMax = 64 // events that wait, beyond which signals are dropped

// delivery hands events to the application, and stores what it has handled.
type delivery struct {
	c      *Client
	mu     sync.Mutex
	wake   *sync.Cond
	queue  []machine.Deliver
	closed bool
}

func newDelivery(c *Client) *delivery {
	d := &delivery{c: c}
	d.wake = sync.NewCond(&d.mu)
	return d
}

func (d *delivery) put(e machine.Deliver) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := e.Event.(Signal); ok && len(d.queue) >= signalsMax {
		return
	}
	d.queue = append(d.queue, e)
	d.wake.Signal()
}

func (d *delivery) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	d.wake.Signal()
}

// take waits for events. It returns nil behind the last.
func (d *delivery) take() []machine.Deliver {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.queue) == 0 && !d.closed {
		d.wake.Wait()
	}
	list := d.queue
	d.queue = nil
	return list
}

func (d *delivery) run() {
	defer d.c.ended.Done()
	for list := d.take(); list != nil; list = d.take() {
		var batch Batch
		for _, e := range list {
			if e.Event != nil {
				d.c.cfg.Handler(e.Event)
				batch.Events = append(batch.Events, e.Event)
			}
			if e.Cursor != nil {
				batch.Cursor = e.Cursor
			}
			if e.Drop != 0 {
				batch.Drop = append(batch.Drop, e.Drop)
			}
		}
		d.store(batch)
	}
}

func (d *delivery) store(batch Batch) {
	if batch.Cursor == nil && batch.Drop == nil {
		return
	}
	c := d.c
	if err := c.cfg.Store.Apply(batch); err != nil {
		c.post(c.ctx, func(int64) { c.m.Stop(err) })
		return
	}
	if cursor := batch.Cursor; cursor != nil {
		c.post(c.ctx, func(now int64) { c.m.Stored(now, *cursor) })
	}
}
