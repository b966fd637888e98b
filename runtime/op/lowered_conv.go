package op

import (
	"fmt"

	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

// prepareLoweredConv is Conv with the attributes of the standard operator, and the activation act of its result.
func prepareLoweredConv(p *Prep) (Exec, error) {
	act, ok := kernel.ParseAct(p.Attrs().String("act", "none"))
	if !ok {
		return nil, fmt.Errorf("unknown activation")
	}
	return prepareConvAct(p, act)
}
