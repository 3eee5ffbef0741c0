package longline

import (
	"sync"

	"longline/machine"
)

// Snapshot is what a device keeps.
type Snapshot struct {
	Device uint64 // made once, kept for ever
	Cursor Cursor
	Outbox []Outgoing // in the order in which they were put
}

// Batch is a change of what a device keeps. It counts whole or not at all.
type Batch struct {
	Device uint64     `json:",omitempty"` // 0: as it was
	Cursor *Cursor    `json:",omitempty"` // nil: as it was
	Put    []Outgoing `json:",omitempty"` // new, or in place of that with the same Key
	Drop   []uint64   `json:",omitempty"` // keys
	// Events are what the application was told up to Cursor. A store that
	// keeps messages may put them into the same transaction.
	Events []Event `json:"-"`
}

// Store keeps the cursor and the outbox. Apply is durable when it returns.
// Its methods may be called from several goroutines.
type Store interface {
	Load() (Snapshot, error)
	Apply(Batch) error
}

// apply changes a snapshot.
func (s *Snapshot) apply(b Batch) {
	if b.Device != 0 {
		s.Device = b.Device
	}
	if b.Cursor != nil {
		s.Cursor = *b.Cursor
	}
	for _, o := range b.Put {
		if i := s.find(o.Key); i >= 0 {
			s.Outbox[i] = o
		} else {
			s.Outbox = append(s.Outbox, o)
		}
	}
	for _, key := range b.Drop {
		if i := s.find(key); i >= 0 {
			s.Outbox = append(s.Outbox[:i:i], s.Outbox[i+1:]...)
		}
	}
}

func (s *Snapshot) find(key uint64) int {
	for i := range s.Outbox {
		if s.Outbox[i].Key == key {
			return i
		}
	}
	return -1
}

func (s *Snapshot) clone() Snapshot {
	c := *s
	c.Outbox = append([]machine.Outgoing(nil), s.Outbox...)
	return c
}

// Memory is a Store that ends with the process.
type Memory struct {
	mu    sync.Mutex
	state Snapshot
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return new(Memory) }

// Load returns what is kept.
func (m *Memory) Load() (Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.state.clone(), nil
}

// Apply changes what is kept.
func (m *Memory) Apply(b Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.state.apply(b)
	return nil
}
