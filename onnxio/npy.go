package onnxio

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// ReadNPY reads a NumPy array file, versions 1 to 3: booleans, integers, floats and complex numbers of either byte order, byte strings and
// Unicode strings, in row-major or column-major order. Object arrays are refused: reading them means running code.
func ReadNPY(path string) (*tensor.Tensor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	t, err := DecodeNPY(bufio.NewReaderSize(f, 1<<16), info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return t, nil
}

// ReadNPZ reads the arrays of a NumPy archive, by name without ".npy".
func ReadNPZ(path string) (map[string]*tensor.Tensor, error) {
	z, err := zip.OpenReader(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer z.Close()
	out := map[string]*tensor.Tensor{}
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, f.Name, err)
		}
		t, err := DecodeNPY(r, int64(min(f.UncompressedSize64, math.MaxInt64)))
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, f.Name, err)
		}
		out[name] = t
	}
	return out, nil
}

const npyMagic = "\x93NUMPY"

// DecodeNPY reads an array file of at most size bytes from r.
func DecodeNPY(r io.Reader, size int64) (*tensor.Tensor, error) {
	var head [12]byte
	if _, err := io.ReadFull(r, head[:10]); err != nil || string(head[:6]) != npyMagic {
		return nil, errors.New("not a NumPy array file")
	}
	n, at := int(binary.LittleEndian.Uint16(head[8:])), int64(10)
	if head[6] >= 2 {
		if _, err := io.ReadFull(r, head[10:]); err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		n, at = int(binary.LittleEndian.Uint32(head[8:])), 12
	}
	if n > 1<<16 || head[6] < 1 || head[6] > 3 {
		return nil, fmt.Errorf("header of %d bytes, version %d", n, head[6])
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	h, err := parseNPYHeader(string(text))
	if err != nil {
		return nil, err
	}
	count, err := tensor.NumElements(h.shape)
	if err != nil {
		return nil, err
	}
	if h.width == 0 && count > size {
		return nil, fmt.Errorf("%d empty strings in a file of %d bytes", count, size)
	}
	if h.width > 0 && count > (size-at-int64(n))/int64(h.width) {
		return nil, fmt.Errorf("shape %v of %s needs more bytes than the file has", h.shape, h.descr)
	}
	b := make([]byte, count*int64(h.width))
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	return h.tensor(b)
}

type npyHeader struct {
	descr   string
	elem    tensor.DType
	width   int // bytes of an element
	swap    int // bytes of the units to reverse; 0: none
	columns bool
	shape   []int64
}

var (
	npyDescr = regexp.MustCompile(`'descr'\s*:\s*'([<>=|]?)([a-zA-Z])(\d*)'`)
	npyOrder = regexp.MustCompile(`'fortran_order'\s*:\s*(True|False)`)
	npyShape = regexp.MustCompile(`'shape'\s*:\s*\(([\d, ]*)\)`)
	npyTypes = map[string]tensor.DType{
		"b1": tensor.Bool, "i1": tensor.Int8, "i2": tensor.Int16, "i4": tensor.Int32, "i8": tensor.Int64,
		"u1": tensor.Uint8, "u2": tensor.Uint16, "u4": tensor.Uint32, "u8": tensor.Uint64,
		"f2": tensor.Float16, "f4": tensor.Float32, "f8": tensor.Float64, "c8": tensor.Complex64, "c16": tensor.Complex128,
	}
)

func parseNPYHeader(text string) (h npyHeader, err error) {
	descr, order, shape := npyDescr.FindStringSubmatch(text), npyOrder.FindStringSubmatch(text), npyShape.FindStringSubmatch(text)
	if descr == nil || order == nil || shape == nil {
		return h, fmt.Errorf("header %q is not one of a plain array", strings.TrimSpace(text))
	}
	h.descr, h.columns = descr[1]+descr[2]+descr[3], order[1] == "True"
	for part := range strings.SplitSeq(shape[1], ",") {
		if part = strings.TrimSpace(part); part != "" {
			d, err := strconv.ParseInt(part, 10, 64)
			if err != nil {
				return h, fmt.Errorf("shape (%s): %w", shape[1], err)
			}
			h.shape = append(h.shape, d)
		}
	}
	if len(h.shape) > 64 {
		return h, fmt.Errorf("rank %d is above 64", len(h.shape))
	}
	n, err := strconv.Atoi(descr[3])
	switch elem, ok := npyTypes[descr[2]+descr[3]]; {
	case ok:
		h.elem, h.width, h.swap = elem, n, n
		if descr[2] == "c" {
			h.swap = n / 2
		}
	case err == nil && n < 1<<24 && descr[2] == "S":
		h.elem, h.width = tensor.String, n
	case err == nil && n < 1<<24 && descr[2] == "U":
		h.elem, h.width, h.swap = tensor.String, 4*n, 4
	default:
		return h, fmt.Errorf("arrays of type %q are not supported", h.descr)
	}
	if descr[1] != ">" {
		h.swap = 0
	}
	return h, nil
}

// tensor is the array whose elements are b.
func (h *npyHeader) tensor(b []byte) (*tensor.Tensor, error) {
	if h.swap > 1 {
		for i := 0; i < len(b); i += h.swap {
			slices.Reverse(b[i : i+h.swap])
		}
	}
	if h.columns && len(h.shape) > 1 {
		b = h.rowMajor(b)
	}
	if h.elem != tensor.String {
		return tensor.FromBytes(h.elem, h.shape, b)
	}
	n, _ := tensor.NumElements(h.shape)
	list := make([][]byte, n)
	for i := range list {
		s := b[i*h.width : (i+1)*h.width]
		if strings.Contains(h.descr, "U") {
			var runes []rune
			for ; len(s) > 0; s = s[4:] {
				runes = append(runes, rune(binary.LittleEndian.Uint32(s)))
			}
			s = []byte(string(runes))
		}
		for len(s) > 0 && s[len(s)-1] == 0 {
			s = s[:len(s)-1]
		}
		list[i] = s
	}
	return tensor.FromStrings(h.shape, list)
}

// rowMajor reorders the elements of a column-major array.
func (h *npyHeader) rowMajor(b []byte) []byte {
	out := make([]byte, 0, len(b))
	index := make([]int64, len(h.shape))
	for len(out) < len(b) {
		at, stride := int64(0), int64(1)
		for k, d := range h.shape {
			at += index[k] * stride
			stride *= d
		}
		out = append(out, b[at*int64(h.width):(at+1)*int64(h.width)]...)
		for k := len(index) - 1; k >= 0; k-- {
			if index[k]++; index[k] < h.shape[k] {
				break
			}
			index[k] = 0
		}
	}
	return out
}

// WriteNPY writes a tensor as a NumPy array file. bfloat16 and the types below a byte have no NumPy type and are refused.
func WriteNPY(path string, t *tensor.Tensor) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	err = EncodeNPY(f, t)
	return errors.Join(err, f.Close())
}

// EncodeNPY writes a tensor as a NumPy array file to w.
func EncodeNPY(w io.Writer, t *tensor.Tensor) error {
	descr, values := "", t.Bytes()
	for name, elem := range npyTypes {
		if elem == t.Elem {
			descr = name
		}
	}
	switch {
	case t.Elem == tensor.String:
		descr, values = unicodeArray(t.Strs)
	case descr == "":
		return fmt.Errorf("NumPy files have no type %s", t.Elem)
	case t.Elem.Bits() == 8:
		descr = "|" + descr
	default:
		descr = "<" + descr
	}
	dims := make([]string, len(t.Shape))
	for i, d := range t.Shape {
		dims[i] = strconv.FormatInt(d, 10)
	}
	shape := strings.Join(dims, ", ")
	if len(dims) == 1 {
		shape += ","
	}
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape)
	head += strings.Repeat(" ", (64-(len(head)+11)%64)%64) + "\n"
	b := binary.LittleEndian.AppendUint16([]byte(npyMagic+"\x01\x00"), uint16(len(head)))
	if _, err := w.Write(append(b, head...)); err != nil {
		return err
	}
	_, err := w.Write(values)
	return err
}

func unicodeArray(strs [][]byte) (descr string, values []byte) {
	longest := 0
	for _, s := range strs {
		longest = max(longest, len([]rune(string(s))))
	}
	for _, s := range strs {
		runes := []rune(string(s))
		for i := range longest {
			r := rune(0)
			if i < len(runes) {
				r = runes[i]
			}
			values = binary.LittleEndian.AppendUint32(values, uint32(r))
		}
	}
	return "<U" + strconv.Itoa(longest), values
}

// WriteNPZ writes tensors as a NumPy archive, uncompressed, in the order of their names.
func WriteNPZ(path string, tensors map[string]*tensor.Tensor) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	z := zip.NewWriter(f)
	list := make([]string, 0, len(tensors))
	for name := range tensors {
		list = append(list, name)
	}
	sort.Strings(list)
	for _, name := range list {
		w, e := z.CreateHeader(&zip.FileHeader{Name: name + ".npy"})
		if e == nil {
			e = EncodeNPY(w, tensors[name])
		}
		if e != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", name, e))
		}
	}
	return errors.Join(err, z.Close(), f.Close())
}
