package sparsify

import (
	"fmt"
	"math/bits"
	"sort"
)

// BlockID names an aligned run of leaves: Index·2^Level up to, but not with, (Index+1)·2^Level.
type BlockID struct {
	Level uint8
	Index uint64
}

// First and End bound the leaves of the block.
func (b BlockID) First() uint64 { return b.Index << b.Level }

// End is the leaf after the last one; see First.
func (b BlockID) End() uint64 { return (b.Index + 1) << b.Level }

func (b BlockID) contains(c BlockID) bool {
	return b.Level >= c.Level && c.Index>>(b.Level-c.Level) == b.Index
}

func (b BlockID) String() string { return fmt.Sprintf("%d..%d", b.First(), b.End()-1) }

// maxBlockLevel and maxLeaf keep First and End within 63 bits.
const (
	maxBlockLevel = 40
	maxLeaf       = 1 << 40
)

func (b BlockID) valid() bool {
	return b.Level <= maxBlockLevel && b.Index < maxLeaf && bits.Len64(b.Index)+int(b.Level) <= maxBlockLevel
}

// Blocks makes a merge that is not associative independent of the order of arrival. It keeps partial results labelled by aligned power-of-two
// blocks of leaves and joins two only when both halves of the next larger block are there, always left then right; so the bytes of the result
// depend on the set of leaves alone. The zero value with Join set is empty and ready.
type Blocks[T any] struct {
	// Join returns left followed by right; it may reuse left. It is called only with halves of one block, or by Fold in leaf order.
	Join func(left, right T) (T, error)
	// Same says whether two partial results of one block are equal. Nil: a repeated block is taken to be equal.
	Same func(a, b T) bool

	parts map[BlockID]T
}

// Add brings the partial result of one block. Work queues deliver at least once: a block that is already there, or already joined into a
// larger one, is dropped (an unequal repetition of a block still held by itself is an error); a block that contains held ones replaces them.
func (b *Blocks[T]) Add(id BlockID, part T) error {
	if !id.valid() {
		return fmt.Errorf("block level %d index %d is out of range", id.Level, id.Index)
	}
	if b.parts == nil {
		b.parts = map[BlockID]T{}
	}
	if old, ok := b.parts[id]; ok {
		if b.Same != nil && !b.Same(old, part) {
			return fmt.Errorf("leaves %v arrived twice with different content", id)
		}
		return nil
	}
	for up := id; up.Level < maxBlockLevel; {
		up = BlockID{up.Level + 1, up.Index >> 1}
		if _, ok := b.parts[up]; ok {
			return nil
		}
	}
	for held := range b.parts {
		if id.contains(held) {
			delete(b.parts, held)
		}
	}
	for id.Level < maxBlockLevel {
		sibling := BlockID{id.Level, id.Index ^ 1}
		other, ok := b.parts[sibling]
		if !ok {
			break
		}
		left, right := part, other
		if id.Index&1 == 1 {
			left, right = other, part
		}
		joined, err := b.Join(left, right)
		if err != nil {
			return err
		}
		delete(b.parts, sibling)
		id, part = BlockID{id.Level + 1, id.Index >> 1}, joined
	}
	b.parts[id] = part
	return nil
}

// IDs lists the blocks held, by first leaf.
func (b *Blocks[T]) IDs() []BlockID {
	out := make([]BlockID, 0, len(b.parts))
	for id := range b.parts {
		out = append(out, id)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].First() < out[j].First() })
	return out
}

// Get returns the partial result of a held block.
func (b *Blocks[T]) Get(id BlockID) (T, bool) { v, ok := b.parts[id]; return v, ok }

// Leaves counts the leaves present.
func (b *Blocks[T]) Leaves() (n uint64) {
	for id := range b.parts {
		n += 1 << id.Level
	}
	return n
}

// Fold joins what is held from the first leaf to the last without changing b: start must be an empty partial result that Join may write to.
func (b *Blocks[T]) Fold(start T) (T, error) {
	var err error
	for _, id := range b.IDs() {
		if start, err = b.Join(start, b.parts[id]); err != nil {
			return start, err
		}
	}
	return start, nil
}
