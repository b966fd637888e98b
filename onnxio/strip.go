package onnxio

import (
	"encoding/hex"
	"slices"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// StrippedKey is the metadata key of a tensor whose values were left out; its value is the tensor's hash, in hex.
const StrippedKey = "onnxrewrite.stripped_sha256"

// strippedLocation is the data file that a stripped tensor refers to. It does not exist; its name says to whoever misses it what to do.
const strippedLocation = "stripped.use-onnx-rewrite-refill"

// Stripped is an initializer that was left out of a model.
type Stripped struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Bytes int64  `json:"bytes"`
	Hash  string `json:"sha256"` // over element type, shape and values: tensor.Tensor.Hash
}

// Strip returns m without the values of its initializers from threshold bytes up, and what was left out. Such a tensor keeps its name,
// type, shape and hash, and refers to a data file that does not exist: Load refuses the saved model unless it is Lenient or skips
// external data. Equal tensors have equal hashes, so who knows some weights can tell whether they are the model's. m is not changed.
func Strip(m *graph.Model, threshold int64) (*graph.Model, []Stripped) {
	c := m.Clone()
	list := []Stripped{}
	c.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			t := v.Const
			if t == nil || t.Storage() == nil || t.Storage().Len() < threshold {
				continue
			}
			h := t.Hash()
			s := Stripped{Name: v.Name, Type: graph.TypeOf(t).String(), Bytes: t.Storage().Len(), Hash: hex.EncodeToString(h[:])}
			meta := tensor.Meta{}
			if t.Meta != nil {
				meta = *t.Meta
			}
			meta.Carrier = tensor.CarrierExternal
			meta.External = []tensor.KeyValue{{Key: "location", Value: strippedLocation}}
			meta.Props = append(slices.Clone(meta.Props), tensor.KeyValue{Key: StrippedKey, Value: s.Hash})
			v.Const = &tensor.Tensor{Elem: t.Elem, Shape: t.Shape, Meta: &meta}
			list = append(list, s)
		}
	})
	return c, list
}

// StrippedOf lists the initializers of m that were left out and not filled in again.
func StrippedOf(m *graph.Model) []Stripped {
	list := []Stripped{}
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if v.Const == nil {
				continue
			}
			if h := strippedHash(v.Const); h != "" {
				n, _ := tensor.ByteSize(v.Const.Elem, v.Const.Shape) // 0 where it has no size
				list = append(list, Stripped{Name: v.Name, Type: graph.TypeOf(v.Const).String(), Bytes: n, Hash: h})
			}
		}
	})
	return list
}

func strippedHash(t *tensor.Tensor) string {
	if t.Meta == nil || t.Meta.Carrier != tensor.CarrierExternal {
		return ""
	}
	for _, p := range t.Meta.Props {
		if p.Key == StrippedKey {
			return p.Value
		}
	}
	return ""
}

// Refill gives the stripped initializers of m, in place, the values of the tensor that find returns for their hash; where it is nil, or
// another tensor than the hash says, they stay as they are. It returns how many were filled. m shares the values' storage.
func Refill(m *graph.Model, find func(s Stripped) *tensor.Tensor) int {
	filled := 0
	m.Walk(func(g *graph.Graph) {
		for _, v := range g.Inits {
			if v.Const == nil {
				continue
			}
			hash := strippedHash(v.Const)
			if hash == "" {
				continue
			}
			t := find(Stripped{Name: v.Name, Type: graph.TypeOf(v.Const).String(), Hash: hash})
			if t == nil || t.Storage() == nil {
				continue
			}
			if h := t.Hash(); hex.EncodeToString(h[:]) != hash || t.Elem != v.Const.Elem || !slices.Equal(t.Shape, v.Const.Shape) {
				continue
			}
			meta := *v.Const.Meta
			meta.Carrier, meta.External = tensor.CarrierRaw, nil
			meta.Props = slices.DeleteFunc(slices.Clone(meta.Props), func(p tensor.KeyValue) bool { return p.Key == StrippedKey })
			if len(meta.Props) == 0 {
				meta.Props = nil
			}
			full := &tensor.Tensor{Elem: t.Elem, Shape: t.Shape, Meta: &meta}
			full.SetStorage(t.Storage())
			v.Const = full
			filled++
		}
	})
	return filled
}
