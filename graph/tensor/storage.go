package tensor

// Storage is where a tensor's bytes lie: the heap, a mapped file, a range of a file.
type Storage interface {
	// Bytes returns all bytes. The caller must not write into them unless it made the storage.
	Bytes() []byte
	// Len is len(Bytes()), known without touching them.
	Len() int64
}

// Heap is storage in ordinary memory.
type Heap []byte

// Bytes implements Storage.
func (h Heap) Bytes() []byte { return h }

// Len implements Storage.
func (h Heap) Len() int64 { return int64(len(h)) }
