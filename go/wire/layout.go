package wire

import (
	"encoding/binary"
)

type mode uint8

const (
	measure mode = iota // add up size and alignment
	gather              // write what the struct points to
	fill                // write the struct itself
	read                // read the struct, and check it
)

// layout walks over the fields of a struct. Each struct lists its fields
// once, in its method walk; the mode says what is done with them.
type layout struct {
	mode  mode
	buf   []byte
	at    int   // of the next field
	align int   // measure: the largest alignment so far
	refs  []int // gather puts positions of data in, fill takes them out
	data  int   // read: where the data that comes next must begin
	end   int   // read: where data must end
	fault bool
}

// walker is a struct of the protocol.
type walker interface{ walk(*layout) }

func up(n, align int) int { return (n + align - 1) / align * align }

func sizeOf(w walker) (size, align int) {
	l := layout{mode: measure, align: 1}
	w.walk(&l)
	return up(l.at, l.align), l.align
}

// place moves to the next field, and returns its bytes.
// It returns nil where no bytes are to be read or written.
func (l *layout) place(size, align int) []byte {
	at := up(l.at, align)
	switch l.mode {
	case measure:
		l.align = max(l.align, align)
		l.at = at + size
		return nil
	case gather:
		return nil
	case fill:
		l.buf = append(l.buf, make([]byte, at+size-len(l.buf))...)
	case read:
		if l.fault || at+size > len(l.buf) || !zero(l.buf[l.at:at]) {
			l.fault = true
			return nil
		}
	}
	l.at = at + size
	return l.buf[at : at+size]
}

func zero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

func (l *layout) u8(v *uint8) {
	if b := l.place(1, 1); b == nil {
		return
	} else if l.mode == read {
		*v = b[0]
	} else {
		b[0] = *v
	}
}

func (l *layout) u16(v *uint16) {
	if b := l.place(2, 2); b == nil {
		return
	} else if l.mode == read {
		*v = binary.LittleEndian.Uint16(b)
	} else {
		binary.LittleEndian.PutUint16(b, *v)
	}
}

func (l *layout) u32(v *uint32) {
	if b := l.place(4, 4); b == nil {
		return
	} else if l.mode == read {
		*v = binary.LittleEndian.Uint32(b)
	} else {
		binary.LittleEndian.PutUint32(b, *v)
	}
}

func (l *layout) u64(v *uint64) {
	if b := l.place(8, 8); b == nil {
		return
	} else if l.mode == read {
		*v = binary.LittleEndian.Uint64(b)
	} else {
		binary.LittleEndian.PutUint64(b, *v)
	}
}

func (l *layout) id(v *MsgID) {
	if b := l.place(16, 1); b == nil {
		return
	} else if l.mode == read {
		copy(v[:], b)
	} else {
		copy(b, v[:])
	}
}

// pointer reads or writes an offset and a length. For read it returns
// where the data begins and how many there are.
func (l *layout) pointer(count int) (start, n int) {
	b := l.place(8, 4)
	if b == nil {
		return 0, 0
	}
	at := l.at - 8
	if l.mode == fill {
		start, l.refs = l.refs[0], l.refs[1:]
		binary.LittleEndian.PutUint32(b, uint32(int32(start-at)))
		binary.LittleEndian.PutUint32(b[4:], uint32(count))
		return start, count
	}
	start = at + int(int32(binary.LittleEndian.Uint32(b)))
	return start, int(binary.LittleEndian.Uint32(b[4:]))
}

func (l *layout) str(v *string) {
	if l.mode == gather {
		l.refs = append(l.refs, len(l.buf))
		l.buf = append(l.buf, *v...)
		return
	}
	start, n := l.pointer(len(*v))
	if l.mode != read || l.fault {
		return
	}
	if start != l.data || n > l.end-l.data {
		l.fault = true
		return
	}
	*v = string(l.buf[start : start+n])
	l.data += n
}

// sub walks over a struct within a struct.
func (l *layout) sub(w walker) {
	size, align := sizeOf(w)
	if l.mode == gather {
		w.walk(l)
		return
	}
	l.place(0, align)
	end := l.at + size
	w.walk(l)
	l.place(end-l.at, 1)
}

// list walks over the structs of a list.
func list[T any, P interface {
	*T
	walker
}](l *layout, v *[]T) {
	size, _ := sizeOf(P(new(T)))
	switch l.mode {
	case gather:
		inner := layout{mode: gather, buf: l.buf}
		for i := range *v {
			P(&(*v)[i]).walk(&inner)
		}
		start := up(len(inner.buf), 8)
		inner.pad(start)
		inner.mode, inner.at = fill, start
		for i := range *v {
			inner.sub(P(&(*v)[i]))
		}
		l.buf, l.refs = inner.buf, append(l.refs, start)
	case read:
		start, n := l.pointer(0)
		if l.fault || start < l.data || start > l.end || n > (l.end-start)/size {
			l.fault = true
			return
		}
		inner := layout{mode: read, buf: l.buf, at: start, data: l.data, end: start}
		if n > 0 {
			*v = make([]T, n)
		}
		for i := range *v {
			inner.sub(P(&(*v)[i]))
		}
		if inner.fault || up(inner.data, 8) != start || !zero(l.buf[inner.data:start]) {
			l.fault = true
			return
		}
		l.data = start + n*size
	default:
		l.pointer(len(*v))
	}
}

func (l *layout) pad(to int) { l.buf = append(l.buf, make([]byte, to-len(l.buf))...) }

// encodePayload appends the one encoding of w. The length of buf is a
// multiple of 8.
func encodePayload(buf []byte, kind Kind, w walker) []byte {
	l := layout{mode: gather, buf: buf}
	w.walk(&l)
	l.pad(up(len(l.buf), 8))
	l.mode, l.at = fill, len(l.buf)
	l.sub(w)
	l.pad(up(len(l.buf), 8))
	return binary.LittleEndian.AppendUint64(l.buf, uint64(kind))
}

// decodePayload reads w, and refuses all but its one encoding.
func decodePayload(payload []byte, kind Kind, w walker) error {
	size, _ := sizeOf(w)
	start := len(payload) - 8 - up(size, 8)
	if start < 0 || binary.LittleEndian.Uint64(payload[len(payload)-8:]) != uint64(kind) {
		return ErrArchive
	}
	l := layout{mode: read, buf: payload[:len(payload)-8], at: start, end: start}
	l.sub(w)
	if l.fault || up(l.data, 8) != start || !zero(payload[l.data:start]) || !zero(l.buf[l.at:]) {
		return ErrArchive
	}
	return nil
}

// encodeExtension appends the fields of an extension, but for zeros at its end.
func encodeExtension(buf []byte, w walker) []byte {
	start := len(buf)
	l := layout{mode: fill, buf: buf, at: start}
	w.walk(&l)
	l.pad(up(len(l.buf), 8))
	for len(l.buf) > start && zero(l.buf[len(l.buf)-8:]) {
		l.buf = l.buf[:len(l.buf)-8]
	}
	return l.buf
}

// decodeExtension reads what is known of an extension. Fields beyond its
// end stay 0.
func decodeExtension(ext []byte, w walker) {
	l := layout{mode: read, buf: ext}
	w.walk(&l)
}
