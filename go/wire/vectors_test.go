package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
)

func vectorDir() string {
	return "../../crates/wire/vectors"
}

// parse returns the bytes of a vector, its notes by name, and its comments.
func parse(t testing.TB, path string) (frame []byte, notes map[string]string, fields []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	notes = map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		digits, comment, _ := strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.Join(strings.Fields(digits), ""))
		if err != nil {
			t.Fatal(path, err)
		}
		frame = append(frame, b...)
		if name, value, ok := strings.Cut(comment, ": "); ok && len(b) == 0 {
			notes[strings.TrimSpace(name)] = value
		} else if len(b) > 0 {
			fields = append(fields, comment)
		}
	}
	return frame, notes, fields
}

func vectors(t testing.TB, pattern string) []string {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(vectorDir(), pattern))
	if len(paths) == 0 {
		t.Fatalf("no vectors %s in %s", pattern, vectorDir())
	}
	return paths
}

func TestVectorsAreThoseReleased(t *testing.T) {
	list, err := os.ReadFile(filepath.Join(vectorDir(), "released.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(list)), "\n") {
		sum, name, _ := strings.Cut(line, " ")
		frame, _, _ := parse(t, filepath.Join(vectorDir(), name))
		file, _ := os.ReadFile(filepath.Join(vectorDir(), name))
		got := fmt.Sprintf("%08x", crc32.ChecksumIEEE(frame))
		whole := fmt.Sprintf("%08x", crc32.ChecksumIEEE(file))
		if got != sum && whole != sum {
			t.Errorf("%s: frame %s, file %s, list %s", name, got, whole, sum)
		}
	}
}

func TestValidVectorsRoundTrip(t *testing.T) {
	for _, path := range append(vectors(t, "[0-9]*.hex"), vectors(t, "ext_*.hex")...) {
		name := filepath.Base(path)
		bytesOf, notes, fields := parse(t, path)
		f, err := Decode(bytesOf, FrameBytesMax)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if f.Request != 0x102 && f.Request != 0 {
			t.Errorf("%s: request %#x", name, f.Request)
		}
		text := strings.Join(fields, "\n")
		if !strings.Contains(text, "the extension: not known") {
			again, err := Append(nil, f.Request, f.Body)
			if err != nil || !bytes.Equal(again, bytesOf) {
				t.Errorf("%s: encoded to\n%x\nnot\n%x", name, again, bytesOf)
			}
			compareFields(t, name, f.Body, fields)
		}
		if as := notes["as"]; as != "" {
			other, _, _ := parse(t, filepath.Join(vectorDir(), strings.TrimSpace(as)))
			g, err := Decode(other, FrameBytesMax)
			if err != nil {
				t.Errorf("%s: %v", as, err)
				continue
			}
			if a, b := plain(t, f.Body), plain(t, g.Body); !bytes.Equal(a, b) {
				t.Errorf("%s differs from %s", name, as)
			}
		}
	}
}

// plain encodes a body without its extension.
func plain(t *testing.T, b Body) []byte {
	t.Helper()
	return encodePayload(nil, b.FrameKind(), b)
}

var assigned = regexp.MustCompile(`(\d+): ([a-z_\[\]0-9.]+) = (\d+)`)

// compareFields compares the numbers in comments with the fields that were read.
func compareFields(t *testing.T, name string, body Body, comments []string) {
	t.Helper()
	for _, comment := range comments {
		m := assigned.FindStringSubmatch(comment)
		if m == nil || len(m[1]) == 1 || m[1] < "24" && len(m[1]) == 2 {
			continue // no number, or of the header
		}
		v, ok := field(reflect.ValueOf(body).Elem(), m[2])
		want, _ := strconv.ParseUint(m[3], 10, 64)
		if m[2] == "kind" && uint64(body.FrameKind()) == want {
			continue
		}
		if !ok || v.CanUint() && v.Uint() != want {
			t.Errorf("%s: %s is %v, not %d", name, m[2], v, want)
		}
	}
}

// field finds a field by its name in the documents.
func field(v reflect.Value, path string) (reflect.Value, bool) {
	for _, part := range strings.Split(path, ".") {
		base, index, isList := strings.Cut(strings.TrimSuffix(part, "]"), "[")
		flat := strings.ReplaceAll(base, "_", "")
		v = v.FieldByNameFunc(func(n string) bool { return strings.EqualFold(n, flat) })
		if !v.IsValid() {
			return v, false
		}
		if isList {
			i, _ := strconv.Atoi(index)
			v = v.Index(i)
		}
	}
	if v.Kind() == reflect.Slice && v.Len() > 0 {
		v = v.Index(0)
	}
	return v, true
}

func TestUnknownKindsAreSkipped(t *testing.T) {
	next, _, _ := parse(t, filepath.Join(vectorDir(), "10_Send.hex"))
	for _, path := range vectors(t, "unknown_*.hex") {
		frame, _, _ := parse(t, path)
		r := bytes.NewReader(append(frame, next...))
		f, err := Read(r, FrameBytesMax)
		if err != nil || f.Body != nil {
			t.Errorf("%s: %v %v", path, f, err)
		}
		if f, err = Read(r, FrameBytesMax); err != nil || f.Kind != KindSend {
			t.Errorf("%s: behind it %v %v", path, f, err)
		}
	}
}

func TestBadVectorsAreRefused(t *testing.T) {
	errs := map[string]error{"Version": ErrVersion, "Length": ErrLength, "Reserved": ErrReserved,
		"Extension": ErrExtension, "Checksum": ErrChecksum, "Archive": ErrArchive}
	for _, path := range vectors(t, "bad_*.hex") {
		frame, notes, _ := parse(t, path)
		kind, _, _ := strings.Cut(notes["error"], "(")
		_, err := Read(io.MultiReader(bytes.NewReader(frame), iotest.ErrReader(io.ErrNoProgress)), FrameBytesMax)
		if !errors.Is(err, errs[kind]) {
			t.Errorf("%s: %v, not %s", filepath.Base(path), err, notes["error"])
		}
	}
}

func TestFramesInPieces(t *testing.T) {
	var all []byte
	n := 0
	for _, pattern := range []string{"[0-9]*.hex", "ext_*.hex", "unknown_*.hex"} {
		for _, path := range vectors(t, pattern) {
			frame, _, _ := parse(t, path)
			all = append(all, frame...)
			n++
		}
	}
	r := iotest.OneByteReader(bytes.NewReader(all))
	for range n {
		if _, err := Read(r, FrameBytesMax); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Read(r, FrameBytesMax); err != io.EOF {
		t.Fatal(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, path := range vectors(f, "*.hex") {
		frame, _, _ := parse(f, path)
		f.Add(frame)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		// Mend the checksum, so that payloads are reached.
		if len(in) >= HeaderBytes {
			in = bytes.Clone(in)
			sum := checksum(in)
			in[16], in[17], in[18], in[19] = byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24)
		}
		frame, err := Decode(in, FrameBytesMax)
		if err != nil || frame.Body == nil {
			return
		}
		payload := encodePayload(nil, frame.Kind, frame.Body)
		if !bytes.HasPrefix(in[HeaderBytes:], payload) {
			t.Fatalf("another encoding was taken:\n%x\n%x", in, payload)
		}
	})
}
