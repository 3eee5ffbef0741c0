package wire

import "testing"

// The sizes that the headings of PROTOCOL.md give.
func TestSizes(t *testing.T) {
	sizes := map[walker]int{
		&Hello{}: 16, &HelloReply{}: 48, &Login{}: 40, &LoginReply{}: 48, &Logout{}: 8, &LogoutReply{}: 8,
		&Heartbeat{}: 8, &HeartbeatReply{}: 24, &Renew{}: 8, &RenewReply{}: 8, &Refusal{}: 16,
		&GoingAway{}: 12, &InboxHead{}: 16, &SessionEnd{}: 20, &Send{}: 56, &SendAck{}: 32, &Push{}: 112,
		&PushAck{}: 8, &Conversation{}: 24, &Message{}: 104, &Sync{}: 16, &SyncPage{}: 24, &History{}: 40,
		&HistoryPage{}: 32, &Chats{}: 32, &ChatsPage{}: 40, &Chat{}: 168, &MarkRead{}: 32, &HideChat{}: 24,
		&ChatReply{}: 56, &GroupMembers{}: 40, &GroupMembersPage{}: 40, &GroupMember{}: 24, &Devices{}: 16,
		&DevicesPage{}: 8, &Device{}: 24, &EndDevice{}: 8, &EndDeviceReply{}: 1, &Signal{}: 48,
		&GroupInfo{}: 24, &GroupInfoReply{}: 72, &GroupRole{}: 24,
	}
	for w, want := range sizes {
		if got, _ := sizeOf(w); got != want {
			t.Errorf("%T has %d bytes, not %d", w, got, want)
		}
	}
	for kind, make := range makers {
		if make().FrameKind() != kind {
			t.Errorf("%#x makes %T", kind, make())
		}
	}
}
