package onnxio

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio/internal/onnxpb"
)

// The field tables are written by hand; the generated types are not.
func TestSchemasAgree(t *testing.T) {
	seen := 0
	for s, m := range map[*schema]proto.Message{
		modelSchema: &onnxpb.ModelProto{}, graphSchema: &onnxpb.GraphProto{}, nodeSchema: &onnxpb.NodeProto{}, attrSchema: &onnxpb.AttributeProto{},
		infoSchema: &onnxpb.ValueInfoProto{}, tensorSchema: &onnxpb.TensorProto{}, segmentSchema: &onnxpb.TensorProto_Segment{},
		sparseSchema: &onnxpb.SparseTensorProto{}, typeSchema: &onnxpb.TypeProto{}, typeTensorSchema: &onnxpb.TypeProto_Tensor{},
		typeOfSchema: &onnxpb.TypeProto_Sequence{}, typeMapSchema: &onnxpb.TypeProto_Map{}, typeOpaqueSchema: &onnxpb.TypeProto_Opaque{},
		shapeSchema: &onnxpb.TensorShapeProto{}, dimSchema: &onnxpb.TensorShapeProto_Dimension{}, entrySchema: &onnxpb.StringStringEntryProto{},
		opsetSchema: &onnxpb.OperatorSetIdProto{}, trainingSchema: &onnxpb.TrainingInfoProto{}, functionSchema: &onnxpb.FunctionProto{},
		annotationSchema: &onnxpb.TensorAnnotation{}, configurationSchema: &onnxpb.DeviceConfigurationProto{}, deviceSchema: &onnxpb.NodeDeviceConfigurationProto{},
		shardingSchema: &onnxpb.ShardingSpecProto{}, deviceGroupSchema: &onnxpb.IntIntListEntryProto{}, shardedDimSchema: &onnxpb.ShardedDimProto{},
		simpleShardingSchema: &onnxpb.SimpleShardedDimProto{}, sequenceSchema: &onnxpb.SequenceProto{}, mapSchema: &onnxpb.MapProto{},
		optionalSchema: &onnxpb.OptionalProto{},
	} {
		fields := m.ProtoReflect().Descriptor().Fields()
		known := 0
		for _, f := range s.fields {
			if f != nil {
				known++
			}
		}
		require.Equal(t, fields.Len(), known, s.name)
		for i := range fields.Len() {
			fd := fields.Get(i)
			f := s.field(fd.Number())
			require.NotNil(t, f, fd.FullName())
			require.Equal(t, string(fd.Name()), f.name)
			require.Equal(t, kindOfField(fd), f.kind, fd.FullName())
			if f.message != nil {
				require.Equal(t, protoreflect.MessageKind, fd.Kind(), fd.FullName())
			}
			seen++
		}
	}
	require.GreaterOrEqual(t, seen, 150)
}

func kindOfField(fd protoreflect.FieldDescriptor) wireKind {
	kinds := [3]wireKind{varint, varintList, varintPacked}
	switch fd.Kind() {
	case protoreflect.FloatKind:
		kinds = [3]wireKind{fixed32, fixed32List, fixed32Packed}
	case protoreflect.DoubleKind:
		kinds = [3]wireKind{99, fixed64List, fixed64Packed}
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		return length
	}
	switch {
	case fd.IsPacked():
		return kinds[2]
	case fd.IsList():
		return kinds[1]
	}
	return kinds[0]
}

// filler sets the fields of a message at random, with names that collide.
type filler struct {
	*rand.Rand
	every    bool // all fields, unknown ones too, without defaults
	names    int
	covered  map[protoreflect.FullName]bool
	explicit map[protoreflect.FullName]bool // set to their default
}

func (r *filler) fill(m protoreflect.Message, depth int) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if !r.every && r.IntN(3) == 0 || m.Descriptor().Name() == "TypeProto" && depth > 9 {
			continue
		}
		if fd.Message() != nil && depth > 6 && deepens(fd.Message().Name()) {
			continue
		}
		if oneof := fd.ContainingOneof(); oneof != nil && m.WhichOneof(oneof) != nil && r.IntN(2) == 0 {
			continue
		}
		switch {
		case fd.IsList():
			list := m.Mutable(fd).List()
			n := 1 + r.IntN(2)
			if deepens(fd.Name()) {
				n = 1
			}
			for range n {
				if fd.Message() != nil {
					r.fill(list.AppendMutable().Message(), depth+1)
				} else {
					list.Append(r.scalar(fd))
				}
			}
		case fd.Message() != nil:
			r.fill(m.Mutable(fd).Message(), depth+1)
		default:
			v := r.scalar(fd)
			if v.Equal(fd.Default()) {
				r.explicit[fd.FullName()] = true
			}
			m.Set(fd, v)
		}
		r.covered[fd.FullName()] = true
	}
	if r.every || r.IntN(4) == 0 {
		var b []byte
		b = protowire.AppendVarint(protowire.AppendTag(b, 1000, protowire.VarintType), r.Uint64())
		b = protowire.AppendBytes(protowire.AppendTag(b, 99, protowire.BytesType), []byte("later"))
		b = protowire.AppendTag(b, 98, protowire.StartGroupType)
		b = protowire.AppendFixed64(protowire.AppendTag(b, 1, protowire.Fixed64Type), r.Uint64())
		b = protowire.AppendTag(b, 98, protowire.EndGroupType)
		m.SetUnknown(b)
	}
}

func deepens(name protoreflect.Name) bool {
	switch name {
	case "GraphProto", "NodeProto", "AttributeProto", "FunctionProto", "TrainingInfoProto", "graphs", "node", "attribute":
		return true
	}
	return false
}

func (r *filler) scalar(fd protoreflect.FieldDescriptor) protoreflect.Value {
	zero := !r.every && r.IntN(4) == 0
	switch fd.Kind() {
	case protoreflect.StringKind, protoreflect.BytesKind:
		s := string(rune('a' + r.IntN(6)))
		if r.every {
			r.names++
			s = fmt.Sprintf("n%d", r.names)
		}
		if zero {
			s = ""
		}
		if fd.Name() == "dim_param" && !zero {
			s = []string{"N", "N+1", "5", "2*N", "a b", "-3", "Max(N, 3)", "(N"}[r.IntN(8)]
		}
		if fd.Kind() == protoreflect.BytesKind {
			return protoreflect.ValueOfBytes([]byte(s))
		}
		return protoreflect.ValueOfString(s)
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(pick(zero, int64(r.Uint64())))
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(pick(zero, r.Uint64()))
	case protoreflect.Int32Kind:
		i := pick(zero, int32(r.Uint32()))
		if r.IntN(2) == 0 && !zero {
			i = 1 + r.Int32N(28)
		}
		return protoreflect.ValueOfInt32(i)
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(pick(zero, []float32{1.5, float32(math.Inf(1)), float32(math.Copysign(0, -1))}[r.IntN(3)]))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(pick(zero, r.Float64()))
	case protoreflect.EnumKind:
		values := fd.Enum().Values()
		n := r.IntN(values.Len())
		if r.every && n == 0 {
			n = 1
		}
		return protoreflect.ValueOfEnum(values.Get(n).Number())
	}
	panic(fd.FullName())
}

func pick[T any](zero bool, v T) T {
	if zero {
		var z T
		return z
	}
	return v
}

// Models that no tool would write: all fields of all messages, tensors with several kinds of data at once, names that collide, unknown
// fields at every level, presence of defaults. They come back field by field.
func TestRoundTripGenerated(t *testing.T) {
	covered, defaults := map[protoreflect.FullName]bool{}, map[protoreflect.FullName]bool{}
	for seed := range 160 {
		r := &filler{Rand: rand.New(rand.NewPCG(uint64(seed), 1)), every: seed%8 == 0, covered: covered, explicit: defaults}
		var m onnxpb.ModelProto
		r.fill(m.ProtoReflect(), 0)
		if m.Graph == nil {
			continue
		}
		data, err := proto.MarshalOptions{Deterministic: true}.Marshal(&m)
		require.NoError(t, err)
		got, err := Decode(data, LoadOptions{Lenient: true})
		require.NoError(t, err)
		b := encoded(t, func(w io.Writer) error { return Encode(w, got) })
		var back onnxpb.ModelProto
		require.NoError(t, proto.Unmarshal(b, &back))
		if !proto.Equal(&m, &back) {
			where := differ(m.ProtoReflect(), back.ProtoReflect(), "model")
			t.Fatalf("seed %d: %s", seed, where)
		}
		again, err := Decode(b, LoadOptions{Lenient: true})
		require.NoError(t, err)
		require.Equal(t, b, encoded(t, func(w io.Writer) error { return Encode(w, again) }))

		clone := encoded(t, func(w io.Writer) error { return Encode(w, got.Clone()) })
		require.Equal(t, b, clone, "a copy writes the same")
	}
	for _, m := range []proto.Message{&onnxpb.ModelProto{}, &onnxpb.GraphProto{}, &onnxpb.NodeProto{}, &onnxpb.AttributeProto{}, &onnxpb.ValueInfoProto{},
		&onnxpb.TensorProto{}, &onnxpb.TensorProto_Segment{}, &onnxpb.SparseTensorProto{}, &onnxpb.TypeProto{}, &onnxpb.TypeProto_Tensor{},
		&onnxpb.TypeProto_Map{}, &onnxpb.TypeProto_Sequence{}, &onnxpb.TypeProto_Optional{}, &onnxpb.TypeProto_Opaque{}, &onnxpb.TypeProto_SparseTensor{},
		&onnxpb.TensorShapeProto_Dimension{}, &onnxpb.FunctionProto{}, &onnxpb.TrainingInfoProto{}, &onnxpb.TensorAnnotation{},
		&onnxpb.DeviceConfigurationProto{}, &onnxpb.NodeDeviceConfigurationProto{}, &onnxpb.ShardingSpecProto{}, &onnxpb.ShardedDimProto{},
		&onnxpb.SimpleShardedDimProto{}, &onnxpb.IntIntListEntryProto{}, &onnxpb.OperatorSetIdProto{}, &onnxpb.StringStringEntryProto{}} {
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			fd := fields.Get(i)
			require.True(t, covered[fd.FullName()], "%s was never set", fd.FullName())
			if !fd.IsList() && fd.Message() == nil {
				require.True(t, defaults[fd.FullName()], "%s was never set to its default", fd.FullName())
			}
		}
	}
}

// differ names the first field in which a and b differ.
func differ(a, b protoreflect.Message, path string) string {
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		p := path + "." + string(fd.Name())
		if a.Has(fd) != b.Has(fd) {
			return fmt.Sprintf("%s: present %v, then %v", p, a.Has(fd), b.Has(fd))
		}
		x, y := a.Get(fd), b.Get(fd)
		switch {
		case x.Equal(y):
		case fd.IsList():
			if x.List().Len() != y.List().Len() {
				return fmt.Sprintf("%s: %d, then %d", p, x.List().Len(), y.List().Len())
			}
			for k := range x.List().Len() {
				if u, v := x.List().Get(k), y.List().Get(k); !u.Equal(v) {
					if fd.Message() != nil {
						return differ(u.Message(), v.Message(), fmt.Sprintf("%s[%d]", p, k))
					}
					return fmt.Sprintf("%s[%d]: %v, then %v", p, k, u, v)
				}
			}
		case fd.Message() != nil:
			return differ(x.Message(), y.Message(), p)
		default:
			return fmt.Sprintf("%s: %v, then %v", p, x, y)
		}
	}
	return fmt.Sprintf("%s: unknown fields %x, then %x", path, a.GetUnknown(), b.GetUnknown())
}
