package sparsify

import (
	"fmt"
	"math"
	"slices"
)

// BalancedAssign gives each of n points one of e clusters at least total cost, exactly: cost is [n, e]; every cluster gets ⌊n/e⌋ points, and
// n mod e of them, whichever is best, one more. Costs are compared after rounding to 2^-40 of the largest magnitude, so ties and the result do
// not depend on rounding of sums.
//
// It is a transportation problem solved by shortest augmenting paths over the clusters: points come one by one, and a point entering a
// full cluster pushes another out along the cheapest chain of moves. O(n·(e² + chain·n)).
func BalancedAssign(cost Matrix64) ([]int, error) {
	n, e := cost.Rows, cost.Cols
	if e <= 0 || e > n {
		return nil, fmt.Errorf("assignment: %d clusters for %d points", e, n)
	}
	var largest float64
	for i, v := range cost.Data {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("assignment: cost of point %d in cluster %d is %v", i/e, i%e, v)
		}
		largest = max(largest, math.Abs(v))
	}
	t := newTransport(n, e)
	if largest > 0 {
		_, exp := math.Frexp(largest)
		for i, v := range cost.Data {
			t.cost[i] = int64(math.RoundToEven(math.Ldexp(v, 40-exp)))
		}
	}
	for i := range n {
		t.insert(i)
	}
	return t.of, nil
}

// transport is a min-cost flow point -> cluster -> sink in which each cluster has floor slots of its own and may use one of extra slots that
// all clusters share (the hub). Arcs to the sink cost nothing.
type transport struct {
	n, e        int
	floor       int
	extra, used int // shared slots, and how many are taken: one by each cluster of size floor+1
	cost        []int64
	of          []int
	members     [][]int

	// gain[a·e+b] is the least cost of moving a member of a to b, by point who[a·e+b]; who is -1 for an empty cluster.
	gain []int64
	who  []int

	dist []int64
	prev []int
	in   []bool
}

func newTransport(n, e int) *transport {
	t := &transport{
		n: n, e: e, floor: n / e, extra: n % e, cost: make([]int64, n*e), of: make([]int, n), members: make([][]int, e),
		gain: make([]int64, e*e), who: make([]int, e*e), dist: make([]int64, e+1), prev: make([]int, e+1), in: make([]bool, e+1),
	}
	for i := range t.who {
		t.who[i] = -1
	}
	return t
}

const unreached = math.MaxInt64 / 4

// insert adds point i along the shortest path to a free slot. Nodes 0..e-1 are clusters, node e is the hub.
func (t *transport) insert(i int) {
	hub := t.e
	queue := make([]int, 0, 4*t.e)
	copy(t.dist, t.cost[i*t.e:(i+1)*t.e])
	for c := range t.e {
		t.prev[c], t.in[c] = -1, true
		queue = append(queue, c)
	}
	t.dist[hub], t.prev[hub], t.in[hub] = unreached, -1, false
	relax := func(from, to int, d int64) {
		if d < t.dist[to] {
			t.dist[to], t.prev[to] = d, from
			if !t.in[to] {
				t.in[to] = true
				queue = append(queue, to)
			}
		}
	}
	for len(queue) > 0 {
		a := queue[0]
		queue = queue[1:]
		t.in[a] = false
		d := t.dist[a]
		if a == hub {
			for c := range t.e {
				if len(t.members[c]) > t.floor {
					relax(hub, c, d)
				}
			}
			continue
		}
		if len(t.members[a]) == t.floor {
			relax(a, hub, d)
		}
		if len(t.members[a]) == 0 {
			continue
		}
		for c, g := range t.gain[a*t.e : (a+1)*t.e] {
			if c != a && d+g < t.dist[c] {
				relax(a, c, d+g)
			}
		}
	}
	end, best := -1, int64(unreached)
	for c := range t.e {
		if len(t.members[c]) < t.floor && t.dist[c] < best {
			end, best = c, t.dist[c]
		}
	}
	if t.used < t.extra && t.dist[hub] < best {
		end = hub
	}
	t.push(i, end)
}

// push moves points along the path found, its last step first, and puts point i into its first cluster.
func (t *transport) push(i, end int) {
	if end == t.e {
		t.used++
	}
	type move struct{ point, from, to int }
	var moves []move
	first := end
	for at := end; at >= 0; at = t.prev[at] {
		first = at
		if from := t.prev[at]; from >= 0 && from != t.e && at != t.e {
			moves = append(moves, move{t.who[from*t.e+at], from, at})
		}
	}
	for _, m := range moves {
		t.members[m.from] = slices.DeleteFunc(t.members[m.from], func(p int) bool { return p == m.point })
		t.members[m.to] = append(t.members[m.to], m.point)
		t.of[m.point] = m.to
	}
	t.members[first] = append(t.members[first], i)
	t.of[i] = first
	t.scanNew(first, i)
	for _, m := range moves {
		t.scanNew(m.to, m.point)
	}
	for _, m := range moves {
		t.scanGone(m.from, m.point)
	}
}

// scanNew updates the moves out of c for its new member p; among equals the lower point moves.
func (t *transport) scanNew(c, p int) {
	own := t.cost[p*t.e+c]
	for b, v := range t.cost[p*t.e : (p+1)*t.e] {
		k := c*t.e + b
		if g := v - own; t.who[k] < 0 || g < t.gain[k] || g == t.gain[k] && p < t.who[k] {
			t.gain[k], t.who[k] = g, p
		}
	}
}

// scanGone finds new candidates for the moves out of c that p, which has left, would have made.
func (t *transport) scanGone(c, p int) {
	for b := range t.e {
		k := c*t.e + b
		if t.who[k] != p {
			continue
		}
		t.who[k] = -1
		for _, q := range t.members[c] {
			g := t.cost[q*t.e+b] - t.cost[q*t.e+c]
			if t.who[k] < 0 || g < t.gain[k] || g == t.gain[k] && q < t.who[k] {
				t.gain[k], t.who[k] = g, q
			}
		}
	}
}
