package op

import (
	"sync"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
)

// rule states the types, and where it can the contents, of a node's outputs. The error is a stop or a contradiction.
type rule func(*call) error

var (
	ruleOnce sync.Once
	ruleMap  map[Key]rule
)

// rules holds the inference rule of every operator. It is filled at first need: rules refer to inference, which refers to them.
func rules() map[Key]rule {
	ruleOnce.Do(func() { ruleMap = ruleTable() })
	return ruleMap
}

// ruleTable is THE table: the rule of each operator, by family.
func ruleTable() map[Key]rule {
	table := map[Key]rule{}
	for _, family := range []struct {
		domain string
		rule   rule
		names  []string
	}{
		// elementwise.go
		{"", unary, []string{"Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Celu", "Cos", "Cosh", "Elu", "Erf", "Exp",
			"Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Log", "Mish", "PRelu", "Reciprocal", "Selu",
			"Shrink", "Sigmoid", "Sin", "Sinh", "Softplus", "Softsign", "Swish", "Tan", "Tanh", "ThresholdedRelu"}},
		{"", alongAxis, []string{"Hardmax", "LogSoftmax", "Softmax"}},
		{"", unaryData(absDim), []string{"Abs"}},
		{"", unaryData(negDim), []string{"Neg"}},
		{"", unaryData(signDim), []string{"Sign"}},
		{"", unaryData(sqrtDim), []string{"Sqrt"}},
		{"", unaryData(sameDim), []string{"Ceil", "Floor", "Round"}},
		{"", unaryData(func(d graph.Dim) graph.Dim { return d.Max(graph.Const(0)) }), []string{"Relu"}},
		{"", predicateNot, []string{"Not"}},
		{"", predicate, []string{"IsInf", "IsNaN"}},
		{"", arithmetic(addDims), []string{"Add"}},
		{"", arithmetic(subDims), []string{"Sub"}},
		{"", arithmetic(mulDims), []string{"Mul"}},
		{"", arithmetic(divDims), []string{"Div"}},
		{"", arithmetic(modDims), []string{"Mod"}},
		{"", arithmetic(powDims), []string{"Pow"}},
		{"", arithmetic(nil), []string{"BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"}},
		{"", comparison(andDims), []string{"And"}},
		{"", comparison(orDims), []string{"Or"}},
		{"", comparison(xorDims), []string{"Xor"}},
		{"", comparison(equalDims), []string{"Equal"}},
		{"", comparison(lessDims), []string{"Less"}},
		{"", comparison(greaterDims), []string{"Greater"}},
		{"", comparison(lessOrEqualDims), []string{"LessOrEqual"}},
		{"", comparison(greaterOrEqualDims), []string{"GreaterOrEqual"}},
		{"", variadic(graph.Dim.Max), []string{"Max"}},
		{"", variadic(graph.Dim.Min), []string{"Min"}},
		{"", variadic(graph.Dim.Add), []string{"Sum"}},
		{"", variadic(nil), []string{"Mean"}},
		{"", where, []string{"Where"}},
		{"", cast, []string{"Cast"}},
		{"", castLike, []string{"CastLike"}},
		{"", bitCast, []string{"BitCast"}},
		{"", dropout, []string{"Dropout"}},
		{"", clip, []string{"Clip"}},

		// matmul.go
		{"", matMul, []string{"MatMul"}},
		{"", gemm, []string{"Gemm"}},
		{"", matMulInteger, []string{"MatMulInteger"}},
		{"", qLinearMatMul, []string{"QLinearMatMul"}},
		{"", einsum, []string{"Einsum"}},
		{"", det, []string{"Det"}},

		// shape.go, reshape.go, concat.go, slice.go, pad.go, fill.go
		{"", shapeOf, []string{"Shape"}},
		{"", size, []string{"Size"}},
		{"", reshape, []string{"Reshape"}},
		{"", flatten, []string{"Flatten"}},
		{"", squeeze, []string{"Squeeze"}},
		{"", unsqueeze, []string{"Unsqueeze"}},
		{"", transpose, []string{"Transpose"}},
		{"", expand, []string{"Expand"}},
		{"", concat, []string{"Concat"}},
		{"", split, []string{"Split"}},
		{"", slice, []string{"Slice"}},
		{"", tile, []string{"Tile"}},
		{"", pad, []string{"Pad"}},
		{"", constantOfShape, []string{"ConstantOfShape"}},
		{"", rangeOf, []string{"Range"}},

		// gather.go
		{"", gather, []string{"Gather"}},
		{"", gatherElements, []string{"GatherElements"}},
		{"", gatherND, []string{"GatherND"}},
		{"", unary, []string{"Scatter", "ScatterElements", "TensorScatter", "Trilu", "CumSum", "CumProd", "ReverseSequence"}},
		{"", scatterND, []string{"ScatterND"}},
		{"", oneHot, []string{"OneHot"}},
		{"", compress, []string{"Compress"}},
		{"", nonZero, []string{"NonZero"}},
		{"", topK, []string{"TopK"}},
		{"", unique, []string{"Unique"}},
		{"", eyeLike, []string{"EyeLike"}},

		// reduce.go
		{"", reduce(18, nil), []string{"ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMean", "ReduceSumSquare"}},
		{"", reduce(18, product), []string{"ReduceProd"}},
		{"", reduce(18, fold(graph.Dim.Max)), []string{"ReduceMax"}},
		{"", reduce(18, fold(graph.Dim.Min)), []string{"ReduceMin"}},
		{"", reduce(13, fold(graph.Dim.Add)), []string{"ReduceSum"}},
		{"", argExtreme, []string{"ArgMax", "ArgMin"}},

		// norm.go
		{"", unary, []string{"GroupNormalization", "InstanceNormalization", "LpNormalization", "LRN", "MeanVarianceNormalization"}},
		{"", batchNormalization, []string{"BatchNormalization"}},
		{"", layerNormalization, []string{"LayerNormalization", "SimplifiedLayerNormalization"}},
		{"", rmsNormalization, []string{"RMSNormalization"}},

		// conv.go
		{"", conv, []string{"Conv"}},
		{"", convInteger, []string{"ConvInteger"}},
		{"", qLinearConv, []string{"QLinearConv"}},
		{"", convTranspose, []string{"ConvTranspose"}},
		{"", deformConv, []string{"DeformConv"}},
		{"", pool, []string{"AveragePool", "LpPool", "MaxPool"}},
		{"", globalPool, []string{"GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool"}},
		{"", maxUnpool, []string{"MaxUnpool"}},
		{"", roiAlign, []string{"RoiAlign"}},
		{"", maxRoiPool, []string{"MaxRoiPool"}},
		{"", depthToSpace, []string{"DepthToSpace"}},
		{"", spaceToDepth, []string{"SpaceToDepth"}},

		// attention.go
		{"", attention, []string{"Attention"}},
		{"", unary, []string{"RotaryEmbedding"}},
		{"", pairwise, []string{"SwiGLU"}},
		{"", linearAttention, []string{"LinearAttention"}},
		{"", causalConv, []string{"CausalConvWithState"}},
		{"ai.onnx.preview", flexAttention, []string{"FlexAttention"}},

		// recurrent.go
		{"", recurrent, []string{"GRU", "LSTM", "RNN"}},

		// quant.go
		{"", quantizeLinear, []string{"QuantizeLinear"}},
		{"", dequantizeLinear, []string{"DequantizeLinear"}},
		{"", dynamicQuantizeLinear, []string{"DynamicQuantizeLinear"}},

		// constant.go
		{"", constant, []string{"Constant"}},
		{"", identity, []string{"Identity"}},
		{"", random, []string{"RandomNormal", "RandomUniform"}},
		{"", randomLike, []string{"Bernoulli", "RandomNormalLike", "RandomUniformLike"}},
		{"", multinomial, []string{"Multinomial"}},
		{"", window, []string{"BlackmanWindow", "HammingWindow", "HannWindow"}},
		{"", melWeightMatrix, []string{"MelWeightMatrix"}},

		// control.go
		{"", ifElse, []string{"If"}},
		{"", loop, []string{"Loop"}},
		{"", scan, []string{"Scan"}},

		// sequence.go
		{"", sequenceConstruct, []string{"SequenceConstruct"}},
		{"", sequenceEmpty, []string{"SequenceEmpty"}},
		{"", sequenceAt, []string{"SequenceAt"}},
		{"", sequenceInsert, []string{"SequenceInsert"}},
		{"", sequenceErase, []string{"SequenceErase"}},
		{"", sequenceLength, []string{"SequenceLength"}},
		{"", splitToSequence, []string{"SplitToSequence"}},
		{"", concatFromSequence, []string{"ConcatFromSequence"}},
		{"", sequenceMap, []string{"SequenceMap"}},
		{"", optional, []string{"Optional"}},
		{"", optionalGetElement, []string{"OptionalGetElement"}},
		{"", optionalHasElement, []string{"OptionalHasElement"}},

		// resize.go
		{"", resize, []string{"Resize"}},
		{"", upsample, []string{"Upsample"}},
		{"", gridSample, []string{"GridSample"}},
		{"", affineGrid, []string{"AffineGrid"}},
		{"", col2Im, []string{"Col2Im"}},
		{"", centerCropPad, []string{"CenterCropPad"}},

		// signal.go
		{"", dft, []string{"DFT"}},
		{"", stft, []string{"STFT"}},

		// text.go
		{"", stringNormalizer, []string{"StringNormalizer"}},
		{"", pairwise, []string{"StringConcat"}},
		{"", stringSplit, []string{"StringSplit"}},
		{"", predicate, []string{"RegexFullMatch"}},
		{"", tfIdfVectorizer, []string{"TfIdfVectorizer"}},

		// loss.go
		{"", loss, []string{"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"}},
		{"", nonMaxSuppression, []string{"NonMaxSuppression"}},
		{"", imageDecoder, []string{"ImageDecoder"}},
		{training, optimizer(3), []string{"Adagrad", "Momentum"}},
		{training, optimizer(4), []string{"Adam"}},
		{training, gradient, []string{"Gradient"}},

		// ml.go
		{ml, unary, []string{"Binarizer", "Imputer"}},
		{ml, floatLike, []string{"Normalizer", "Scaler"}},
		{ml, arrayFeatureExtractor, []string{"ArrayFeatureExtractor"}},
		{ml, castMap, []string{"CastMap"}},
		{ml, categoryMapper, []string{"CategoryMapper"}},
		{ml, dictVectorizer, []string{"DictVectorizer"}},
		{ml, featureVectorizer, []string{"FeatureVectorizer"}},
		{ml, labelEncoder, []string{"LabelEncoder"}},
		{ml, oneHotEncoder, []string{"OneHotEncoder"}},
		{ml, classifier("classlabels_strings", "classlabels_ints"), []string{"LinearClassifier", "SVMClassifier"}},
		{ml, classifier("classlabels_strings", "classlabels_int64s"), []string{"TreeEnsembleClassifier"}},
		{ml, regressor("targets"), []string{"LinearRegressor"}},
		{ml, regressor(""), []string{"SVMRegressor"}},
		{ml, regressor("n_targets"), []string{"TreeEnsembleRegressor"}},
		{ml, treeEnsemble, []string{"TreeEnsemble"}},
		{ml, zipMap, []string{"ZipMap"}},

		// contrib.go
		{microsoft, unary, []string{"BiasGelu", "FastGelu", "Gelu", "MoE", "QLinearLeakyRelu", "QLinearSigmoid", "QLinearSoftmax", "QMoE",
			"QuickGelu", "RotaryEmbedding"}},
		{microsoft, skipNormalization, []string{"SkipLayerNormalization", "SkipSimplifiedLayerNormalization"}},
		{microsoft, embedNormalization, []string{"EmbedLayerNormalization"}},
		{microsoft, packedAttention, []string{"Attention"}},
		{microsoft, groupQueryAttention, []string{"GroupQueryAttention"}},
		{microsoft, multiHeadAttention, []string{"MultiHeadAttention"}},
		{microsoft, matMulNBits, []string{"MatMulNBits"}},
		{microsoft, matMulToFloat, []string{"DynamicQuantizeMatMul", "MatMulIntegerToFloat"}},
		{microsoft, fusedMatMul, []string{"FusedMatMul"}},
		{microsoft, gemm, []string{"FusedGemm"}},
		{microsoft, conv, []string{"FusedConv"}},
		{microsoft, qGemm, []string{"QGemm"}},
		{microsoft, qLinearBinary, []string{"QLinearAdd", "QLinearMul"}},
		{microsoft, qLinearConcat, []string{"QLinearConcat"}},
		{microsoft, recurrent, []string{"DynamicQuantizeLSTM"}},
		{microsoft, quantizeLinear, []string{"QuantizeLinear"}},
		{microsoft, dequantizeLinear, []string{"DequantizeLinear"}},
	} {
		for _, name := range family.names {
			table[Key{family.domain, name}] = family.rule
		}
	}
	return table
}

const (
	ml        = "ai.onnx.ml"
	training  = "ai.onnx.preview.training"
	microsoft = "com.microsoft"
)

// HasRule reports whether Infer knows the operator.
func HasRule(domain, name string) bool {
	_, ok := rules()[Key{graph.CanonicalDomain(domain), name}]
	return ok
}
