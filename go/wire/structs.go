package wire

import "fmt"

// Hello begins a connection.
type Hello struct {
	VersionMin    uint8
	VersionMax    uint8
	FrameBytesMax uint32
	Features      uint64
}

// FrameKind is the kind of the frame.
func (*Hello) FrameKind() Kind { return KindHello }

func (m *Hello) walk(l *layout) {
	l.u8(&m.VersionMin)
	l.u8(&m.VersionMax)
	l.u32(&m.FrameBytesMax)
	l.u64(&m.Features)
}

// HelloReply has the limits in force.
type HelloReply struct {
	Version       uint8
	HeartbeatMS   uint32
	FrameBytesMax uint32
	BodyBytesMax  uint32
	PageRowsMax   uint32
	PushWindowMax uint32
	SendWindowMax uint32
	Features      uint64
	ServerTimeMS  uint64
}

// FrameKind is the kind of the frame.
func (*HelloReply) FrameKind() Kind { return KindHelloReply }

func (m *HelloReply) walk(l *layout) {
	l.u8(&m.Version)
	l.u32(&m.HeartbeatMS)
	l.u32(&m.FrameBytesMax)
	l.u32(&m.BodyBytesMax)
	l.u32(&m.PageRowsMax)
	l.u32(&m.PushWindowMax)
	l.u32(&m.SendWindowMax)
	l.u64(&m.Features)
	l.u64(&m.ServerTimeMS)
}

// Login gives the token, and what the device has of its inbox.
type Login struct {
	Device     uint64
	Cursor     uint64
	InboxEpoch uint64
	FromHead   uint8
	Token      string

	MessageID uint64 // extension
	Platform  uint64 // extension
}

// FrameKind is the kind of the frame.
func (*Login) FrameKind() Kind { return KindLogin }

func (m *Login) walk(l *layout) {
	l.u64(&m.Device)
	l.u64(&m.Cursor)
	l.u64(&m.InboxEpoch)
	l.u8(&m.FromHead)
	l.str(&m.Token)
}

func (m *Login) extension(l *layout) {
	l.u64(&m.MessageID)
	l.u64(&m.Platform)
}

// LoginReply says where the inbox is, and where pushes begin.
type LoginReply struct {
	UID          uint64
	Generation   uint64
	InboxEpoch   uint64
	InboxHead    uint64
	Cursor       uint64
	ServerTimeMS uint64

	InboxTail uint64 // extension
}

// FrameKind is the kind of the frame.
func (*LoginReply) FrameKind() Kind { return KindLoginReply }

func (m *LoginReply) walk(l *layout) {
	l.u64(&m.UID)
	l.u64(&m.Generation)
	l.u64(&m.InboxEpoch)
	l.u64(&m.InboxHead)
	l.u64(&m.Cursor)
	l.u64(&m.ServerTimeMS)
}

func (m *LoginReply) extension(l *layout) {
	l.u64(&m.InboxTail)
}

// Logout ends the session in order.
type Logout struct {
	Generation uint64
}

// FrameKind is the kind of the frame.
func (*Logout) FrameKind() Kind { return KindLogout }

func (m *Logout) walk(l *layout) {
	l.u64(&m.Generation)
}

// LogoutReply answers Logout.
type LogoutReply struct {
	Generation uint64
}

// FrameKind is the kind of the frame.
func (*LogoutReply) FrameKind() Kind { return KindLogoutReply }

func (m *LogoutReply) walk(l *layout) {
	l.u64(&m.Generation)
}

// Heartbeat asks whether the other side is there.
type Heartbeat struct {
	TimeMS uint64
}

// FrameKind is the kind of the frame.
func (*Heartbeat) FrameKind() Kind { return KindHeartbeat }

func (m *Heartbeat) walk(l *layout) {
	l.u64(&m.TimeMS)
}

// HeartbeatReply answers Heartbeat.
type HeartbeatReply struct {
	TimeMS     uint64
	InboxEpoch uint64
	InboxHead  uint64

	ServerTimeMS uint64 // extension
}

// FrameKind is the kind of the frame.
func (*HeartbeatReply) FrameKind() Kind { return KindHeartbeatReply }

func (m *HeartbeatReply) walk(l *layout) {
	l.u64(&m.TimeMS)
	l.u64(&m.InboxEpoch)
	l.u64(&m.InboxHead)
}

func (m *HeartbeatReply) extension(l *layout) {
	l.u64(&m.ServerTimeMS)
}

// Renew gives the session another token.
type Renew struct {
	Token string
}

// FrameKind is the kind of the frame.
func (*Renew) FrameKind() Kind { return KindRenew }

func (m *Renew) walk(l *layout) {
	l.str(&m.Token)
}

// RenewReply says until when the token is believed.
type RenewReply struct {
	UntilMS uint64
}

// FrameKind is the kind of the frame.
func (*RenewReply) FrameKind() Kind { return KindRenewReply }

func (m *RenewReply) walk(l *layout) {
	l.u64(&m.UntilMS)
}

// Refusal answers a request that was not done, or says why the connection closes.
type Refusal struct {
	Code         Code
	RetryAfterMS uint32
	Text         string

	ServerTimeMS uint64 // extension
}

// FrameKind is the kind of the frame.
func (*Refusal) FrameKind() Kind { return KindRefusal }

func (m *Refusal) walk(l *layout) {
	l.u16((*uint16)(&m.Code))
	l.u32(&m.RetryAfterMS)
	l.str(&m.Text)
}

func (m *Refusal) extension(l *layout) {
	l.u64(&m.ServerTimeMS)
}

// GoingAway says that the server will close soon.
type GoingAway struct {
	Code             Code
	ReconnectAfterMS uint32
	JitterMS         uint32
}

// FrameKind is the kind of the frame.
func (*GoingAway) FrameKind() Kind { return KindGoingAway }

func (m *GoingAway) walk(l *layout) {
	l.u16((*uint16)(&m.Code))
	l.u32(&m.ReconnectAfterMS)
	l.u32(&m.JitterMS)
}

// InboxHead tells where the inbox ends.
type InboxHead struct {
	InboxEpoch uint64
	InboxHead  uint64
}

// FrameKind is the kind of the frame.
func (*InboxHead) FrameKind() Kind { return KindInboxHead }

func (m *InboxHead) walk(l *layout) {
	l.u64(&m.InboxEpoch)
	l.u64(&m.InboxHead)
}

// SessionEnd says why the session ends, and what to do next.
type SessionEnd struct {
	Code     Code
	Next     uint8
	WaitMS   uint32
	JitterMS uint32
	Text     string
}

// FrameKind is the kind of the frame.
func (*SessionEnd) FrameKind() Kind { return KindSessionEnd }

func (m *SessionEnd) walk(l *layout) {
	l.u16((*uint16)(&m.Code))
	l.u8(&m.Next)
	l.u32(&m.WaitMS)
	l.u32(&m.JitterMS)
	l.str(&m.Text)
}

// Send puts a message into a conversation.
type Send struct {
	Conversation Conversation
	ClientMsgID  MsgID
	Kind         uint8
	Flags        uint16
	Body         string

	SeenSeq uint64 // extension
}

// FrameKind is the kind of the frame.
func (*Send) FrameKind() Kind { return KindSend }

func (m *Send) walk(l *layout) {
	l.sub(&m.Conversation)
	l.id(&m.ClientMsgID)
	l.u8(&m.Kind)
	l.u16(&m.Flags)
	l.str(&m.Body)
}

func (m *Send) extension(l *layout) {
	l.u64(&m.SeenSeq)
}

// SendAck says that a message is stored.
type SendAck struct {
	MessageID uint64
	Seq       uint64
	TimeMS    uint64
	InboxSeq  uint64
}

// FrameKind is the kind of the frame.
func (*SendAck) FrameKind() Kind { return KindSendAck }

func (m *SendAck) walk(l *layout) {
	l.u64(&m.MessageID)
	l.u64(&m.Seq)
	l.u64(&m.TimeMS)
	l.u64(&m.InboxSeq)
}

// Push brings a row of the inbox.
type Push struct {
	Previous uint64
	Message  Message
}

// FrameKind is the kind of the frame.
func (*Push) FrameKind() Kind { return KindPush }

func (m *Push) walk(l *layout) {
	l.u64(&m.Previous)
	l.sub(&m.Message)
}

// PushAck says that all rows up to one have arrived.
type PushAck struct {
	InboxSeq uint64
}

// FrameKind is the kind of the frame.
func (*PushAck) FrameKind() Kind { return KindPushAck }

func (m *PushAck) walk(l *layout) {
	l.u64(&m.InboxSeq)
}

// Conversation names a conversation.
type Conversation struct {
	Kind uint8
	A    uint64
	B    uint64
}

func (m *Conversation) walk(l *layout) {
	l.u8(&m.Kind)
	l.u64(&m.A)
	l.u64(&m.B)
}

// Message is a row of a conversation, and of an inbox.
type Message struct {
	InboxSeq     uint64
	Conversation Conversation
	Seq          uint64
	Number       uint64
	Sender       uint64
	MessageID    uint64
	TimeMS       uint64
	ClientMsgID  MsgID
	Kind         uint8
	RowFlags     uint8
	Flags        uint16
	Body         string
}

func (m *Message) walk(l *layout) {
	l.u64(&m.InboxSeq)
	l.sub(&m.Conversation)
	l.u64(&m.Seq)
	l.u64(&m.Number)
	l.u64(&m.Sender)
	l.u64(&m.MessageID)
	l.u64(&m.TimeMS)
	l.id(&m.ClientMsgID)
	l.u8(&m.Kind)
	l.u8(&m.RowFlags)
	l.u16(&m.Flags)
	l.str(&m.Body)
}

// Sync asks for rows of the inbox.
type Sync struct {
	Cursor uint64
	Limit  uint32
}

// FrameKind is the kind of the frame.
func (*Sync) FrameKind() Kind { return KindSync }

func (m *Sync) walk(l *layout) {
	l.u64(&m.Cursor)
	l.u32(&m.Limit)
}

// SyncPage has rows of the inbox.
type SyncPage struct {
	InboxEpoch uint64
	InboxHead  uint64
	Messages   []Message

	InboxTail uint64 // extension
}

// FrameKind is the kind of the frame.
func (*SyncPage) FrameKind() Kind { return KindSyncPage }

func (m *SyncPage) walk(l *layout) {
	l.u64(&m.InboxEpoch)
	l.u64(&m.InboxHead)
	list(l, &m.Messages)
}

func (m *SyncPage) extension(l *layout) {
	l.u64(&m.InboxTail)
}

// History asks for rows of a conversation.
type History struct {
	Conversation Conversation
	BeforeSeq    uint64
	Limit        uint32
}

// FrameKind is the kind of the frame.
func (*History) FrameKind() Kind { return KindHistory }

func (m *History) walk(l *layout) {
	l.sub(&m.Conversation)
	l.u64(&m.BeforeSeq)
	l.u32(&m.Limit)
}

// HistoryPage has rows of a conversation.
type HistoryPage struct {
	Conversation Conversation
	Messages     []Message
}

// FrameKind is the kind of the frame.
func (*HistoryPage) FrameKind() Kind { return KindHistoryPage }

func (m *HistoryPage) walk(l *layout) {
	l.sub(&m.Conversation)
	list(l, &m.Messages)
}

// Chats asks for the list of chats.
type Chats struct {
	After Conversation
	Limit uint32
}

// FrameKind is the kind of the frame.
func (*Chats) FrameKind() Kind { return KindChats }

func (m *Chats) walk(l *layout) {
	l.sub(&m.After)
	l.u32(&m.Limit)
}

// ChatsPage has a part of the list of chats.
type ChatsPage struct {
	NextAfter Conversation
	Version   uint64
	Chats     []Chat

	PeerReadSeqs []uint64 // extension
}

// FrameKind is the kind of the frame.
func (*ChatsPage) FrameKind() Kind { return KindChatsPage }

func (m *ChatsPage) walk(l *layout) {
	l.sub(&m.NextAfter)
	l.u64(&m.Version)
	list(l, &m.Chats)
}

func (m *ChatsPage) extension(l *layout) {
	if l.mode == read {
		m.PeerReadSeqs = make([]uint64, len(m.Chats))
	}
	for i := range m.PeerReadSeqs {
		l.u64(&m.PeerReadSeqs[i])
	}
}

// Chat is a conversation in the user's list.
type Chat struct {
	Conversation Conversation
	Recent       Message
	ReadTimeMS   uint64
	ReadSeq      uint64
	Unread       uint64
	Version      uint64
	IsHidden     uint8
}

func (m *Chat) walk(l *layout) {
	l.sub(&m.Conversation)
	l.sub(&m.Recent)
	l.u64(&m.ReadTimeMS)
	l.u64(&m.ReadSeq)
	l.u64(&m.Unread)
	l.u64(&m.Version)
	l.u8(&m.IsHidden)
}

// MarkRead says up to where the user has read.
type MarkRead struct {
	Conversation Conversation
	Seq          uint64
}

// FrameKind is the kind of the frame.
func (*MarkRead) FrameKind() Kind { return KindMarkRead }

func (m *MarkRead) walk(l *layout) {
	l.sub(&m.Conversation)
	l.u64(&m.Seq)
}

// HideChat hides a chat until its next message.
type HideChat struct {
	Conversation Conversation
}

// FrameKind is the kind of the frame.
func (*HideChat) FrameKind() Kind { return KindHideChat }

func (m *HideChat) walk(l *layout) {
	l.sub(&m.Conversation)
}

// ChatReply says how a chat is now.
type ChatReply struct {
	Conversation Conversation
	ReadSeq      uint64
	Unread       uint64
	Version      uint64
	IsHidden     uint8
}

// FrameKind is the kind of the frame.
func (*ChatReply) FrameKind() Kind { return KindChatReply }

func (m *ChatReply) walk(l *layout) {
	l.sub(&m.Conversation)
	l.u64(&m.ReadSeq)
	l.u64(&m.Unread)
	l.u64(&m.Version)
	l.u8(&m.IsHidden)
}

// GroupMembers asks for the members of a group.
type GroupMembers struct {
	Conversation Conversation
	AfterUID     uint64
	Limit        uint32
}

// FrameKind is the kind of the frame.
func (*GroupMembers) FrameKind() Kind { return KindGroupMembers }

func (m *GroupMembers) walk(l *layout) {
	l.sub(&m.Conversation)
	l.u64(&m.AfterUID)
	l.u32(&m.Limit)
}

// GroupMembersPage has members of a group.
type GroupMembersPage struct {
	Conversation Conversation
	Count        uint64
	Members      []GroupMember
}

// FrameKind is the kind of the frame.
func (*GroupMembersPage) FrameKind() Kind { return KindGroupMembersPage }

func (m *GroupMembersPage) walk(l *layout) {
	l.sub(&m.Conversation)
	l.u64(&m.Count)
	list(l, &m.Members)
}

// GroupMember is a member of a group.
type GroupMember struct {
	UID      uint64
	SinceSeq uint64
	IsOwner  uint8
}

func (m *GroupMember) walk(l *layout) {
	l.u64(&m.UID)
	l.u64(&m.SinceSeq)
	l.u8(&m.IsOwner)
}

// Devices asks for the user's devices that are logged in.
type Devices struct {
	AfterGeneration uint64
	Limit           uint32
}

// FrameKind is the kind of the frame.
func (*Devices) FrameKind() Kind { return KindDevices }

func (m *Devices) walk(l *layout) {
	l.u64(&m.AfterGeneration)
	l.u32(&m.Limit)
}

// DevicesPage has devices of the user.
type DevicesPage struct {
	Devices []Device
}

// FrameKind is the kind of the frame.
func (*DevicesPage) FrameKind() Kind { return KindDevicesPage }

func (m *DevicesPage) walk(l *layout) {
	list(l, &m.Devices)
}

// Device is a device that is logged in.
type Device struct {
	Device     uint64
	Generation uint64
	SilentS    uint32
	Platform   uint8
}

func (m *Device) walk(l *layout) {
	l.u64(&m.Device)
	l.u64(&m.Generation)
	l.u32(&m.SilentS)
	l.u8(&m.Platform)
}

// EndDevice ends a device's session.
type EndDevice struct {
	Device uint64
}

// FrameKind is the kind of the frame.
func (*EndDevice) FrameKind() Kind { return KindEndDevice }

func (m *EndDevice) walk(l *layout) {
	l.u64(&m.Device)
}

// EndDeviceReply answers EndDevice.
type EndDeviceReply struct {
	WasLoggedIn uint8
}

// FrameKind is the kind of the frame.
func (*EndDeviceReply) FrameKind() Kind { return KindEndDeviceReply }

func (m *EndDeviceReply) walk(l *layout) {
	l.u8(&m.WasLoggedIn)
}

// PushToken says by what a provider reaches the device while its user is away. An empty token: by nothing any more.
type PushToken struct {
	Token    string
	Provider uint8
}

// FrameKind is the kind of the frame.
func (*PushToken) FrameKind() Kind { return KindPushToken }

func (m *PushToken) walk(l *layout) {
	l.str(&m.Token)
	l.u8(&m.Provider)
}

// PushTokenReply answers PushToken.
type PushTokenReply struct {
	IsKept uint8
}

// FrameKind is the kind of the frame.
func (*PushTokenReply) FrameKind() Kind { return KindPushTokenReply }

func (m *PushTokenReply) walk(l *layout) {
	l.u8(&m.IsKept)
}

// Signal tells the peer of a chat what happens now.
type Signal struct {
	Conversation Conversation
	UID          uint64
	Seq          uint64
	TTLMS        uint32
	Kind         uint8
}

// FrameKind is the kind of the frame.
func (*Signal) FrameKind() Kind { return KindSignal }

func (m *Signal) walk(l *layout) {
	l.sub(&m.Conversation)
	l.u64(&m.UID)
	l.u64(&m.Seq)
	l.u32(&m.TTLMS)
	l.u8(&m.Kind)
}

// GroupInfo asks what a group is.
type GroupInfo struct {
	Conversation Conversation
}

// FrameKind is the kind of the frame.
func (*GroupInfo) FrameKind() Kind { return KindGroupInfo }

func (m *GroupInfo) walk(l *layout) {
	l.sub(&m.Conversation)
}

// GroupInfoReply says what a group is.
type GroupInfoReply struct {
	Conversation Conversation
	Seq          uint64
	Count        uint64
	MutedUntilMS uint64
	Title        string
	Notice       string
	Roles        []GroupRole
}

// FrameKind is the kind of the frame.
func (*GroupInfoReply) FrameKind() Kind { return KindGroupInfoReply }

func (m *GroupInfoReply) walk(l *layout) {
	l.sub(&m.Conversation)
	l.u64(&m.Seq)
	l.u64(&m.Count)
	l.u64(&m.MutedUntilMS)
	l.str(&m.Title)
	l.str(&m.Notice)
	list(l, &m.Roles)
}

// GroupRole is the role of a member, and until when it is muted.
type GroupRole struct {
	UID          uint64
	Role         uint8
	MutedUntilMS uint64
}

func (m *GroupRole) walk(l *layout) {
	l.u64(&m.UID)
	l.u8(&m.Role)
	l.u64(&m.MutedUntilMS)
}

// MsgID is a client_msg_id, in the byte order of RFC 9562.
type MsgID [16]byte

// String writes the id as UUIDs are written.
func (id MsgID) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
