package op

import "github.com/onnx-rewrite/onnx-rewrite/graph"

// recurrent is RNN, GRU, LSTM: the whole sequence of hidden states, and the last state (LSTM: hidden and cell).
func recurrent(c *call) error {
	x, r := c.shape(0), c.shape(2)
	elem := c.elem(0)
	if err := wantRank("input", x, 3); err != nil {
		return err
	}
	directions := graph.Const(1)
	if c.attrString("direction", "forward") == "bidirectional" {
		directions = graph.Const(2)
	}
	hidden := graph.Unknown()
	if n := c.attrInt("hidden_size", 0); n > 0 {
		hidden = graph.Const(n)
	} else if r.Known {
		hidden = r.Dim(2)
	}
	seq, batch := x.Dim(0), x.Dim(1)
	if c.attrInt("layout", 0) != 0 && c.opset >= 14 {
		seq, batch = batch, seq
		c.dims(0, elem, batch, seq, directions, hidden)
		c.dims(1, elem, batch, directions, hidden)
		c.dims(2, elem, batch, directions, hidden)
		return nil
	}
	c.dims(0, elem, seq, directions, batch, hidden)
	c.dims(1, elem, directions, batch, hidden)
	c.dims(2, elem, directions, batch, hidden)
	return nil
}
