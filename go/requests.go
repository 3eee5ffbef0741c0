package longline

import (
	"context"

	"longline/machine"
	"longline/wire"
)

// Post puts a message into the outbox. It returns when it is durable here;
// the handler is told Sent or Failed with the same key.
func (c *Client) Post(ctx context.Context, out Outgoing) (key uint64, err error) {
	return c.put(ctx, out, nil)
}

// Send puts a message into the outbox, and waits until the server has it.
// If ctx ends before, the message stays in the outbox.
func (c *Client) Send(ctx context.Context, out Outgoing) (Sent, error) {
	ch := make(chan Event, 1)
	if _, err := c.put(ctx, out, ch); err != nil {
		return Sent{}, err
	}
	select {
	case e := <-ch:
		if f, ok := e.(Failed); ok {
			return Sent{}, f.Err
		}
		return e.(Sent), nil
	case <-ctx.Done():
		return Sent{}, ctx.Err()
	case <-c.ctx.Done():
		return Sent{}, ErrClosed
	}
}

func (c *Client) put(ctx context.Context, out Outgoing, ch chan<- Event) (uint64, error) {
	if out.Kind == 0 {
		out.Kind = machine.KindMessage
	}
	saved := make(chan error, 1)
	err := c.post(ctx, func(now int64) {
		if err := c.Err(); err != nil {
			saved <- err
			return
		}
		c.key++
		out.Key = c.key
		if ch != nil {
			c.sends[out.Key] = ch
		}
		c.m.Send(now, out)
		c.after = append(c.after, func() { saved <- c.Err() })
	})
	if err != nil {
		return 0, err
	}
	select {
	case err := <-saved:
		return out.Key, err
	case <-c.ctx.Done():
		return 0, ErrClosed
	}
}

// SendText sends a text.
func (c *Client) SendText(ctx context.Context, to Conversation, text string) (Sent, error) {
	return c.Send(ctx, Outgoing{Conversation: to, Body: []byte(text)})
}

// ask sends a request, and waits for its answer.
func ask[T wire.Body](ctx context.Context, c *Client, body wire.Body, repeat bool) (T, error) {
	return await[T](ctx, c, func(now int64, key uint64) { c.m.Request(now, key, body, repeat) })
}

func await[T wire.Body](ctx context.Context, c *Client, begin func(now int64, key uint64)) (T, error) {
	var none T
	ch := make(chan machine.Reply, 1)
	keys := make(chan uint64, 1)
	err := c.post(ctx, func(now int64) {
		if err := c.Err(); err != nil {
			ch <- machine.Reply{Err: err}
			return
		}
		c.key++
		keys <- c.key
		c.replies[c.key] = func(r machine.Reply) { ch <- r }
		begin(now, c.key)
	})
	if err != nil {
		return none, err
	}
	select {
	case r := <-ch:
		body, _ := r.Body.(T)
		return body, r.Err
	case <-c.ctx.Done():
		return none, ErrClosed
	case <-ctx.Done():
		c.post(c.ctx, func(int64) {
			select {
			case key := <-keys:
				delete(c.replies, key)
				c.m.Abandon(key)
			default:
			}
		})
		return none, ctx.Err()
	}
}

// History reads rows of a conversation, ascending, up to before. 0 begins
// with the newest. A page that is empty or begins with seq 1 is the last.
func (c *Client) History(ctx context.Context, of Conversation, before uint64, limit uint32) ([]wire.Message, error) {
	page, err := ask[*wire.HistoryPage](ctx, c, &wire.History{Conversation: of, BeforeSeq: before, Limit: limit}, true)
	if err != nil {
		return nil, err
	}
	return page.Messages, nil
}

// Whole returns a message with its whole body, which the inbox may hold the
// beginning of only.
func (c *Client) Whole(ctx context.Context, m wire.Message) (wire.Message, error) {
	if m.RowFlags&1 == 0 {
		return m, nil
	}
	rows, err := c.History(ctx, m.Conversation, m.Seq+1, 1)
	if err == nil && len(rows) == 1 && rows[0].Seq == m.Seq {
		m.Body, m.RowFlags = rows[0].Body, m.RowFlags&^1
	}
	return m, err
}

// Chat is a chat of the list, and up to where its peer has read it.
type Chat struct {
	wire.Chat
	PeerReadSeq uint64
}

// Chats reads the whole list of chats, and its version. Hidden ones are in it.
func (c *Client) Chats(ctx context.Context) (chats []Chat, version uint64, err error) {
	var after Conversation
	for {
		page, err := ask[*wire.ChatsPage](ctx, c, &wire.Chats{After: after, Limit: 256}, true)
		if err != nil {
			return nil, 0, err
		}
		for i := range page.Chats {
			chat := Chat{Chat: page.Chats[i]}
			if i < len(page.PeerReadSeqs) {
				chat.PeerReadSeq = page.PeerReadSeqs[i]
			}
			chats = append(chats, chat)
		}
		after = page.NextAfter
		if after == (Conversation{}) {
			return chats, page.Version, nil
		}
	}
}

// MarkRead says that the user has read a conversation up to seq.
func (c *Client) MarkRead(ctx context.Context, of Conversation, seq uint64) (*wire.ChatReply, error) {
	return ask[*wire.ChatReply](ctx, c, &wire.MarkRead{Conversation: of, Seq: seq}, true)
}

// Hide hides a chat until its next message. It is not repeated by itself,
// since that would hide a later message too.
func (c *Client) Hide(ctx context.Context, of Conversation) (*wire.ChatReply, error) {
	return ask[*wire.ChatReply](ctx, c, &wire.HideChat{Conversation: of}, false)
}

// Devices lists the user's devices that are logged in.
func (c *Client) Devices(ctx context.Context) ([]wire.Device, error) {
	var all []wire.Device
	var after uint64
	for {
		page, err := ask[*wire.DevicesPage](ctx, c, &wire.Devices{AfterGeneration: after, Limit: 64}, true)
		if err != nil || len(page.Devices) == 0 {
			return all, err
		}
		all = append(all, page.Devices...)
		after = page.Devices[len(page.Devices)-1].Generation
	}
}

// SetPushToken says by what a provider reaches this device while its user is away; an empty token: by nothing any more.
// The number of the provider is what the app and its receiver agree on.
func (c *Client) SetPushToken(ctx context.Context, provider uint8, token string) error {
	_, err := ask[*wire.PushTokenReply](ctx, c, &wire.PushToken{Token: token, Provider: provider}, false)
	return err
}

// EndDevice ends the session of a device. It says whether there was one.
func (c *Client) EndDevice(ctx context.Context, device uint64) (bool, error) {
	r, err := ask[*wire.EndDeviceReply](ctx, c, &wire.EndDevice{Device: device}, false)
	return err == nil && r.WasLoggedIn != 0, err
}

// Logout ends the session in order, and stops the client.
func (c *Client) Logout(ctx context.Context) error {
	_, err := await[*wire.LogoutReply](ctx, c, func(now int64, key uint64) { c.m.Logout(now, key) })
	return err
}

// Typing tells the peer of a chat that the user is typing. Call it as often
// as the user types: it is said every 3 s.
func (c *Client) Typing(of Conversation) { c.signal(of, 2) }

// Recording tells the peer of a chat that the user is recording.
func (c *Client) Recording(of Conversation) { c.signal(of, 3) }

// Idle tells the peer of a chat that the user stopped without a message.
func (c *Client) Idle(of Conversation) { c.signal(of, 4) }

func (c *Client) signal(of Conversation, kind uint8) {
	c.post(c.ctx, func(now int64) { c.m.Signal(now, of, kind) })
}
