package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph"
	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
)

// accuracy is the result of classification.
type accuracy struct {
	Accuracy float64 `json:"accuracy"`
	Count    int     `json:"count"`
}

// readArray reads an idx file (the format of MNIST, plain or gzip) or a .npy file.
func readArray(path string) (*tensor.Tensor, error) {
	if strings.HasSuffix(path, ".npy") {
		t, err := onnxio.ReadNPY(path)
		if err != nil {
			return nil, withPath(path, err)
		}
		return t, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		z, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if data, err = io.ReadAll(io.LimitReader(z, 1<<32)); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	t, err := decodeIDX(data)
	if err != nil {
		return nil, hint(fmt.Errorf("%s: %w", path, err), "idx files begin with 0, 0, type, rank")
	}
	return t, nil
}

// idxTypes are the element types of idx files by their code.
var idxTypes = map[byte]tensor.DType{0x08: tensor.Uint8, 0x09: tensor.Int8, 0x0b: tensor.Int16, 0x0c: tensor.Int32, 0x0d: tensor.Float32, 0x0e: tensor.Float64}

// decodeIDX reads the idx format: two zero bytes, a type, a rank, sizes and elements, all big-endian.
func decodeIDX(data []byte) (*tensor.Tensor, error) {
	if len(data) < 4 || data[0] != 0 || data[1] != 0 || idxTypes[data[2]] == tensor.Undefined {
		return nil, errors.New("not an idx file")
	}
	elem, rank := idxTypes[data[2]], int(data[3])
	if len(data) < 4+4*rank {
		return nil, errors.New("the idx header is cut off")
	}
	shape := make([]int64, rank)
	for i := range shape {
		shape[i] = int64(binary.BigEndian.Uint32(data[4+4*i:]))
	}
	body := data[4+4*rank:]
	size, err := tensor.ByteSize(elem, shape)
	if err != nil {
		return nil, err
	}
	if size != int64(len(body)) {
		return nil, fmt.Errorf("idx of shape %v has %d bytes of elements, want %d", shape, len(body), size)
	}
	out := bytes.Clone(body)
	if w := elem.Bits() / 8; w > 1 {
		for i := 0; i < len(out); i += w {
			for j := range w / 2 {
				out[i+j], out[i+w-1-j] = out[i+w-1-j], out[i+j]
			}
		}
	}
	return tensor.FromBytes(elem, shape, out)
}

func (c *evalCmd) classify(a *app, m *graph.Model) error {
	images, err := readArray(c.Images)
	if err != nil {
		return err
	}
	labels, err := readArray(c.Labels)
	if err != nil {
		return err
	}
	want, err := labels.Int64s()
	if err != nil {
		return fmt.Errorf("%s: %w", c.Labels, err)
	}
	if len(images.Shape) == 0 || int(images.Shape[0]) != len(want) {
		return fmt.Errorf("%s has shape %v, %s has %d labels: one label for each image is wanted", c.Images, images.Shape, c.Labels, len(want))
	}
	if c.Std == 0 {
		return errors.New("--std 0: pixels are divided by it")
	}
	s, err := a.compile(m, c.options(a))
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	defer s.Close()
	in, batch, shape, err := imageInput(m, images)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Model, err)
	}
	n := len(want)
	if c.Limit > 0 {
		n = min(n, c.Limit)
	}
	pixels, err := images.Float32s()
	if err != nil {
		return fmt.Errorf("%s: %w", c.Images, err)
	}
	each := images.Len() / max(1, int(images.Shape[0]))
	scaled := make([]float32, n*each)
	for i, x := range pixels[:n*each] {
		scaled[i] = float32((float64(x)*c.Scale - c.Mean) / c.Std)
	}
	p := a.newProgress(c.JSON)
	defer p.done()
	right := 0
	for lo := 0; lo < n; lo += batch {
		hi := min(n, lo+batch)
		shape[0] = int64(hi - lo)
		x, err := asElem(in.Type.Elem, scaled[lo*each:hi*each], shape)
		if err != nil {
			return fmt.Errorf("%s: input %q: %w", c.Model, in.Name, err)
		}
		out, err := s.Run(a.ctx, runtime.Feeds{in.Name: x})
		if err != nil {
			return fmt.Errorf("%s: image %d: %w", c.Model, lo, err)
		}
		k, err := correct(out[m.Graph.Outputs[0].Name], want[lo:hi])
		if err != nil {
			return fmt.Errorf("%s: output %q: %w", c.Model, m.Graph.Outputs[0].Name, err)
		}
		right += k
		p.step("classifying", hi, n)
	}
	p.done()
	res := accuracy{Count: n, Accuracy: float64(right) / float64(max(1, n))}
	if c.JSON {
		return a.printJSON(res)
	}
	a.printf("accuracy  %.4f\ncount     %d\n", res.Accuracy, res.Count)
	a.printProfile(s)
	return nil
}

// imageInput is the model's only input, how many images go into it at once, and its shape for one image.
func imageInput(m *graph.Model, images *tensor.Tensor) (in *graph.Value, batch int, shape []int64, err error) {
	list := realInputs(m)
	if len(list) != 1 {
		return nil, 0, nil, fmt.Errorf("it has %d inputs, want one for the images", len(list))
	}
	in = list[0]
	each := int64(images.Len()) / max(1, images.Shape[0])
	rank := in.Type.Shape.Rank()
	if rank < 1 {
		return nil, 0, nil, fmt.Errorf("input %q has no known shape", in.Name)
	}
	shape = make([]int64, rank)
	product, open := int64(1), -1
	for i := 1; i < rank; i++ {
		if c, ok := in.Type.Shape.Dim(i).Value(); ok {
			shape[i] = c
			product *= c
		} else if open < 0 {
			open = i
		} else {
			product = 0 // two open dims: the image's own shape decides
		}
	}
	switch {
	case open < 0 && product == each:
	case open >= 0 && product > 0 && each%product == 0:
		shape[open] = each / product
	case rank == len(images.Shape):
		copy(shape[1:], images.Shape[1:])
	default:
		return nil, 0, nil, fmt.Errorf("input %q is %s, the images are %v: they do not fit", in.Name, in.Type.Shape, images.Shape)
	}
	batch = 256
	if c, ok := in.Type.Shape.Dim(0).Value(); ok {
		if batch = int(c); c != 1 && images.Shape[0]%c != 0 || c < 1 {
			return nil, 0, nil, fmt.Errorf("input %q takes %d images at once, and there are %d", in.Name, c, images.Shape[0])
		}
	}
	return in, batch, shape, nil
}

// asElem stores numbers as the element type of an input.
func asElem(e tensor.DType, x []float32, shape []int64) (*tensor.Tensor, error) {
	switch {
	case e == tensor.Float32:
		return tensor.Of(x, shape...), nil
	case e == tensor.Float64:
		return tensor.Of(convert(x, func(f float32) float64 { return float64(f) }), shape...), nil
	case e == tensor.Float16:
		return tensor.FromBytes(e, shape, tensor.AsBytes(convert(x, tensor.Float32ToHalf)))
	case e == tensor.BFloat16:
		return tensor.FromBytes(e, shape, tensor.AsBytes(convert(x, tensor.Float32ToBFloat16)))
	case e.IsInteger() && e.Bits()%8 == 0:
		return integers(e, shape, convert(x, func(f float32) int64 { return int64(f) }))
	}
	return nil, fmt.Errorf("images do not become %s", e)
}

func convert[T any](x []float32, f func(float32) T) []T {
	out := make([]T, len(x))
	for i, v := range x {
		out[i] = f(v)
	}
	return out
}

// correct counts the rows whose largest score, or whose predicted class, is the wanted one.
func correct(out *tensor.Tensor, want []int64) (int, error) {
	if out == nil || out.Len() == 0 || out.Len()%len(want) != 0 {
		return 0, fmt.Errorf("%v does not fit %d images", out, len(want))
	}
	right := 0
	if out.Elem.IsInteger() && out.Len() == len(want) {
		got, err := out.Int64s()
		if err != nil {
			return 0, err
		}
		for i := range got {
			if got[i] == want[i] {
				right++
			}
		}
		return right, nil
	}
	scores, err := out.Float32s()
	if err != nil {
		return 0, err
	}
	width := len(scores) / len(want)
	for i, w := range want {
		best := 0
		for k, x := range scores[i*width : (i+1)*width] {
			if x > scores[i*width+best] {
				best = k
			}
		}
		if int64(best) == w {
			right++
		}
	}
	return right, nil
}
