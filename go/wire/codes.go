package wire

import "fmt"

// Code says why something was refused, or why a session ended.
type Code uint16

// The codes of refusals.
const (
	Malformed          Code = 1
	UnsupportedVersion Code = 2
	NotLoggedIn        Code = 3
	BadToken           Code = 4
	TokenExpired       Code = 5
	RateLimited        Code = 6
	Busy               Code = 7
	StoreUnavailable   Code = 8
	StoreFull          Code = 9
	IDConflict         Code = 10
	IDTooOld           Code = 11
	IDInFuture         Code = 12
	BadID              Code = 13
	BodyTooLarge       Code = 14
	BadRecipient       Code = 15
	Draining           Code = 16
	SessionReplaced    Code = 17
	TooManyDevices     Code = 18
	OutOfRange         Code = 19
	LoginTimeout       Code = 20
	Unresponsive       Code = 21
	NotMember          Code = 22
	NotAllowed         Code = 23
	GroupFull          Code = 25
	AlreadyMember      Code = 26
	Unsupported        Code = 27
	Kicked             Code = 28
	TokenRevoked       Code = 29
	Muted              Code = 30
	EndedByUser        Code = 31
)

var codeNames = map[Code]string{
	Malformed: "Malformed", UnsupportedVersion: "UnsupportedVersion", NotLoggedIn: "NotLoggedIn",
	BadToken: "BadToken", TokenExpired: "TokenExpired", RateLimited: "RateLimited", Busy: "Busy",
	StoreUnavailable: "StoreUnavailable", StoreFull: "StoreFull", IDConflict: "IdConflict",
	IDTooOld: "IdTooOld", IDInFuture: "IdInFuture", BadID: "BadId", BodyTooLarge: "BodyTooLarge",
	BadRecipient: "BadRecipient", Draining: "Draining", SessionReplaced: "SessionReplaced",
	TooManyDevices: "TooManyDevices", OutOfRange: "OutOfRange", LoginTimeout: "LoginTimeout",
	Unresponsive: "Unresponsive", NotMember: "NotMember", NotAllowed: "NotAllowed",
	GroupFull: "GroupFull", AlreadyMember: "AlreadyMember", Unsupported: "Unsupported",
	Kicked: "Kicked", TokenRevoked: "TokenRevoked", Muted: "Muted", EndedByUser: "EndedByUser",
}

// String names the code as the protocol does.
func (c Code) String() string {
	if name, ok := codeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("code %d", uint16(c))
}
