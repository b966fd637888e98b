package onnxio

import "google.golang.org/protobuf/encoding/protowire"

// wireKind says how the values of a field travel.
type wireKind uint8

const (
	varint       wireKind = iota // int64, int32, enum
	fixed32                      // float
	length                       // string, bytes, message
	varintList                   // repeated integers: one at a time, or packed
	fixed32List                  // repeated float
	fixed64List                  // repeated double
	varintPacked                 // like varintList; declared packed, and so written packed
	fixed32Packed
	fixed64Packed
)

// fieldSpec is one field of a message.
type fieldSpec struct {
	num  protowire.Number
	name string
	kind wireKind

	message *schema // of fields that are kept as they are; only decoder.check looks
}

func (f *fieldSpec) accepts(t protowire.Type) bool {
	switch f.kind {
	case varint:
		return t == protowire.VarintType
	case fixed32:
		return t == protowire.Fixed32Type
	case length:
		return t == protowire.BytesType
	case varintList, varintPacked:
		return t == protowire.VarintType || t == protowire.BytesType
	case fixed32List, fixed32Packed:
		return t == protowire.Fixed32Type || t == protowire.BytesType
	default:
		return t == protowire.Fixed64Type || t == protowire.BytesType
	}
}

// schema is one message of the format: the fields this package knows, by number.
type schema struct {
	name   string
	fields []*fieldSpec // index is the number
}

func (s *schema) field(num protowire.Number) *fieldSpec {
	if s == nil || int(num) >= len(s.fields) {
		return nil
	}
	return s.fields[num]
}

func at(num protowire.Number, name string, kind wireKind) fieldSpec {
	return fieldSpec{num: num, name: name, kind: kind}
}

func sub(num protowire.Number, name string, s *schema) fieldSpec {
	return fieldSpec{num: num, name: name, kind: length, message: s}
}

func message(name string, fields ...fieldSpec) *schema {
	s := &schema{name: name}
	for i := range fields {
		f := &fields[i]
		for int(f.num) >= len(s.fields) {
			s.fields = append(s.fields, nil)
		}
		s.fields[f.num] = f
	}
	return s
}

// The numbers of the fields that the decoder and the encoder name. A test compares all tables below with the generated types.
const (
	modelIRVersion, modelProducer, modelProducerVersion, modelDomain, modelVersion, modelDoc = 1, 2, 3, 4, 5, 6
	modelGraph, modelOpset, modelProps, modelTraining, modelFunctions, modelConfiguration    = 7, 8, 14, 20, 25, 26

	graphNode, graphName, graphInit, graphDoc, graphInput, graphOutput, graphValueInfo = 1, 2, 5, 10, 11, 12, 13
	graphQuant, graphSparseInit, graphProps                                            = 14, 15, 16

	nodeInput, nodeOutput, nodeName, nodeOp, nodeAttr, nodeDoc, nodeDomain, nodeOverload, nodeProps, nodeDevice = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

	attrName, attrF, attrI, attrS, attrT, attrG, attrFloats, attrInts, attrStrings, attrTensors, attrGraphs = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	attrDoc, attrTP, attrTPs, attrType, attrRef, attrSparse, attrSparses                                    = 13, 14, 15, 20, 21, 22, 23

	infoName, infoType, infoDoc, infoProps = 1, 2, 3, 4

	tensorDims, tensorType, tensorSegment, tensorFloats, tensorInt32s, tensorStrings, tensorInt64s = 1, 2, 3, 4, 5, 6, 7
	tensorName, tensorRaw, tensorDoubles, tensorUint64s, tensorDoc, tensorExternal, tensorLocation = 8, 9, 10, 11, 12, 13, 14
	tensorProps                                                                                    = 16

	segmentBegin, segmentEnd                = 1, 2
	sparseValues, sparseIndices, sparseDims = 1, 2, 3

	typeTensor, typeSequence, typeMap, typeDenotation, typeOpaque, typeSparse, typeOptional = 1, 4, 5, 6, 7, 8, 9

	innerElem, innerShape          = 1, 2 // Tensor, SparseTensor
	innerOf                        = 1    // Sequence, Optional
	innerKey, innerValue           = 1, 2 // Map
	opaqueDomain, opaqueName       = 1, 2
	shapeDim                       = 1
	dimValue, dimParam, dimDenotes = 1, 2, 3

	entryKey, entryValue       = 1, 2
	opsetDomain, opsetVersion  = 1, 2
	trainInit, trainStep       = 1, 2
	trainInitBind, trainUpdate = 3, 4

	funcName, funcInput, funcOutput, funcAttr, funcNode, funcDoc, funcOpset, funcDomain = 1, 4, 5, 6, 7, 8, 9, 10
	funcAttrProto, funcValueInfo, funcOverload, funcProps                               = 11, 12, 13, 14

	annotTensor, annotParams = 1, 2

	seqName, seqElem, seqTensors, seqSparse, seqSequences, seqMaps, seqOptionals = 1, 2, 3, 4, 5, 6, 7
	mapName, mapKeyType, mapKeys, mapStringKeys, mapValues                       = 1, 2, 3, 4, 5
	optName, optElem, optTensor, optSparse, optSequence, optMap, optOptional     = 1, 2, 3, 4, 5, 6, 7
)

var (
	modelSchema = message("model",
		at(modelIRVersion, "ir_version", varint), at(modelProducer, "producer_name", length),
		at(modelProducerVersion, "producer_version", length), at(modelDomain, "domain", length),
		at(modelVersion, "model_version", varint), at(modelDoc, "doc_string", length),
		at(modelGraph, "graph", length), at(modelOpset, "opset_import", length),
		at(modelProps, "metadata_props", length), at(modelTraining, "training_info", length),
		at(modelFunctions, "functions", length), at(modelConfiguration, "configuration", length))
	graphSchema = message("graph",
		at(graphNode, "node", length), at(graphName, "name", length),
		at(graphInit, "initializer", length), at(graphDoc, "doc_string", length),
		at(graphInput, "input", length), at(graphOutput, "output", length),
		at(graphValueInfo, "value_info", length), at(graphQuant, "quantization_annotation", length),
		at(graphSparseInit, "sparse_initializer", length), at(graphProps, "metadata_props", length))
	nodeSchema = message("node",
		at(nodeInput, "input", length), at(nodeOutput, "output", length),
		at(nodeName, "name", length), at(nodeOp, "op_type", length),
		at(nodeAttr, "attribute", length), at(nodeDoc, "doc_string", length),
		at(nodeDomain, "domain", length), at(nodeOverload, "overload", length),
		at(nodeProps, "metadata_props", length), at(nodeDevice, "device_configurations", length))
	attrSchema = message("attribute",
		at(attrName, "name", length), at(attrF, "f", fixed32), at(attrI, "i", varint),
		at(attrS, "s", length), at(attrT, "t", length), at(attrG, "g", length),
		at(attrFloats, "floats", fixed32List), at(attrInts, "ints", varintList),
		at(attrStrings, "strings", length), at(attrTensors, "tensors", length),
		at(attrGraphs, "graphs", length), at(attrDoc, "doc_string", length),
		at(attrTP, "tp", length), at(attrTPs, "type_protos", length),
		at(attrType, "type", varint), at(attrRef, "ref_attr_name", length),
		at(attrSparse, "sparse_tensor", length), at(attrSparses, "sparse_tensors", length))
	infoSchema = message("value_info",
		at(infoName, "name", length), at(infoType, "type", length),
		at(infoDoc, "doc_string", length), at(infoProps, "metadata_props", length))
	tensorSchema = message("tensor",
		at(tensorDims, "dims", varintList), at(tensorType, "data_type", varint),
		at(tensorSegment, "segment", length), at(tensorFloats, "float_data", fixed32Packed),
		at(tensorInt32s, "int32_data", varintPacked), at(tensorStrings, "string_data", length),
		at(tensorInt64s, "int64_data", varintPacked), at(tensorName, "name", length),
		at(tensorRaw, "raw_data", length), at(tensorDoubles, "double_data", fixed64Packed),
		at(tensorUint64s, "uint64_data", varintPacked), at(tensorDoc, "doc_string", length),
		at(tensorExternal, "external_data", length), at(tensorLocation, "data_location", varint),
		at(tensorProps, "metadata_props", length))
	segmentSchema = message("segment", at(segmentBegin, "begin", varint), at(segmentEnd, "end", varint))
	sparseSchema  = message("sparse_tensor",
		at(sparseValues, "values", length), at(sparseIndices, "indices", length), at(sparseDims, "dims", varintList))
	typeSchema = message("type",
		at(typeTensor, "tensor_type", length), at(typeSequence, "sequence_type", length),
		at(typeMap, "map_type", length), at(typeDenotation, "denotation", length),
		at(typeOpaque, "opaque_type", length), at(typeSparse, "sparse_tensor_type", length),
		at(typeOptional, "optional_type", length))
	typeTensorSchema = message("tensor_type", at(innerElem, "elem_type", varint), at(innerShape, "shape", length))
	typeOfSchema     = message("elem_type", at(innerOf, "elem_type", length))
	typeMapSchema    = message("map_type", at(innerKey, "key_type", varint), at(innerValue, "value_type", length))
	typeOpaqueSchema = message("opaque_type", at(opaqueDomain, "domain", length), at(opaqueName, "name", length))
	shapeSchema      = message("shape", at(shapeDim, "dim", length))
	dimSchema        = message("dim",
		at(dimValue, "dim_value", varint), at(dimParam, "dim_param", length), at(dimDenotes, "denotation", length))
	entrySchema    = message("entry", at(entryKey, "key", length), at(entryValue, "value", length))
	opsetSchema    = message("opset_import", at(opsetDomain, "domain", length), at(opsetVersion, "version", varint))
	trainingSchema = message("training_info",
		at(trainInit, "initialization", length), at(trainStep, "algorithm", length),
		at(trainInitBind, "initialization_binding", length), at(trainUpdate, "update_binding", length))
	functionSchema = message("function",
		at(funcName, "name", length), at(funcInput, "input", length), at(funcOutput, "output", length),
		at(funcAttr, "attribute", length), at(funcNode, "node", length), at(funcDoc, "doc_string", length),
		at(funcOpset, "opset_import", length), at(funcDomain, "domain", length),
		at(funcAttrProto, "attribute_proto", length), at(funcValueInfo, "value_info", length),
		at(funcOverload, "overload", length), at(funcProps, "metadata_props", length))
	annotationSchema = message("quantization_annotation",
		at(annotTensor, "tensor_name", length), sub(annotParams, "quant_parameter_tensor_names", entrySchema))
	configurationSchema = message("configuration", at(1, "name", length), at(2, "num_devices", varint), at(3, "device", length))
	deviceSchema        = message("device_configurations",
		at(1, "configuration_id", length), sub(2, "sharding_spec", shardingSchema), at(3, "pipeline_stage", varint))
	shardingSchema = message("sharding_spec", at(1, "tensor_name", length), at(2, "device", varintList),
		sub(3, "index_to_device_group_map", deviceGroupSchema), sub(4, "sharded_dim", shardedDimSchema))
	deviceGroupSchema    = message("index_to_device_group_map", at(1, "key", varint), at(2, "value", varintList))
	shardedDimSchema     = message("sharded_dim", at(1, "axis", varint), sub(2, "simple_sharding", simpleShardingSchema))
	simpleShardingSchema = message("simple_sharding", at(1, "dim_value", varint), at(2, "dim_param", length), at(3, "num_shards", varint))
	sequenceSchema       = message("sequence",
		at(seqName, "name", length), at(seqElem, "elem_type", varint), at(seqTensors, "tensor_values", length),
		at(seqSparse, "sparse_tensor_values", length), at(seqSequences, "sequence_values", length),
		at(seqMaps, "map_values", length), at(seqOptionals, "optional_values", length))
	mapSchema = message("map",
		at(mapName, "name", length), at(mapKeyType, "key_type", varint), at(mapKeys, "keys", varintList),
		at(mapStringKeys, "string_keys", length), at(mapValues, "values", length))
	optionalSchema = message("optional",
		at(optName, "name", length), at(optElem, "elem_type", varint), at(optTensor, "tensor_value", length),
		at(optSparse, "sparse_tensor_value", length), at(optSequence, "sequence_value", length),
		at(optMap, "map_value", length), at(optOptional, "optional_value", length))
)
