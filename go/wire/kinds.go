package wire

// Kind says what a frame is.
type Kind uint8

// The kinds of frames.
const (
	KindHello            Kind = 0x01
	KindHelloReply       Kind = 0x02
	KindLogin            Kind = 0x03
	KindLoginReply       Kind = 0x04
	KindLogout           Kind = 0x05
	KindLogoutReply      Kind = 0x06
	KindHeartbeat        Kind = 0x07
	KindHeartbeatReply   Kind = 0x08
	KindRenew            Kind = 0x09
	KindRenewReply       Kind = 0x0a
	KindSend             Kind = 0x10
	KindSendAck          Kind = 0x11
	KindPush             Kind = 0x12
	KindPushAck          Kind = 0x13
	KindSync             Kind = 0x20
	KindSyncPage         Kind = 0x21
	KindHistory          Kind = 0x22
	KindHistoryPage      Kind = 0x23
	KindChats            Kind = 0x24
	KindChatsPage        Kind = 0x25
	KindMarkRead         Kind = 0x26
	KindHideChat         Kind = 0x27
	KindChatReply        Kind = 0x28
	KindRefusal          Kind = 0x30
	KindGoingAway        Kind = 0x31
	KindGroupMembers     Kind = 0x43
	KindGroupMembersPage Kind = 0x44
	KindGroupInfo        Kind = 0x45
	KindGroupInfoReply   Kind = 0x46
	KindDevices          Kind = 0x61
	KindDevicesPage      Kind = 0x62
	KindEndDevice        Kind = 0x63
	KindEndDeviceReply   Kind = 0x64
	KindPushToken        Kind = 0x65
	KindPushTokenReply   Kind = 0x66
	KindInboxHead        Kind = 0x80
	KindSessionEnd       Kind = 0x81
	KindSignal           Kind = 0x82
)

// makers makes the body of each known kind.
var makers = map[Kind]func() Body{
	KindHello:            func() Body { return new(Hello) },
	KindHelloReply:       func() Body { return new(HelloReply) },
	KindLogin:            func() Body { return new(Login) },
	KindLoginReply:       func() Body { return new(LoginReply) },
	KindLogout:           func() Body { return new(Logout) },
	KindLogoutReply:      func() Body { return new(LogoutReply) },
	KindHeartbeat:        func() Body { return new(Heartbeat) },
	KindHeartbeatReply:   func() Body { return new(HeartbeatReply) },
	KindRenew:            func() Body { return new(Renew) },
	KindRenewReply:       func() Body { return new(RenewReply) },
	KindSend:             func() Body { return new(Send) },
	KindSendAck:          func() Body { return new(SendAck) },
	KindPush:             func() Body { return new(Push) },
	KindPushAck:          func() Body { return new(PushAck) },
	KindSync:             func() Body { return new(Sync) },
	KindSyncPage:         func() Body { return new(SyncPage) },
	KindHistory:          func() Body { return new(History) },
	KindHistoryPage:      func() Body { return new(HistoryPage) },
	KindChats:            func() Body { return new(Chats) },
	KindChatsPage:        func() Body { return new(ChatsPage) },
	KindMarkRead:         func() Body { return new(MarkRead) },
	KindHideChat:         func() Body { return new(HideChat) },
	KindChatReply:        func() Body { return new(ChatReply) },
	KindRefusal:          func() Body { return new(Refusal) },
	KindGoingAway:        func() Body { return new(GoingAway) },
	KindGroupMembers:     func() Body { return new(GroupMembers) },
	KindGroupMembersPage: func() Body { return new(GroupMembersPage) },
	KindGroupInfo:        func() Body { return new(GroupInfo) },
	KindGroupInfoReply:   func() Body { return new(GroupInfoReply) },
	KindDevices:          func() Body { return new(Devices) },
	KindDevicesPage:      func() Body { return new(DevicesPage) },
	KindEndDevice:        func() Body { return new(EndDevice) },
	KindEndDeviceReply:   func() Body { return new(EndDeviceReply) },
	KindPushToken:        func() Body { return new(PushToken) },
	KindPushTokenReply:   func() Body { return new(PushTokenReply) },
	KindInboxHead:        func() Body { return new(InboxHead) },
	KindSessionEnd:       func() Body { return new(SessionEnd) },
	KindSignal:           func() Body { return new(Signal) },
}
