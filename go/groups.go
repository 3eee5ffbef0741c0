package longline

import (
	"context"
	"slices"

	"longline/machine"
	"longline/wire"
)

// Roles of members of a group.
const (
	RoleMember uint64 = 0
	RoleAdmin  uint64 = 1
	RoleOwner  uint64 = 2
)

// CreateGroup makes a group of the user and the members.
func (c *Client) CreateGroup(ctx context.Context, members ...uint64) (Conversation, error) {
	sent, err := c.Send(ctx, Outgoing{Conversation: Conversation{Kind: 2}, Kind: machine.KindCreate, Body: uids(members)})
	return sent.Conversation, err
}

// AddMembers adds members to a group.
func (c *Client) AddMembers(ctx context.Context, group Conversation, members ...uint64) error {
	return c.change(ctx, group, machine.KindAdd, uids(members))
}

// RemoveMembers removes members from a group.
func (c *Client) RemoveMembers(ctx context.Context, group Conversation, members ...uint64) error {
	return c.change(ctx, group, machine.KindRemove, uids(members))
}

// LeaveGroup ends the user's membership.
func (c *Client) LeaveGroup(ctx context.Context, group Conversation) error {
	return c.change(ctx, group, machine.KindLeave, nil)
}

// SetRole gives members a role.
func (c *Client) SetRole(ctx context.Context, group Conversation, role uint64, members ...uint64) error {
	return c.change(ctx, group, machine.KindRole, append(machine.Numbers(role), uids(members)...))
}

// Mute mutes members until a time in Unix milliseconds, 0: no more. With no
// members it is for all that have no role.
func (c *Client) Mute(ctx context.Context, group Conversation, untilMS uint64, members ...uint64) error {
	return c.change(ctx, group, machine.KindMute, append(machine.Numbers(untilMS), uids(members)...))
}

// SetTitle gives a group a title.
func (c *Client) SetTitle(ctx context.Context, group Conversation, title string) error {
	return c.change(ctx, group, machine.KindTitle, []byte(title))
}

// Announce announces something in a group.
func (c *Client) Announce(ctx context.Context, group Conversation, notice string) error {
	return c.change(ctx, group, machine.KindAnnounce, []byte(notice))
}

// EndGroup ends a group for all its members.
func (c *Client) EndGroup(ctx context.Context, group Conversation) error {
	return c.change(ctx, group, machine.KindEnd, nil)
}

func (c *Client) change(ctx context.Context, group Conversation, kind uint8, body []byte) error {
	_, err := c.Send(ctx, Outgoing{Conversation: group, Kind: kind, Body: body})
	return err
}

// uids are the uids of a body: ascending, each once.
func uids(list []uint64) []byte {
	list = slices.Clone(list)
	slices.Sort(list)
	return machine.Numbers(slices.Compact(list)...)
}

// GroupMembers lists the members of a group, ascending by uid.
func (c *Client) GroupMembers(ctx context.Context, group Conversation) ([]wire.GroupMember, error) {
	var all []wire.GroupMember
	var after uint64
	for {
		body := &wire.GroupMembers{Conversation: group, AfterUID: after, Limit: 256}
		page, err := ask[*wire.GroupMembersPage](ctx, c, body, true)
		if err != nil || len(page.Members) == 0 {
			return all, err
		}
		all = append(all, page.Members...)
		after = page.Members[len(page.Members)-1].UID
	}
}

// GroupInfo tells what a group is.
func (c *Client) GroupInfo(ctx context.Context, group Conversation) (*wire.GroupInfoReply, error) {
	return ask[*wire.GroupInfoReply](ctx, c, &wire.GroupInfo{Conversation: group}, true)
}
