package block

// sparseLinearText: x [..., in], index int32 [nnz] (positions in the row-major [in, out] matrix, ascending), value float [nnz],
// bias [out]; attribute shape = [in, out]. A runtime that folds constants turns the body into one dense MatMul.
func sparseLinearText(v Variant, opset int64) string {
	b := &body{opset: opset}
	shape := b.attrInts("shape")
	size := b.op("ReduceProd <keepdims = 1> (%s)", shape)
	zeros := b.op("ConstantOfShape <value = float[1] {0.0}> (%s)", size)
	flat := b.op("ScatterElements <axis = 0> (%s, index, value)", zeros)
	w := b.op("Reshape (%s, %s)", flat, shape)
	inputs := []string{"x", "index", "value"}
	if v.Bias {
		inputs = append(inputs, "bias")
		b.add("y = Add (%s, bias)", b.op("MatMul (x, %s)", w))
	} else {
		b.add("y = MatMul (x, %s)", w)
	}
	return function(v, opset, []string{"shape"}, inputs, b.text())
}
