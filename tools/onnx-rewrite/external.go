package main

import (
	"fmt"
	"os"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

type externalCmd struct {
	Model     string `arg:"" help:"The model."`
	Out       string `short:"o" required:"" placeholder:"FILE" help:"Where to write the model."`
	Threshold int64  `default:"1024" help:"Least bytes of a tensor that goes to the data file."`
	DataName  string `placeholder:"NAME" help:"Name of the data file, in the model's folder; else the model's name and a part of the content's hash."`
	Align     int64  `default:"4096" help:"Tensors begin at multiples of it in the data file."`
	jsonFlag
}

func (*externalCmd) Help() string {
	return `Examples:

  onnx-rewrite external model.onnx -o small.onnx
  onnx-rewrite external model.onnx -o out/model.onnx --data-name weights.data --threshold 1048576

Moves the initializers into one data file beside the model, each content once. The values and everything else stay as they are. See embed for the way back.`
}

func (c *externalCmd) Run(a *app) error {
	switch {
	case c.Threshold < 1:
		return fmt.Errorf("--threshold %d: must be at least 1", c.Threshold)
	case c.Align < 1:
		return fmt.Errorf("--align %d: must be at least 1", c.Align)
	}
	return a.move(c.Model, c.Out, onnxio.SaveOptions{External: onnxio.ExternalAlways, Threshold: c.Threshold, Align: c.Align, DataName: c.DataName}, c.JSON)
}

type embedCmd struct {
	Model string `arg:"" help:"The model."`
	Out   string `short:"o" required:"" placeholder:"FILE" help:"Where to write the model."`
	jsonFlag
}

func (*embedCmd) Help() string {
	return `Examples:

  onnx-rewrite embed model.onnx -o single.onnx

Moves all tensors from data files into the model file. A model file can have no more than 2 GiB: a larger model is refused and nothing is written.`
}

func (c *embedCmd) Run(a *app) error {
	return a.move(c.Model, c.Out, onnxio.SaveOptions{External: onnxio.ExternalNever}, c.JSON)
}

// placement is where a model's tensors lie.
type placement struct {
	Out       string   `json:"out"`
	FileBytes int64    `json:"file_bytes"`
	Data      []string `json:"data_files"`
	Tensors   int      `json:"external_tensors"`
	Bytes     int64    `json:"external_bytes"` // of these tensors; identical ones share their place
}

// move saves the model in another form, and reports it.
func (a *app) move(from, to string, opt onnxio.SaveOptions, asJSON bool) error {
	if err := checkOut(to); err != nil {
		return err
	}
	m, err := a.load(from)
	if err != nil {
		return err
	}
	defer m.Close()
	if err := a.save(m, to, opt); err != nil {
		return err
	}
	p, err := a.placementOf(to)
	if err != nil {
		return err
	}
	if asJSON {
		return a.printJSON(p)
	}
	a.printf("written to %s (%s)", to, bytesText(p.FileBytes))
	for _, name := range p.Data {
		a.printf(", %s of %s in %s", bytesText(p.Bytes), plural(p.Tensors, "tensor"), visible(name))
	}
	a.printf("\n")
	return nil
}

// placementOf reads where the tensors of a model file lie, without their values.
func (a *app) placementOf(path string) (p placement, err error) {
	opt := a.read
	opt.External, opt.Lenient = onnxio.ExternalSkip, true
	m, err := a.loadWith(path, opt)
	if err != nil {
		return p, err
	}
	defer m.Close()
	p = placement{Out: path, Data: append([]string{}, onnxio.Locations(m)...)}
	if info, err := os.Stat(path); err == nil {
		p.FileBytes = info.Size()
	}
	tensorsOf(m, func(t *tensor.Tensor) {
		if t.Meta == nil || t.Meta.Carrier != tensor.CarrierExternal {
			return
		}
		p.Tensors++
		if n, err := tensor.ByteSize(t.Elem, t.Shape); err == nil {
			p.Bytes += n
		}
	})
	return p, nil
}
