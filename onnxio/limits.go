package onnxio

import (
	"fmt"
	"math"
)

// Limits bound what a model may make the reader do. A zero means the default in brackets; LimitTable lists them by name. A model that
// goes beyond one is refused with a *LimitError; a lenient reader reports too many elements and goes on.
type Limits struct {
	Depth     int // nested messages [100]
	Subgraphs int // graphs inside graphs [32]
	Functions int // of the model [10,000]
	Calls     int // functions that call functions, one inside the other [100]; a function that comes to call itself goes beyond any limit
	Nodes     int // of the whole model [10,000,000]
	Tensors   int // of the whole model [1,000,000]
	Attrs     int // of one node [10,000]
	Rank      int // of a tensor [64]

	Elements int64 // of a tensor [2^40]
	Name     int64 // bytes of a name, or of a key [64 KiB]
	Strings  int64 // bytes of all names, texts and metadata, each name and short text once [256 MiB]
	File     int64 // bytes of the model file, without data files [2^31-1, what the format allows]
	Memory   int64 // bytes of the structure in memory, without tensors, by a rough count [64 MiB and 32 times the file's size]
}

// LimitInfo describes one limit.
type LimitInfo struct {
	Name    string // as the command line and LimitError write it
	Default int64  // 0: grows with the file
	Of      string // what it counts
}

// limitRow ties a name to its field. Exactly one of the pointers is set.
type limitRow struct {
	LimitInfo
	small *int
	large *int64
}

func (l *Limits) rows() []limitRow {
	return []limitRow{
		{LimitInfo{"depth", 100, "messages nested in each other"}, &l.Depth, nil},
		{LimitInfo{"subgraphs", 32, "graphs nested in each other"}, &l.Subgraphs, nil},
		{LimitInfo{"functions", 10_000, "functions of the model"}, &l.Functions, nil},
		{LimitInfo{"calls", 100, "functions calling functions, nested"}, &l.Calls, nil},
		{LimitInfo{"nodes", 10_000_000, "nodes of the whole model"}, &l.Nodes, nil},
		{LimitInfo{"tensors", 1_000_000, "tensors of the whole model"}, &l.Tensors, nil},
		{LimitInfo{"attributes", 10_000, "attributes of one node"}, &l.Attrs, nil},
		{LimitInfo{"rank", 64, "dimensions of a tensor"}, &l.Rank, nil},
		{LimitInfo{"elements", 1 << 40, "elements of a tensor"}, nil, &l.Elements},
		{LimitInfo{"name", 64 << 10, "bytes of a name or a key"}, nil, &l.Name},
		{LimitInfo{"strings", 256 << 20, "bytes of all names, texts and metadata"}, nil, &l.Strings},
		{LimitInfo{"file", math.MaxInt32, "bytes of the model file"}, nil, &l.File},
		{LimitInfo{"memory", 0, "bytes of the structure in memory"}, nil, &l.Memory},
	}
}

func (r *limitRow) set(n int64) {
	if r.small != nil {
		*r.small = int(min(n, math.MaxInt))
		return
	}
	*r.large = n
}

func (r *limitRow) get() int64 {
	if r.small != nil {
		return int64(*r.small)
	}
	return *r.large
}

// LimitTable lists the limits with their defaults.
func LimitTable() []LimitInfo {
	var l Limits
	var list []LimitInfo
	for _, r := range l.rows() {
		list = append(list, r.LimitInfo)
	}
	return list
}

// Set sets the limit of that name. n must be at least 1.
func (l *Limits) Set(name string, n int64) error {
	for _, r := range l.rows() {
		if r.Name != name {
			continue
		}
		if n < 1 {
			return fmt.Errorf("limit %s: %d is below 1", name, n)
		}
		r.set(n)
		return nil
	}
	return fmt.Errorf("no limit is called %q", name)
}

// withDefaults fills in the zeros; size is the input's.
func (l Limits) withDefaults(size int) Limits {
	for _, r := range l.rows() {
		if r.get() <= 0 {
			r.set(r.Default)
		}
	}
	if l.Memory == 0 {
		l.Memory = 64<<20 + 32*int64(size)
	}
	return l
}

// LimitError says which limit a model goes beyond.
type LimitError struct {
	Name  string // of LimitTable
	Limit int64
	What  string // what was counted, where it says more than the name
}

func (e *LimitError) Error() string {
	what := e.What
	if what == "" {
		for _, r := range LimitTable() {
			if r.Name == e.Name {
				what = r.Of
			}
		}
	}
	return fmt.Sprintf("more than %d %s (limit %q)", e.Limit, what, e.Name)
}
