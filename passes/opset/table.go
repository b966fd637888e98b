package opset

import "strings"

// adapter carries a node over one boundary. It edits the node, or makes others that give its outputs. nil: the schemas say all.
type adapter func(*site) error

// row says how operators change at a version: the table lists only changes that the schemas do not show, or that need other nodes.
// Going down over an operator's first version, down writes it with older operators.
type row struct {
	ops      string
	version  int
	up, down adapter
}

// adapters is the whole of the default domain, by version. What is not listed passes by comparing the two schemas (site.fit).
var adapters = []row{
	{"Concat", 4, concatAxis, nil},
	{"Split", 2, splitInputToAttr, setDefault("axis", 0)},
	{"Pad", 2, rename("paddings", "pads"), rename("pads", "paddings")},
	{"LpPool GlobalLpPool", 2, normToInt, normToFloat},
	{"Reshape", 5, reshapeToInput, reshapeToAttr},
	{"Cast", 6, castToInt, castToName},
	{"Tile", 6, tileRepeats, tileAxis},
	{"BatchNormalization", 6, nil, batchConsumed},
	{"BatchNormalization", 7, batchTest, batchSetTest},
	{"Dropout", 7, dropoutTest, dropoutSetTest},
	{"Add Sub Mul Div And Or Xor Equal Greater Less Pow", 7, broadcastUp, broadcastDown},
	{"Gemm", 7, gemmUp, gemmDown},
	{"PRelu", 7, slopeUp, slopeDown},
	{"AveragePool", 7, nil, countPad},
	{"RNN GRU LSTM", 7, sequenceOutput, allSequence},
	{"Upsample", 7, upsampleScales, upsampleSides},
	{"Max Min Sum Mean", 8, nil, variadicDown},
	{"Upsample", 9, scalesToInput, scalesToAttr},
	{"BatchNormalization", 9, notSpatial, nil},
	{"MeanVarianceNormalization", 9, nil, writeMVN},
	{"Constant", 9, nil, constantInit},
	{"Scan", 9, scanAlone, scanOfOne},
	{"DequantizeLinear", 10, nil, writeDequantize},
	{"Dropout", 10, maskToBool, maskToFloat},
	{"MaxPool AveragePool", 10, nil, ceilMode},
	{"Slice", 10, sliceToInputs, sliceToAttrs},
	{"TopK", 10, topToInput, topToAttr},
	{"Upsample", 10, upsampleToResize, nil},
	{"Resize", 10, nil, resizeToUpsample},
	{"ThresholdedRelu", 10, nil, writeThresholded},
	{"ArgMax ArgMin Compress Concat Flatten Gather Hardmax LogSoftmax Softmax Split Squeeze Unsqueeze", 11, nil, frontAxes},
	{"ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare", 11, nil, frontAxes},
	{"Clip", 11, clipToInputs, clipToAttrs},
	{"DepthToSpace", 11, nil, columnsFirst},
	{"Equal", 11, nil, writeEqual},
	{"Gemm", 11, nil, gemmZero},
	{"OneHot", 11, nil, oneHotWrap},
	{"Pad", 11, padToInputs, padToAttrs},
	{"Resize", 11, resizeModes, resizeNoModes},
	{"Scan", 11, nil, scanFront},
	{"Scatter", 11, scatterUp, nil},
	{"ScatterElements", 11, nil, scatterDown},
	{"Slice", 11, nil, sliceFront},
	{"TopK", 11, nil, topSmallest},
	{"Celu", 12, nil, writeCelu},
	{"Constant", 11, nil, constantDense},
	{"Constant", 12, nil, constantTensor},
	{"Dropout", 12, ratioToInput, ratioToAttr},
	{"GreaterOrEqual", 12, nil, writeOrEqual("Greater")},
	{"LessOrEqual", 12, nil, writeOrEqual("Less")},
	{"NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss", 12, nil, writeLoss},
	{"ArgMax ArgMin", 12, nil, lastIndex},
	{"Constant", 13, nil, constantInit},
	{"Max Min Clip", 12, nil, extremeOfInts},
	{"DequantizeLinear", 13, nil, dequantizeAxis},
	{"QuantizeLinear", 13, nil, quantizeAxis},
	{"Softmax LogSoftmax Hardmax", 13, flattenedUp, flattenedDown},
	{"Resize", 13, resizeOptional, resizeFilled},
	{"Split", 13, splitToInput, splitToAttr},
	{"Squeeze Unsqueeze ReduceSum", 13, axesToInput, axesToAttr},
	{"BatchNormalization", 14, batchTraining, batchNoTraining},
	{"HardSwish", 14, nil, writeHardSwish},
	{"Reshape", 14, nil, allowZero},
	{"RNN GRU LSTM", 14, nil, batchFirst},
	{"Trilu", 14, nil, writeTrilu},
	{"Bernoulli", 15, nil, writeBernoulli},
	{"CastLike", 15, nil, writeCastLike},
	{"Shape", 15, nil, shapeRange},
	{"RoiAlign", 16, setString("coordinate_transformation_mode", "output_half_pixel"), roiCorner},
	{"BlackmanWindow HammingWindow HannWindow", 17, nil, writeWindow},
	{"LayerNormalization", 17, nil, writeLayerNorm},
	{"LpPool", 18, nil, ceilMode},
	{"CenterCropPad", 18, nil, writeCropPad},
	{"Mish", 18, nil, writeMish},
	{"Pad", 18, nil, padAllAxes},
	{"ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare", 18, axesToInput, axesToAttr},
	{"Resize", 18, nil, resizeAllAxes},
	{"ScatterElements ScatterND", 18, nil, only("reduction", "none", "add", "mul")},
	{"Split", 18, splitCount, splitSizes},
	{"Pad", 19, nil, only("mode", "constant", "reflect", "edge")},
	{"Resize", 19, nil, resizeSymmetric},
	{"Constant", 19, nil, constantInit},
	{"DFT", 20, axisToInput, axisToAttr},
	{"Gelu", 20, nil, writeGelu},
	{"GridSample", 20, sampleNames, sampleOldNames},
	{"GroupNormalization", 21, groupToChannels, writeGroupNorm},
	{"QuantizeLinear DequantizeLinear", 21, nil, quantizeBlocks},
	{"MaxPool AveragePool LpPool", 22, nil, ceilStart},
	{"QuantizeLinear DequantizeLinear", 23, nil, quantizeTypes},
	{"RMSNormalization", 23, nil, writeRMSNorm},
	{"RotaryEmbedding", 23, nil, writeRotary},
	{"Attention", 23, nil, writeAttention},
	{"Swish", 24, nil, writeSwish},
	{"SwiGLU", 28, nil, writeSwiGLU},
}

// mlAdapters is the same for ai.onnx.ml.
var mlAdapters = []row{
	{"LabelEncoder", 2, labelKeys, labelClasses},
	{"LabelEncoder", 4, nil, labelLists},
}

type boundary struct {
	domain, op string
	version    int
	up         bool
}

var byBoundary = func() map[boundary]adapter {
	m := map[boundary]adapter{}
	for domain, rows := range map[string][]row{"": adapters, "ai.onnx.ml": mlAdapters} {
		for _, r := range rows {
			for _, name := range strings.Fields(r.ops) {
				m[boundary{domain, name, r.version, true}] = r.up
				m[boundary{domain, name, r.version, false}] = r.down
			}
		}
	}
	return m
}()

func find(domain, name string, version int, up bool) adapter {
	return byBoundary[boundary{domain, name, version, up}]
}
