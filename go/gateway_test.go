package longline

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"longline/wire"
)

// gateway is a gateway that a test started.
type gateway struct {
	t    *testing.T
	dir  string
	addr string
	args []string
	cmd  *exec.Cmd
}

func startGateway(t *testing.T, args ...string) *gateway {
	t.Helper()
	if os.Getenv("GATEWAY") == "" {
		t.Fatal("GATEWAY is not set: it names the gateway to test against; cargo xtask go sets it")
	}
	g := &gateway{t: t, dir: t.TempDir(), addr: "127.0.0.1:0", args: args}
	g.start()
	t.Cleanup(g.kill)
	return g
}

// start starts the gateway, at the address that it had before.
func (g *gateway) start() {
	g.t.Helper()
	ready := filepath.Join(g.dir, "ready")
	os.Remove(ready)
	args := append([]string{"--listen", g.addr, "--admin", "127.0.0.1:0", "--cores", "1",
		"--data-dir", filepath.Join(g.dir, "data"), "--ready-file", ready, "--store-reserve-bytes", "0"}, g.args...)
	g.cmd = exec.Command(os.Getenv("GATEWAY"), args...)
	for _, v := range os.Environ() { // it refuses variables of its prefix that it does not know
		if !strings.HasPrefix(v, "LONGLINE_") {
			g.cmd.Env = append(g.cmd.Env, v)
		}
	}
	log, err := os.OpenFile(filepath.Join(g.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		g.t.Fatal(err)
	}
	defer log.Close()
	g.cmd.Stdout, g.cmd.Stderr = log, log
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	for range 300 {
		text, _ := os.ReadFile(ready)
		for _, line := range strings.Split(string(text), "\n") {
			if _, value, ok := strings.Cut(line, "listen"); ok {
				g.addr = strings.Trim(value, " =:\"")
				return
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	text, _ := os.ReadFile(log.Name())
	g.t.Fatalf("the gateway does not start:\n%s", text)
}

func (g *gateway) kill() {
	g.cmd.Process.Kill()
	g.cmd.Wait()
}

// token gets a token for trying out.
func (g *gateway) token(uid uint64) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		body := fmt.Sprintf(`{"uid":"%d"}`, uid)
		req, err := http.NewRequestWithContext(ctx, "POST", "http://"+g.addr+"/v1/dev-token", bytes.NewBufferString(body))
		if err != nil {
			return "", err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		var answer struct{ Token string }
		if resp.StatusCode != 200 {
			return "", fmt.Errorf("dev-token: %s", resp.Status)
		}
		return answer.Token, json.NewDecoder(resp.Body).Decode(&answer)
	}
}

// device is a client that keeps what it is told.
type device struct {
	*Client
	t      *testing.T
	mu     sync.Mutex
	events []Event
	news   chan struct{}
}

func (g *gateway) open(uid uint64, cfg Config) *device {
	g.t.Helper()
	d := &device{t: g.t, news: make(chan struct{}, 1)}
	cfg.Addr, cfg.Handler = g.addr, d.handle
	if cfg.Token == nil {
		cfg.Token = g.token(uid)
	}
	cfg.Logf = func(f string, a ...any) {
		g.t.Logf("%s %d: %s", time.Now().Format("05.000"), uid, fmt.Sprintf(f, a...))
	}
	c, err := Open(cfg)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(c.Close)
	d.Client = c
	return d
}

// login opens a device, and waits until it is online.
func (g *gateway) login(uid uint64, cfg Config) *device {
	g.t.Helper()
	d := g.open(uid, cfg)
	if err := d.WaitOnline(limit(g.t, 20*time.Second)); err != nil {
		g.t.Fatal(err)
	}
	return d
}

func limit(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func (d *device) handle(e Event) {
	d.mu.Lock()
	d.events = append(d.events, e)
	d.mu.Unlock()
	select {
	case d.news <- struct{}{}:
	default:
	}
}

func (d *device) all() []Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Event(nil), d.events...)
}

// texts are the bodies of the messages that arrived.
func (d *device) texts() []string {
	var list []string
	for _, e := range d.all() {
		if m, ok := e.(Message); ok && m.Kind == 1 {
			list = append(list, m.Body)
		}
	}
	return list
}

// wait waits until a condition holds.
func (d *device) wait(what string, within time.Duration, holds func() bool) {
	d.t.Helper()
	end := time.After(within)
	for !holds() {
		select {
		case <-d.news:
		case <-end:
			d.t.Fatalf("not within %s: %s; %d texts", within, what, len(d.texts()))
		}
	}
}

func (d *device) waitTexts(n int, within time.Duration) []string {
	d.t.Helper()
	d.wait(fmt.Sprint(n, " texts"), within, func() bool { return len(d.texts()) >= n })
	return d.texts()
}

// find returns the first row of a kind.
func (d *device) find(kind uint8) *wire.Message {
	for _, e := range d.all() {
		if m, ok := e.(Message); ok && m.Kind == kind {
			return &m.Message
		}
	}
	return nil
}
