package longline

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"longline/machine"
	"longline/wire"
)

func inOrder(t *testing.T, got []string, n int) {
	t.Helper()
	if len(got) != n {
		t.Fatalf("%d texts, not %d", len(got), n)
	}
	for i, text := range got {
		if want := fmt.Sprint("text ", i); text != want {
			t.Fatalf("text %d is %q, not %q", i, text, want)
		}
	}
}

func post(t *testing.T, d *device, to Conversation, from, n int) {
	t.Helper()
	for i := from; i < n; i++ {
		if _, err := d.Post(limit(t, 20*time.Second), Outgoing{Conversation: to, Body: fmt.Append(nil, "text ", i)}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTwoUsersTalkInOrder(t *testing.T) {
	g := startGateway(t)
	a, b := g.login(7, Config{}), g.login(8, Config{})
	chat := Direct(7, 8)
	post(t, a, chat, 0, 50)
	inOrder(t, b.waitTexts(50, 20*time.Second), 50)
	for i := range 10 {
		s, err := b.SendText(limit(t, 20*time.Second), chat, fmt.Sprint("text ", i))
		if err != nil || s.Seq != uint64(51+i) {
			t.Fatal(s, err)
		}
	}
	inOrder(t, a.waitTexts(10, 20*time.Second), 10)

	ctx := limit(t, 20*time.Second)
	rows, err := a.History(ctx, chat, 0, 20)
	if err != nil || len(rows) != 20 || rows[19].Seq != 60 {
		t.Fatal(len(rows), err)
	}
	if r, err := a.MarkRead(ctx, chat, 60); err != nil || r.Unread != 0 || r.ReadSeq != 60 {
		t.Fatal(r, err)
	}
	a.wait("the mark", 10*time.Second, func() bool { return a.find(machine.KindRead) != nil })
	b.wait("a signal that it was read", 10*time.Second, func() bool {
		for _, e := range b.all() {
			if s, ok := e.(Signal); ok && s.Kind == 1 && s.Seq == 60 {
				return true
			}
		}
		return false
	})
	chats, _, err := b.Chats(ctx)
	if err != nil || len(chats) != 1 || chats[0].Recent.Seq != 60 || chats[0].Unread != 50 || chats[0].PeerReadSeq != 60 {
		t.Fatalf("%+v %v", chats, err)
	}
	if r, err := b.Hide(ctx, chat); err != nil || r.IsHidden != 1 {
		t.Fatal(r, err)
	}
	devices, err := a.Devices(ctx)
	if err != nil || len(devices) != 1 {
		t.Fatal(devices, err)
	}
	other := g.login(7, Config{Platform: 6, FromHead: true})
	if ok, err := a.EndDevice(ctx, device2(t, a)); err != nil || !ok {
		t.Fatal(ok, err)
	}
	var end *Ended
	for i := 0; !errors.As(other.Err(), &end); i++ {
		if i == 100 {
			t.Fatal("the other device did not end")
		}
		time.Sleep(100 * time.Millisecond)
	}
	if end.Code != wire.EndedByUser {
		t.Fatal(end)
	}
	if err := a.Logout(ctx); err != nil {
		t.Fatal(err)
	}
}

// device2 is the device of platform 6.
func device2(t *testing.T, d *device) uint64 {
	t.Helper()
	list, err := d.Devices(limit(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		if x.Platform == 6 {
			return x.Device
		}
	}
	t.Fatal("no such device", list)
	return 0
}

func TestDeviceThatWasAwayGetsEverythingOnce(t *testing.T) {
	g := startGateway(t)
	path := filepath.Join(t.TempDir(), "store")
	store, err := OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := g.login(7, Config{}), g.login(8, Config{Store: store})
	chat := Direct(7, 8)
	post(t, a, chat, 0, 20)
	first := b.waitTexts(20, 20*time.Second)
	b.Close()
	store.Close()
	post(t, a, chat, 20, 120)
	a.wait("all sent", 30*time.Second, func() bool { return a.sent() == 120 })

	if store, err = OpenFile(path); err != nil {
		t.Fatal(err)
	}
	b = g.login(8, Config{Store: store})
	second := b.waitTexts(100, 20*time.Second)
	time.Sleep(3 * time.Second) // what came twice would come now
	inOrder(t, append(first, second...), 120)
	inOrder(t, append(first, b.texts()...), 120)
}

func (d *device) sent() int {
	n := 0
	for _, e := range d.all() {
		if _, ok := e.(Sent); ok {
			n++
		}
	}
	return n
}

func TestGatewayIsKilledUnderSends(t *testing.T) {
	g := startGateway(t, "--user-rate", "0")
	fileA, err := OpenFile(filepath.Join(t.TempDir(), "a"))
	if err != nil {
		t.Fatal(err)
	}
	a, b := g.login(7, Config{Store: fileA}), g.login(8, Config{})
	chat := Direct(7, 8)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 500 {
			ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			if _, err := a.Post(ctx, Outgoing{Conversation: chat, Body: fmt.Append(nil, "text ", i)}); err != nil {
				t.Error(err)
			}
			cancel()
		}
	}()
	for _, at := range []int{60, 250} {
		b.waitTexts(at, 60*time.Second)
		g.kill()
		time.Sleep(300 * time.Millisecond)
		g.start()
	}
	<-done
	b.waitTexts(500, 90*time.Second)
	a.wait("all sent", 60*time.Second, func() bool { return a.sent() == 500 })
	time.Sleep(3 * time.Second)
	inOrder(t, b.texts(), 500)
	seen := map[uint64]bool{}
	var last uint64
	for _, e := range a.all() {
		if s, ok := e.(Sent); ok {
			if seen[s.Seq] || s.Seq < last {
				t.Fatalf("seq %d after %d", s.Seq, last)
			}
			seen[s.Seq], last = true, s.Seq
		}
	}
	rows := 0
	for before := uint64(0); ; {
		page, err := a.History(limit(t, 20*time.Second), chat, before, 256)
		if err != nil {
			t.Fatal(err)
		}
		rows += len(page)
		if len(page) == 0 || page[0].Seq == 1 {
			break
		}
		before = page[0].Seq
	}
	if rows != 500 || len(a.texts()) != 0 {
		t.Fatal("rows", rows, "own", len(a.texts()))
	}
}

func TestWrongToken(t *testing.T) {
	g := startGateway(t)
	d := g.open(7, Config{Token: func(context.Context) (string, error) { return "none.of.ours", nil }})
	var end *Ended
	if err := d.WaitOnline(limit(t, 20*time.Second)); !errors.As(err, &end) || end.Code != wire.BadToken {
		t.Fatal(err)
	}
	if _, err := d.SendText(limit(t, 5*time.Second), Direct(7, 8), "x"); !errors.As(err, &end) {
		t.Fatal(err)
	}
	// A good one after a wrong one.
	n := 0
	good := g.token(9)
	e := g.open(9, Config{Token: func(ctx context.Context) (string, error) {
		if n++; n == 1 {
			return "none.of.ours", nil
		}
		return good(ctx)
	}})
	if err := e.WaitOnline(limit(t, 20*time.Second)); err != nil {
		t.Fatal(err)
	}
}

func TestGroupWithAChangeOfMembers(t *testing.T) {
	g := startGateway(t)
	a, b, c := g.login(7, Config{}), g.login(8, Config{}), g.login(9, Config{})
	ctx := limit(t, 60*time.Second)
	group, err := a.CreateGroup(ctx, 8)
	if err != nil {
		t.Fatal(err)
	}
	send := func(d *device, text string) error {
		_, err := d.SendText(ctx, group, text)
		return err
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(send(a, "one"))
	var r *Refused
	if err := send(c, "not yet"); !errors.As(err, &r) || r.Code != wire.NotMember {
		t.Fatal(err)
	}
	must(a.AddMembers(ctx, group, 9))
	must(a.SetTitle(ctx, group, "walks"))
	must(a.SetRole(ctx, group, RoleAdmin, 8))
	must(send(c, "two"))
	must(b.Mute(ctx, group, uint64(time.Now().Add(time.Hour).UnixMilli()), 9))
	if err := send(c, "muted"); !errors.As(err, &r) || r.Code != wire.Muted {
		t.Fatal(err)
	}
	must(b.Mute(ctx, group, 0, 9))
	info, err := c.GroupInfo(ctx, group)
	if err != nil || info.Title != "walks" || info.Count != 3 {
		t.Fatalf("%+v %v", info, err)
	}
	must(b.RemoveMembers(ctx, group, 9))
	must(send(a, "three"))
	if got := b.waitTexts(3, 20*time.Second); fmt.Sprint(got) != "[one two three]" {
		t.Fatal(got)
	}
	c.wait("the removal", 20*time.Second, func() bool { return c.find(machine.KindRemove) != nil })
	time.Sleep(time.Second)
	if got := c.texts(); len(got) != 0 {
		t.Fatal(got)
	}
	members, err := a.GroupMembers(ctx, group)
	if err != nil || len(members) != 2 || members[0].UID != 7 || members[0].IsOwner != 1 {
		t.Fatal(members, err)
	}
	must(b.LeaveGroup(ctx, group))
	must(a.EndGroup(ctx, group))
	if err := send(a, "late"); !errors.As(err, &r) || r.Code != wire.NotMember {
		t.Fatal(err)
	}
}

func TestTyping(t *testing.T) {
	g := startGateway(t)
	a, b := g.login(7, Config{}), g.login(8, Config{})
	if _, err := a.SendText(limit(t, 10*time.Second), Direct(7, 8), "text 0"); err != nil {
		t.Fatal(err)
	}
	b.waitTexts(1, 10*time.Second)
	kinds := func(kind uint8) int {
		n := 0
		for _, e := range b.all() {
			if s, ok := e.(Signal); ok && s.Kind == kind && s.UID == 7 && s.Conversation == Direct(7, 8) {
				n++
			}
		}
		return n
	}
	a.Typing(Direct(7, 8))
	a.Typing(Direct(7, 8)) // too soon: not said
	b.wait("typing", 5*time.Second, func() bool { return kinds(2) == 1 })
	a.Idle(Direct(7, 8))
	b.wait("idle", 5*time.Second, func() bool { return kinds(4) == 1 })
	if kinds(2) != 1 {
		t.Fatal(kinds(2))
	}
}

func TestRateLimitsAreObeyedInOrder(t *testing.T) {
	g := startGateway(t) // 50 messages a second, 100 at once
	a, b := g.login(7, Config{}), g.login(8, Config{})
	post(t, a, Direct(7, 8), 0, 300)
	inOrder(t, b.waitTexts(300, 60*time.Second), 300)
}

func TestTheRestOfALongMessageOfAGroup(t *testing.T) {
	g := startGateway(t)
	a := g.login(7, Config{})
	ctx := limit(t, 30*time.Second)
	group, err := a.CreateGroup(ctx, 8)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("long ", 100)
	if _, err := a.SendText(ctx, group, long); err != nil {
		t.Fatal(err)
	}
	b := g.login(8, Config{})
	b.waitTexts(1, 10*time.Second)
	m := b.find(machine.KindMessage)
	// The gateway may give the whole body here too.
	if isCut := m.RowFlags&1 != 0; isCut != (len(m.Body) == 64) {
		t.Fatal(len(m.Body), m.RowFlags)
	}
	if whole, err := b.Whole(ctx, *m); err != nil || whole.Body != long {
		t.Fatal(len(whole.Body), err)
	}
}
