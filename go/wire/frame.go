// Package wire encodes and decodes the frames of Longline, version 2.
// It has no IO and no clock.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// Sizes of frames.
const (
	HeaderBytes   = 24
	FrameBytesMax = 65536
	LoginBytesMax = 4096 // before the login is answered
	Version       = 2
)

// Errors of frames. Each ends the connection.
var (
	ErrVersion   = errors.New("wire: another version")
	ErrLength    = errors.New("wire: length out of range")
	ErrReserved  = errors.New("wire: flags are set")
	ErrExtension = errors.New("wire: extension out of range")
	ErrChecksum  = errors.New("wire: checksum does not match")
	ErrArchive   = errors.New("wire: payload is not that of its kind")
)

// Body is what a frame holds: a pointer to one of the structs of this package.
type Body interface {
	walker
	FrameKind() Kind
}

// extended is a body that has a known extension.
type extended interface{ extension(*layout) }

type extensionOf struct{ extended }

func (e extensionOf) walk(l *layout) { e.extension(l) }

// Frame is a frame. Body is nil if its kind is not known.
type Frame struct {
	Kind    Kind
	Request uint64
	Body    Body
}

// Append appends the encoding of a frame to buf.
func Append(buf []byte, request uint64, body Body) ([]byte, error) {
	frame := make([]byte, HeaderBytes, 256)
	frame = encodePayload(frame, body.FrameKind(), body)
	end := len(frame)
	if e, ok := body.(extended); ok {
		frame = encodeExtension(frame, extensionOf{e})
	}
	if len(frame) > FrameBytesMax {
		return buf, fmt.Errorf("%w: %d bytes", ErrLength, len(frame))
	}
	binary.LittleEndian.PutUint32(frame, uint32(len(frame)))
	frame[4], frame[5] = byte(body.FrameKind()), Version
	binary.LittleEndian.PutUint64(frame[8:], request)
	binary.LittleEndian.PutUint32(frame[20:], uint32(len(frame)-end))
	binary.LittleEndian.PutUint32(frame[16:], checksum(frame))
	return append(buf, frame...), nil
}

func checksum(frame []byte) uint32 {
	sum := crc32.ChecksumIEEE(frame[:16])
	return crc32.Update(sum, crc32.IEEETable, frame[20:])
}

// Length checks a header, and returns the length of its frame.
func Length(header []byte, limit int) (int, error) {
	if header[5] != Version {
		return 0, fmt.Errorf("%w: %d", ErrVersion, header[5])
	}
	length := binary.LittleEndian.Uint32(header)
	if length < HeaderBytes || length > uint32(limit) || length%8 != 0 {
		return 0, fmt.Errorf("%w: %d", ErrLength, length)
	}
	if header[6] != 0 || header[7] != 0 {
		return 0, ErrReserved
	}
	ext := binary.LittleEndian.Uint32(header[20:])
	if ext > length-HeaderBytes || ext%8 != 0 {
		return 0, fmt.Errorf("%w: %d", ErrExtension, ext)
	}
	return int(length), nil
}

// Decode reads one whole frame. All bytes of it must be there, and no more.
func Decode(frame []byte, limit int) (Frame, error) {
	if len(frame) < HeaderBytes {
		return Frame{}, fmt.Errorf("%w: %d", ErrLength, len(frame))
	}
	length, err := Length(frame, limit)
	if err != nil {
		return Frame{}, err
	}
	if length != len(frame) {
		return Frame{}, fmt.Errorf("%w: %d", ErrLength, length)
	}
	if binary.LittleEndian.Uint32(frame[16:]) != checksum(frame) {
		return Frame{}, ErrChecksum
	}
	f := Frame{Kind: Kind(frame[4]), Request: binary.LittleEndian.Uint64(frame[8:])}
	make, known := makers[f.Kind]
	if !known {
		return f, nil
	}
	f.Body = make()
	end := length - int(binary.LittleEndian.Uint32(frame[20:]))
	if err := decodePayload(frame[HeaderBytes:end], f.Kind, f.Body); err != nil {
		return Frame{}, fmt.Errorf("%w: kind %#x", ErrArchive, f.Kind)
	}
	if e, ok := f.Body.(extended); ok && end < length {
		decodeExtension(frame[end:], extensionOf{e})
	}
	return f, nil
}

// Read reads the next frame. It waits only for bytes that it will take.
func Read(r io.Reader, limit int) (Frame, error) {
	frame := make([]byte, HeaderBytes, 512)
	if _, err := io.ReadFull(r, frame); err != nil {
		return Frame{}, err
	}
	length, err := Length(frame, limit)
	if err != nil {
		return Frame{}, err
	}
	frame = append(frame, make([]byte, length-HeaderBytes)...)
	if _, err := io.ReadFull(r, frame[HeaderBytes:]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, err
	}
	return Decode(frame, limit)
}
