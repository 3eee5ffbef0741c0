package machine

import "encoding/binary"

// Kinds of rows.
const (
	KindMessage  uint8 = 1
	KindRead     uint8 = 2
	KindHidden   uint8 = 3
	KindCreate   uint8 = 16
	KindAdd      uint8 = 17
	KindRemove   uint8 = 18
	KindLeave    uint8 = 19
	KindRole     uint8 = 21
	KindMute     uint8 = 22
	KindTitle    uint8 = 23
	KindAnnounce uint8 = 24
	KindEnd      uint8 = 25
)

// Numbers is the body of a change of a group: numbers of 8 bytes each.
func Numbers(n ...uint64) []byte {
	var b []byte
	for _, x := range n {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return b
}
