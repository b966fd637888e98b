package op

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// textOps work on strings.
func textOps() []OpDef {
	strs := elemSet(tensor.String)
	return []OpDef{
		{Op: "StringConcat", Since: 20, Prepare: checked(strs, func(*Prep) (Exec, error) { return ExecFunc(runStringConcat), nil }, 0, 1)},
		{Op: "StringSplit", Since: 20, Prepare: checked(strs, prepareStringSplit, 0)},
		{Op: "RegexFullMatch", Since: 20, Prepare: checked(strs, prepareRegex, 0)},
		{Op: "StringNormalizer", Since: 10, Prepare: checked(strs, prepareStringNormalizer, 0)},
		{Op: "TfIdfVectorizer", Since: 9, Prepare: checked(strs|indices, prepareTfIdf, 0)},
	}
}

func runStringConcat(c *Call) error {
	a, b := c.In[0], c.In[1]
	o, err := pair(a.Shape, b.Shape)
	if err != nil {
		return err
	}
	y := c.Out(0, tensor.String, o.out...)
	join := func(x, y []byte) []byte { return append(append(make([]byte, 0, len(x)+len(y)), x...), y...) }
	return zip(each(join), y.Strs, a.Strs, b.Strs, o, nil)
}

// prepareStringSplit splits at a delimiter, or at runs of white space, into rows padded with empty strings.
func prepareStringSplit(p *Prep) (Exec, error) {
	sep, limit := p.Attrs().String("delimiter", ""), -1
	if a := p.Attrs().Get("maxsplit"); a != nil {
		limit = int(a.I)
	}
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		parts, most := make([][]string, len(x.Strs)), 0
		for i, s := range x.Strs {
			if sep == "" {
				parts[i] = fields(string(s), limit)
			} else if limit < 0 {
				parts[i] = strings.Split(string(s), sep)
			} else {
				parts[i] = strings.SplitN(string(s), sep, limit+1)
			}
			most = max(most, len(parts[i]))
		}
		y := c.Out(0, tensor.String, append(append([]int64{}, x.Shape...), int64(most))...)
		n := tensor.Data[int64](c.Out(1, tensor.Int64, x.Shape...))
		for i, list := range parts {
			n[i] = int64(len(list))
			for j := range most {
				y.Strs[i*most+j] = []byte{}
				if j < len(list) {
					y.Strs[i*most+j] = []byte(list[j])
				}
			}
		}
		return nil
	}), nil
}

// fields splits at white space at most limit times (negative: without limit).
func fields(s string, limit int) []string {
	var out []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimLeft(s, " \t\r\n\v\f") {
		at := strings.IndexAny(s, " \t\r\n\v\f")
		if at < 0 || limit >= 0 && len(out) >= limit {
			return append(out, s)
		}
		out, s = append(out, s[:at]), s[at:]
	}
	return out
}

func prepareRegex(p *Prep) (Exec, error) {
	re, err := regexp.Compile(`\A(?:` + p.Attrs().String("pattern", "") + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("attribute pattern: %w", err)
	}
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		y := tensor.Data[bool](c.Out(0, tensor.Bool, x.Shape...))
		for i, s := range x.Strs {
			y[i] = re.Match(s)
		}
		return nil
	}), nil
}

func prepareStringNormalizer(p *Prep) (Exec, error) {
	a := p.Attrs()
	action, sensitive := a.String("case_change_action", "NONE"), a.Int("is_case_sensitive", 0) != 0
	var change func([]byte) []byte
	switch action {
	case "NONE":
		change = func(s []byte) []byte { return s }
	case "LOWER":
		change = bytes.ToLower
	case "UPPER":
		change = bytes.ToUpper
	default:
		return nil, fmt.Errorf("attribute case_change_action is %q", action)
	}
	stop := map[string]bool{}
	if t := a.Get("stopwords"); t != nil {
		for _, s := range t.Strings {
			if !sensitive {
				s = bytes.ToLower(s)
			}
			stop[string(s)] = true
		}
	}
	return ExecFunc(func(c *Call) error {
		x := c.In[0]
		if len(x.Shape) != 1 && (len(x.Shape) != 2 || x.Shape[0] != 1) {
			return fmt.Errorf("input has shape %v, want [C] or [1,C]", x.Shape)
		}
		var out [][]byte
		for _, s := range x.Strs {
			key := s
			if !sensitive {
				key = bytes.ToLower(s)
			}
			if !stop[string(key)] {
				out = append(out, change(s))
			}
		}
		if len(out) == 0 {
			out = [][]byte{{}}
		}
		dims := append([]int64{}, x.Shape...)
		dims[len(dims)-1] = int64(len(out))
		copy(c.Out(0, tensor.String, dims...).Strs, out)
		return nil
	}), nil
}

// tfIdf counts n-grams of a pool in rows of items.
type tfIdf struct {
	minN, maxN, skips int
	mode              string
	weights           []float32
	width             int
	pool              map[string]int // n-gram, as one string, to its column's number among the n-grams
	columns           []int64
	isText            bool
}

func prepareTfIdf(p *Prep) (Exec, error) {
	a := p.Attrs()
	e := &tfIdf{
		minN: int(a.Int("min_gram_length", 1)), maxN: int(a.Int("max_gram_length", 1)), skips: int(a.Int("max_skip_count", 0)),
		mode: a.String("mode", ""), weights: a.Floats("weights"), columns: a.Ints("ngram_indexes"), pool: map[string]int{},
	}
	if e.mode != "TF" && e.mode != "IDF" && e.mode != "TFIDF" || e.minN < 1 || e.maxN < e.minN || e.skips < 0 {
		return nil, fmt.Errorf("attributes mode %q, gram lengths %d to %d, skips %d", e.mode, e.minN, e.maxN, e.skips)
	}
	var items []string
	if t := a.Get("pool_strings"); t != nil {
		e.isText = true
		for _, s := range t.Strings {
			items = append(items, string(s))
		}
	}
	for _, v := range a.Ints("pool_int64s") {
		items = append(items, fmt.Sprint(v))
	}
	starts := a.Ints("ngram_counts")
	for n, start := range starts {
		end := int64(len(items))
		if n+1 < len(starts) {
			end = starts[n+1]
		}
		if start < 0 || end < start || end > int64(len(items)) || (end-start)%int64(n+1) != 0 {
			return nil, fmt.Errorf("attribute ngram_counts is %v for a pool of %d", starts, len(items))
		}
		for ; start < end; start += int64(n + 1) {
			e.pool[gram(items[start:start+int64(n+1)])] = len(e.pool)
		}
	}
	if len(e.columns) != len(e.pool) || e.weights != nil && len(e.weights) != len(e.pool) {
		return nil, fmt.Errorf("%d n-grams, %d columns, %d weights", len(e.pool), len(e.columns), len(e.weights))
	}
	for _, k := range e.columns {
		if k < 0 || k > 1<<30 {
			return nil, fmt.Errorf("attribute ngram_indexes has %d", k)
		}
		e.width = max(e.width, int(k)+1)
	}
	return e, nil
}

// gram joins items into a map key; the lengths keep different lists apart.
func gram(items []string) string {
	var b strings.Builder
	for _, s := range items {
		fmt.Fprintf(&b, "%d:%s", len(s), s)
	}
	return b.String()
}

func (e *tfIdf) Run(c *Call) error {
	x := c.In[0]
	if len(x.Shape) > 2 || (x.Elem == tensor.String) != e.isText {
		return fmt.Errorf("input is %s%v", x.Elem, x.Shape)
	}
	items := make([]string, x.Len())
	if e.isText {
		for i, s := range x.Strs {
			items[i] = string(s)
		}
	} else {
		v, err := intList(x)
		if err != nil {
			return err
		}
		for i, a := range v {
			items[i] = fmt.Sprint(a)
		}
	}
	rows, dims := 1, []int64{int64(e.width)}
	if len(x.Shape) == 2 {
		rows, dims = int(x.Shape[0]), []int64{x.Shape[0], int64(e.width)}
	}
	if err := sizeOf(tensor.Float32, dims); err != nil {
		return err
	}
	y := tensor.Data[float32](c.Out(0, tensor.Float32, dims...))
	clear(y)
	for r := range rows {
		n := len(items) / rows
		e.row(y[r*e.width:(r+1)*e.width], items[r*n:(r+1)*n])
	}
	return nil
}

func (e *tfIdf) row(y []float32, items []string) {
	buf := make([]string, 0, e.maxN)
	for n := e.minN; n <= e.maxN; n++ {
		skips := e.skips
		if n == 1 {
			skips = 0 // one item has no gaps
		}
		for step := 1; step <= skips+1; step++ {
			for start := 0; start+(n-1)*step < len(items); start++ {
				buf = buf[:0]
				for k := range n {
					buf = append(buf, items[start+k*step])
				}
				if i, ok := e.pool[gram(buf)]; ok {
					y[e.columns[i]]++
				}
			}
		}
	}
	if e.mode == "TF" {
		return
	}
	weight := make([]float32, len(y))
	fillWith(weight, 1)
	for i, w := range e.weights {
		weight[e.columns[i]] = w
	}
	for i, v := range y {
		if e.mode == "IDF" && v > 0 {
			v = 1
		}
		y[i] = v * weight[i]
	}
}
