package machine

import (
	"encoding/binary"

	"longline/wire"
)

// ids makes client message ids. The last four bytes name the device, so a
// row that this device sent is known for ever.
type ids struct {
	device uint64
	rand   func() float64
	lastMS int64
	count  uint16
}

func (g *ids) tag() uint32 { return uint32(g.device ^ g.device>>32) }

// next makes a UUIDv7 on the server's clock. Ids of one millisecond count up.
func (g *ids) next(serverMS int64) wire.MsgID {
	if serverMS != g.lastMS {
		g.lastMS, g.count = serverMS, uint16(g.rand()*2048)
	} else {
		g.count = (g.count + 1) & 0xfff
	}
	var id wire.MsgID
	binary.BigEndian.PutUint64(id[:], uint64(serverMS)<<16|0x7000|uint64(g.count))
	binary.BigEndian.PutUint32(id[8:], 0x8000_0000|uint32(g.rand()*(1<<30)))
	binary.BigEndian.PutUint32(id[12:], g.tag())
	return id
}

// mine says whether this device made an id.
func (g *ids) mine(id wire.MsgID) bool { return binary.BigEndian.Uint32(id[12:]) == g.tag() }

// idTime is the time in an id, in Unix milliseconds.
func idTime(id wire.MsgID) int64 { return int64(binary.BigEndian.Uint64(id[:]) >> 16) }

// GroupID is the number of the group that a user makes under an id.
func GroupID(uid uint64, id wire.MsgID) uint64 {
	var h uint64
	for _, x := range []uint64{uid, binary.BigEndian.Uint64(id[:]), binary.BigEndian.Uint64(id[8:])} {
		h = mix(h ^ mix(x))
	}
	return max(h>>1, 1)
}

// mix is the finalizer of splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
