package longline

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"

	"longline/wire"
)

const dialTimeout = 10 * time.Second

// conn is a connection. Its writer never keeps the loop waiting.
type conn struct {
	net.Conn
	mu    sync.Mutex
	wake  *sync.Cond
	next  []byte
	ended bool
	fault error
}

func newConn(n net.Conn) *conn {
	k := &conn{Conn: n}
	k.wake = sync.NewCond(&k.mu)
	go k.writer()
	return k
}

// write puts a frame behind those that wait. flush has them written.
func (k *conn) write(request uint64, body wire.Body) {
	k.mu.Lock()
	defer k.mu.Unlock()
	next, err := wire.Append(k.next, request, body)
	if err != nil {
		k.fault = err
		return
	}
	k.next = next
}

func (k *conn) flush() { k.wake.Signal() }

func (k *conn) close() {
	k.mu.Lock()
	k.ended = true
	k.mu.Unlock()
	k.wake.Signal()
}

// writer writes what waits, and closes the connection behind it.
func (k *conn) writer() {
	defer k.Conn.Close()
	for {
		k.mu.Lock()
		for len(k.next) == 0 && !k.ended {
			k.wake.Wait()
		}
		out, ended := k.next, k.ended
		k.next = nil
		k.mu.Unlock()
		k.SetWriteDeadline(time.Now().Add(dialTimeout))
		if _, err := k.Conn.Write(out); err != nil || ended {
			return
		}
	}
}

// dial gets a token and a connection, and reads from it.
func (c *Client) dial(token string, fresh bool) {
	ctx, cancel := context.WithTimeout(c.ctx, dialTimeout)
	defer cancel()
	if fresh || token == "" {
		next, err := c.cfg.Token(ctx)
		if err != nil {
			c.cfg.Logf("no token: %v", err)
			c.post(c.ctx, func(now int64) { c.m.NoToken(now, err) })
			return
		}
		token = next
	}
	n, err := c.connect(ctx)
	if err != nil {
		c.cfg.Logf("no connection: %v", err)
		c.post(c.ctx, func(now int64) { c.m.Lost(now, err) })
		return
	}
	k := newConn(n)
	if c.post(c.ctx, func(now int64) { c.connected(now, k, token) }) != nil {
		k.close()
		return
	}
	c.reader(k)
}

func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	if c.cfg.TLS == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", c.cfg.Addr)
	}
	t := c.cfg.TLS.Clone()
	t.NextProtos = []string{"longline/1"}
	t.MinVersion = max(t.MinVersion, tls.VersionTLS12)
	return (&tls.Dialer{Config: t}).DialContext(ctx, "tcp", c.cfg.Addr)
}

func (c *Client) connected(now int64, k *conn, token string) {
	if c.m.SameToken(token) {
		k.close()
		c.m.Stop(&Ended{Code: wire.BadToken, Text: "Config.Token gave the token again that was refused"})
		return
	}
	c.conn, c.token = k, token
	c.m.Connected(now, token)
}

// reader hands frames to the loop until the connection ends.
func (c *Client) reader(k *conn) {
	r := bufio.NewReaderSize(k, 32<<10)
	for {
		f, err := wire.Read(r, wire.FrameBytesMax)
		if err != nil {
			c.post(c.ctx, func(now int64) { c.lost(now, k, err) })
			return
		}
		if c.post(c.ctx, func(now int64) { c.frame(now, k, f) }) != nil {
			return
		}
	}
}

func (c *Client) frame(now int64, k *conn, f wire.Frame) {
	if c.conn == k {
		c.m.Frame(now, f)
	}
}

func (c *Client) lost(now int64, k *conn, err error) {
	if c.conn != k {
		return
	}
	k.mu.Lock()
	err = errors.Join(k.fault, err)
	k.mu.Unlock()
	c.cfg.Logf("the connection ended: %v", err)
	k.close()
	c.conn = nil
	c.m.Lost(now, err)
}

// fetch gets another token, to renew the session.
func (c *Client) fetch() {
	ctx, cancel := context.WithTimeout(c.ctx, dialTimeout)
	defer cancel()
	token, err := c.cfg.Token(ctx)
	if err != nil {
		c.cfg.Logf("no token: %v", err)
	}
	c.post(c.ctx, func(now int64) {
		if token != "" {
			c.token = token
		}
		c.m.Renew(now, token)
	})
}
