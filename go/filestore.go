package longline

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

const journalMax = 1 << 20 // bytes of a journal before it is written anew

// File is a Store in a file: a journal with a batch a line, each with its
// checksum. A line that a crash cut off is dropped. One process at a time.
type File struct {
	mu    sync.Mutex
	path  string
	file  *os.File
	size  int64
	floor int64 // size of the journal when it was written anew
	state Snapshot
	err   error // of a write: what is in the file is not known since
}

// OpenFile opens a store, or makes one.
func OpenFile(path string) (*File, error) {
	f := &File{path: path}
	if err := f.replay(); err != nil {
		return nil, err
	}
	if err := f.compact(); err != nil {
		return nil, err
	}
	return f, nil
}

// replay reads the journal up to its end, or to a line that was cut off.
func (f *File) replay() error {
	file, err := os.Open(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	defer file.Close()
	r := bufio.NewReader(file)
	for n := 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		b, err := parseLine(line)
		if err != nil {
			if _, err := r.Peek(1); err == io.EOF {
				return nil
			}
			return fmt.Errorf("longline: %s, line %d: %w", f.path, n, err)
		}
		f.state.apply(b)
	}
}

func parseLine(line []byte) (b Batch, err error) {
	var sum uint32
	text, ok := bytes.CutPrefix(line[min(8, len(line)):], []byte(" "))
	if _, err := fmt.Sscanf(string(line[:min(8, len(line))]), "%08x", &sum); err != nil || !ok {
		return b, errors.New("no checksum")
	}
	text = bytes.TrimSuffix(text, []byte("\n"))
	if crc32.ChecksumIEEE(text) != sum {
		return b, errors.New("the checksum does not match")
	}
	return b, json.Unmarshal(text, &b)
}

func formatLine(b Batch) ([]byte, error) {
	text, err := json.Marshal(b)
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(text), text), err
}

// compact writes the journal anew, in one line, and puts it in place.
func (f *File) compact() error {
	line, err := formatLine(Batch{Device: f.state.Device, Cursor: &f.state.Cursor, Put: f.state.Outbox})
	if err != nil {
		return err
	}
	next, err := os.OpenFile(f.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = next.Write(line)
	if err = errors.Join(err, next.Sync()); err == nil {
		err = os.Rename(next.Name(), f.path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(f.path))
	}
	if err != nil {
		next.Close()
		return err
	}
	if f.file != nil {
		f.file.Close()
	}
	f.file, f.size, f.floor = next, int64(len(line)), int64(len(line))
	return nil
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// Load returns what is kept.
func (f *File) Load() (Snapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state.clone(), f.err
}

// Apply writes a batch, and syncs it.
func (f *File) Apply(b Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	line, err := formatLine(b)
	if err != nil {
		return err
	}
	_, err = f.file.Write(line)
	if err = errors.Join(err, f.file.Sync()); err != nil {
		f.err = fmt.Errorf("longline: store: %w", err)
		return f.err
	}
	f.state.apply(b)
	f.size += int64(len(line))
	if f.size > journalMax+2*f.floor {
		f.err = f.compact()
	}
	return f.err
}

// Close closes the file.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = errors.Join(f.err, os.ErrClosed)
	return f.file.Close()
}
