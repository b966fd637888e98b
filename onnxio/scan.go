package onnxio

import (
	"bytes"
	"context"
	"fmt"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// scanner walks a model file as it lies, without making anything of it, so that a file which no reader takes can be described. It goes
// on after what it cannot read: the rest of that message is lost, what is around it is not.
type scanner struct {
	walker
	ctx   context.Context
	found *findings

	sizes   map[string]int64 // of limits, by name
	words   map[string]bool  // names and short texts that were counted
	graphs  int              // that the walk is in
	refs    []scanRef
	unknown map[unknownKey]*unknownUse
	order   []unknownKey
	urls    []string
}

// scanRef is a tensor whose values lie in a data file.
type scanRef struct {
	name     string
	external []tensor.KeyValue
	elem     tensor.DType
	shape    []int64
	inline   int // bytes of values in the model beside them
}

type unknownKey struct {
	message string
	num     protowire.Number
}

type unknownUse struct {
	count int
	bytes int64
	first string
}

// scanDepth ends the descent into nested messages. It is far beyond what any reader takes and bounds the stack.
const scanDepth = 2000

// parts are the messages inside of messages. Fields that are not here hold numbers, bytes or text.
var parts = map[*schema]map[protowire.Number]*schema{
	modelSchema: {modelGraph: graphSchema, modelOpset: opsetSchema, modelProps: entrySchema, modelTraining: trainingSchema, modelFunctions: functionSchema,
		modelConfiguration: configurationSchema},
	graphSchema: {graphNode: nodeSchema, graphInit: tensorSchema, graphInput: infoSchema, graphOutput: infoSchema, graphValueInfo: infoSchema,
		graphQuant: annotationSchema, graphSparseInit: sparseSchema, graphProps: entrySchema},
	nodeSchema: {nodeAttr: attrSchema, nodeProps: entrySchema, nodeDevice: deviceSchema},
	attrSchema: {attrT: tensorSchema, attrG: graphSchema, attrTensors: tensorSchema, attrGraphs: graphSchema, attrTP: typeSchema, attrTPs: typeSchema,
		attrSparse: sparseSchema, attrSparses: sparseSchema},
	infoSchema:       {infoType: typeSchema, infoProps: entrySchema},
	tensorSchema:     {tensorSegment: segmentSchema, tensorExternal: entrySchema, tensorProps: entrySchema},
	sparseSchema:     {sparseValues: tensorSchema, sparseIndices: tensorSchema},
	typeSchema:       {typeTensor: typeTensorSchema, typeSparse: typeTensorSchema, typeSequence: typeOfSchema, typeOptional: typeOfSchema, typeMap: typeMapSchema, typeOpaque: typeOpaqueSchema},
	typeTensorSchema: {innerShape: shapeSchema},
	typeOfSchema:     {innerOf: typeSchema},
	typeMapSchema:    {innerValue: typeSchema},
	shapeSchema:      {shapeDim: dimSchema},
	trainingSchema:   {trainInit: graphSchema, trainStep: graphSchema, trainInitBind: entrySchema, trainUpdate: entrySchema},
	functionSchema:   {funcNode: nodeSchema, funcOpset: opsetSchema, funcAttrProto: attrSchema, funcValueInfo: infoSchema, funcProps: entrySchema},
}

// once are the fields that may be there once and whose repetition hides something: protobuf readers merge messages and take the last of
// anything else, which who looks at the first does not see.
var once = map[*schema][]protowire.Number{
	modelSchema: {modelGraph}, attrSchema: {attrT, attrG, attrS, attrName, attrRef}, nodeSchema: {nodeOp, nodeDomain, nodeOverload}, infoSchema: {infoName, infoType},
	tensorSchema: {tensorRaw, tensorName, tensorType, tensorLocation}, functionSchema: {funcName, funcDomain, funcOverload}, sparseSchema: {sparseValues, sparseIndices},
	entrySchema: {entryKey, entryValue},
}

// more raises the size that counts against a limit.
func (s *scanner) more(limit string, n int64) { s.sizes[limit] = max(s.sizes[limit], n) }

func (s *scanner) message(sch *schema, v view) {
	if s.more("depth", int64(len(s.path))); len(s.path) > scanDepth {
		s.found.add(graph.Error, "depth", s.place(), "do not use the file", "messages nested deeper than %d: what is below was not looked at", scanDepth)
		return
	}
	if s.ctx.Err() != nil {
		return
	}
	switch sch {
	case graphSchema:
		s.graphs++
		defer func() { s.graphs-- }()
		s.more("subgraphs", int64(s.graphs-1))
	case nodeSchema:
		s.sizes["nodes"]++
	case tensorSchema:
		s.sizes["tensors"]++
		s.tensor(v)
	}
	counts := map[protowire.Number]int{}
	var f field
	for pos := 0; pos < len(v.b); pos += len(f.wire) {
		if _, err := readField(&f, v.b[pos:], v.off+int64(pos)); err != nil {
			s.found.add(graph.Error, "damage", s.place(), "do not use the file", "from byte %d on, %d bytes cannot be read: %v", v.off+int64(pos), len(v.b)-pos, err)
			return
		}
		spec := sch.field(f.num)
		if spec == nil || !spec.accepts(f.typ) {
			s.strange(sch, &f)
			continue
		}
		i := counts[f.num]
		counts[f.num]++
		sub := spec.message
		if sub == nil {
			sub = parts[sch][f.num]
		}
		switch {
		case sub != nil:
			s.push(spec.name, i)
			s.message(sub, f.body)
			s.pop()
		case spec.kind == length && f.typ == protowire.BytesType:
			s.text(sch, spec, f.body.b)
		}
	}
	for _, num := range once[sch] {
		if counts[num] > 1 {
			s.found.add(graph.Warning, "repeated-field", s.place(), "write the model anew, which leaves what counts", "gives %s %d times: readers take the last or merge them, and who looks at the first sees something else", sch.field(num).name, counts[num])
		}
	}
	switch sch {
	case nodeSchema:
		s.more("attributes", int64(counts[nodeAttr]))
	case modelSchema:
		s.more("functions", int64(counts[modelFunctions]))
	}
}

// place is the path without the outermost step, shortened in the middle where messages are nested deeply.
func (s *scanner) place() string {
	where := s.where(nil, 0)
	if len(where) > 160 {
		return where[:70] + " ... " + where[len(where)-80:]
	}
	return where
}

func (s *scanner) strange(sch *schema, f *field) {
	k := unknownKey{sch.name, f.num}
	u := s.unknown[k]
	if u == nil {
		u = &unknownUse{first: s.place()}
		s.unknown[k] = u
		s.order = append(s.order, k)
	}
	u.count++
	u.bytes += int64(len(f.wire))
}

// text looks at the characters of a name or a text, and counts it.
func (s *scanner) text(sch *schema, spec *fieldSpec, b []byte) {
	switch {
	case sch == attrSchema && (spec.num == attrS || spec.num == attrStrings), sch == tensorSchema && (spec.num == tensorRaw || spec.num == tensorStrings):
		return // values
	}
	prose := spec.name == "doc_string" || sch == entrySchema && spec.num == entryValue
	if !s.words[string(b)] {
		s.sizes["strings"] += int64(len(b))
		if !prose || len(b) <= shortText {
			s.words[string(b)] = true
		}
	}
	if !prose {
		s.more("name", int64(len(b)))
	}
	if plain(b) {
		s.url(spec, b, prose)
		return
	}
	what := func() string { return s.place() + "." + spec.name }
	const fix = "rename it, or write the model without it"
	if !utf8.Valid(b) {
		s.found.add(graph.Warning, "not-utf8", what(), fix, "is not UTF-8: %s", quote(string(b)))
	}
	var control, turned, unseen bool
	for _, r := range string(b) {
		switch {
		case isControl(r) && !(prose && (r == '\n' || r == '\t' || r == '\r')):
			control = true
		case isBidi(r):
			turned = true
		case isUnseen(r) && !prose:
			unseen = true
		}
	}
	switch {
	case control:
		s.found.add(graph.Warning, "control-characters", what(), fix, "has control characters, with which it can rewrite what a terminal shows: %s", quote(string(b)))
	case turned:
		s.found.add(graph.Warning, "bidi", what(), fix, "turns the direction of text, so that it reads as something else: %s", quote(string(b)))
	case unseen:
		s.found.add(graph.Warning, "invisible-characters", what(), fix, "has characters that are not seen, so that it looks like another name: %s", quote(string(b)))
	}
	s.url(spec, b, prose)
}

// plain reports whether b has nothing but characters of ASCII that are seen.
func plain(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// url notes addresses in documentation and metadata.
func (s *scanner) url(spec *fieldSpec, b []byte, prose bool) {
	if !prose {
		return
	}
	if i := bytes.Index(b, []byte("://")); i > 0 && b[i-1] >= 'a' && b[i-1] <= 'z' {
		start := i
		for start > 0 && b[start-1] >= 'a' && b[start-1] <= 'z' {
			start--
		}
		url := b[start:]
		if end := bytes.IndexAny(url, " \t\r\n\"'<>)"); end > 0 {
			url = url[:end]
		}
		s.urls = append(s.urls, fmt.Sprintf("%s in %s.%s", quote(string(url)), s.place(), spec.name))
	}
}

func isControl(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }

// isBidi reports whether a character changes the direction of the text after it (Unicode TR 9).
func isBidi(r rune) bool {
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200e || r == 0x200f || r == 0x061c
}

// isUnseen reports whether a character takes no room.
func isUnseen(r rune) bool {
	return r >= 0x200b && r <= 0x200d || r == 0x2060 || r == 0xfeff || r == 0x00ad || r >= 0xe0000 && r <= 0xe007f
}

// tensor notes the sizes of a tensor, and where its values are when they are elsewhere. What cannot be read, message tells.
func (s *scanner) tensor(v view) {
	var ref scanRef
	external := false
	var f field
	for pos := 0; pos < len(v.b); pos += len(f.wire) {
		if _, err := readField(&f, v.b[pos:], 0); err != nil {
			break
		}
		if spec := tensorSchema.field(f.num); spec == nil || !spec.accepts(f.typ) {
			continue
		}
		switch f.num {
		case tensorDims:
			_ = s.varints(tensorSchema, &f, func(u uint64) {
				if len(ref.shape) < scanDepth {
					ref.shape = append(ref.shape, int64(u))
				}
			})
		case tensorType:
			ref.elem = tensor.DType(f.u)
		case tensorName:
			ref.name = string(f.body.b)
		case tensorLocation:
			external = f.u == 1
		case tensorExternal:
			ref.external = append(ref.external, entryOf(f.body.b))
		case tensorRaw, tensorFloats, tensorInt32s, tensorInt64s, tensorDoubles, tensorUint64s, tensorStrings:
			ref.inline += len(f.body.b)
		}
	}
	s.more("rank", int64(len(ref.shape)))
	if n, err := tensor.NumElements(ref.shape); err == nil {
		s.more("elements", n)
	}
	if external {
		s.refs = append(s.refs, ref)
	}
}

func entryOf(b []byte) (kv tensor.KeyValue) {
	var f field
	for pos := 0; pos < len(b); pos += len(f.wire) {
		if _, err := readField(&f, b[pos:], 0); err != nil {
			break
		}
		switch {
		case f.typ != protowire.BytesType:
		case f.num == entryKey:
			kv.Key = string(f.body.b)
		case f.num == entryValue:
			kv.Value = string(f.body.b)
		}
	}
	return kv
}
