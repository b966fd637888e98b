package main

import (
	"errors"

	"github.com/onnx-rewrite/onnx-rewrite/passes"
)

// The flags of the short forms are named like the options of the passes and hold text; see fillOptions.

type pruneFlags struct {
	Keep       *string `placeholder:"SHARE" help:"Share of the hidden neurons that stay [0.75]."`
	Score      *string `placeholder:"NAME" help:"energy (default with data), variance, obs; magnitude (default without data)."`
	Compensate *string `placeholder:"NAME" help:"ls (default with data): fit the down projection anew; mean; none."`
	Ridge      *string `placeholder:"X" help:"Of the refit, relative to the Gram matrix's mean diagonal [0.001]."`
	Multiple   *string `placeholder:"N" help:"Round the number of neurons to a multiple [1]."`
	Layers     *string `placeholder:"0,2,..." help:"The blocks to rewrite, by number in graph order [all]."`
}

type topkFlags struct {
	Keep   *string `placeholder:"SHARE" help:"Share of the hidden values kept for each token [0.25]."`
	K      *string `name:"k" placeholder:"N" help:"Their number instead, for the exact rule."`
	On     *string `placeholder:"NAME" help:"What is scored: hidden (default) |h|, gate |act(gate)|, signed: the gate before its activation."`
	Rule   *string `placeholder:"NAME" help:"exact (default), threshold, stat: above mean + value·std of the token."`
	Value  *string `placeholder:"X" help:"The threshold, or the multiplier of stat [from --keep and the data]."`
	Layers *string `placeholder:"0,2,..." help:"The blocks to rewrite, by number in graph order [all]."`
}

type moeFlags struct {
	Experts    *string `placeholder:"N" help:"Experts in each block [16]."`
	Active     *string `placeholder:"N" help:"Experts that run for a token, shared ones included [a quarter]."`
	Shared     *string `placeholder:"N" help:"Experts that always run [0]."`
	Split      *string `placeholder:"NAME" help:"weights (default): neurons of like incoming weights together; coact: of like activations; contiguous; random."`
	Router     *string `placeholder:"NAME" help:"ridge (default with data), centroid."`
	Compensate *string `placeholder:"NAME" help:"ls (default with data): fit the down projections anew under the routing; mean; none."`
	Body       *string `placeholder:"NAME" help:"Form of the plain ONNX body: loop (default), unrolled, dense."`
	Ridge      *string `placeholder:"X" help:"Of the refit [0.001]."`
	Profile    *string `placeholder:"N" help:"Tokens that the activation profiles are taken from [1024]."`
	Layers     *string `placeholder:"0,2,..." help:"The blocks to rewrite, by number in graph order [all]."`
}

type maskFlags struct {
	Density   *string `placeholder:"SHARE" help:"Share of the weights that stay [0.5]."`
	Last      *string `placeholder:"SHARE" help:"Of the last linear [as --density]."`
	Pattern   *string `placeholder:"N:M" help:"unstructured (default), or n of every m inputs, for example 2:4."`
	Scope     *string `placeholder:"NAME" help:"layer (default), output, global: among which weights the largest are chosen."`
	Criterion *string `placeholder:"NAME" help:"Of a ticket: large_final (default), large_final_same_sign, magnitude_increase, movement."`
	Store     *string `placeholder:"NAME" help:"dense (default): zeros; sparse: positions and values; auto."`
	Head      bool    `help:"Mask the linear that gives the model's output, too."`
	DeadUnits bool    `help:"Remove hidden units that the mask has cut off."`
}

type pruneCmd struct {
	Model string `arg:"" help:"The model."`
	pruneFlags
	rewriteFlags
}

func (*pruneCmd) Help() string {
	return `Examples:

  onnx-rewrite prune model.onnx -o small.onnx --keep 0.75 --data calib_ids.npy
  onnx-rewrite prune model.onnx -o small.onnx --keep 0.5 --score obs --data calib_ids.npy --every 2
  onnx-rewrite prune model.onnx -o small.onnx --keep 0.75 --multiple 16 --layers 0,1,2

The matrices become smaller and the operators stay the same, so every runtime gains. With data the neurons of least contribution E[h²]·|d|² go and the down projection is fitted anew by least squares; without data the weights alone decide.`
}

func (c *pruneCmd) Run(a *app) error {
	opt := new(passes.PruneOptions)
	if err := fillOptions(opt, c.pruneFlags, nil); err != nil {
		return err
	}
	job := rewriteJob{flags: &c.rewriteFlags, path: c.Model, passes: []passes.Pass{passes.PruneNeurons(*opt)}}
	return job.run(a)
}

type topkCmd struct {
	Model string `arg:"" help:"The model."`
	topkFlags
	rewriteFlags
}

func (*topkCmd) Help() string {
	return `Examples:

  onnx-rewrite topk model.onnx -o sparse.onnx --keep 0.1
  onnx-rewrite topk model.onnx -o sparse.onnx --k 64 --on gate
  onnx-rewrite topk model.onnx -o sparse.onnx --rule threshold --keep 0.25 --data calib_ids.npy
  onnx-rewrite topk model.onnx -o sparse.onnx --rule stat --on signed --value 1.40507

Each feed-forward block becomes a function whose body is plain ONNX; our runtime skips the rows of the down projection (and, scored on the gate, of the up projection) that a token does not keep.`
}

func (c *topkCmd) Run(a *app) error {
	opt := new(passes.TopKOptions)
	if err := fillOptions(opt, c.topkFlags, nil); err != nil {
		return err
	}
	job := rewriteJob{flags: &c.rewriteFlags, path: c.Model, passes: []passes.Pass{passes.TopKFFN(*opt)}}
	return job.run(a)
}

type moeCmd struct {
	Model string `arg:"" help:"The model."`
	moeFlags
	rewriteFlags
}

func (*moeCmd) Help() string {
	return `Examples:

  onnx-rewrite moe model.onnx -o experts.onnx --experts 16 --active 4 --data calib_ids.npy
  onnx-rewrite moe model.onnx -o experts.onnx --experts 16 --active 4 --shared 1 --data calib_ids.npy --body unrolled
  onnx-rewrite moe model.onnx -o experts.onnx --experts 8 --active 8 --split contiguous --router centroid

Each feed-forward block becomes a function with a router and experts; a token runs some of them. With all experts active the model computes what it did.`
}

func (c *moeCmd) Run(a *app) error {
	opt := new(passes.MoEOptions)
	if err := fillOptions(opt, c.moeFlags, nil); err != nil {
		return err
	}
	job := rewriteJob{flags: &c.rewriteFlags, path: c.Model, passes: []passes.Pass{passes.SplitExperts(*opt)}, exact: sameOutputs(opt)}
	return job.run(a)
}

// sameOutputs reports whether the options make experts that compute what the block did.
func sameOutputs(opt *passes.MoEOptions) bool {
	n := opt.Experts
	if n == 0 {
		n = 16
	}
	return opt.Active == n
}

type maskCmd struct {
	Model   string `arg:"" help:"The (trained) model."`
	Initial string `placeholder:"FILE" help:"The same network before training: the mask is the lottery ticket of the pair."`
	Rewind  bool   `help:"Write the untrained model under the ticket's mask instead of the trained one."`
	maskFlags
	rewriteFlags
}

func (*maskCmd) Help() string {
	return `Examples:

  onnx-rewrite mask model.onnx -o half.onnx --density 0.5
  onnx-rewrite mask model.onnx -o half.onnx --pattern 2:4
  onnx-rewrite mask final.onnx --initial initial.onnx -o ticket.onnx --density 0.2
  onnx-rewrite mask final.onnx --initial initial.onnx --rewind -o rewound.onnx --density 0.2 --criterion movement
  onnx-rewrite mask model.onnx -o sparse.onnx --density 0.1 --scope global --store auto --dead-units`
}

func (c *maskCmd) Run(a *app) error {
	opt := new(passes.MaskOptions)
	if err := fillOptions(opt, c.maskFlags, nil); err != nil {
		return err
	}
	if c.Rewind && c.Initial == "" {
		return hint(errors.New("--rewind needs the untrained model"), "give it with --initial FILE")
	}
	job := rewriteJob{flags: &c.rewriteFlags, path: c.Model}
	if c.Initial != "" {
		other := c.Initial
		if c.Rewind {
			job.path, other = c.Initial, c.Model
			opt.Rewound = true
		}
		m, err := job.opener(a)(other)
		if err != nil {
			return err
		}
		opt.Other = m
	}
	job.passes = []passes.Pass{passes.ApplyMask(*opt)}
	return job.run(a)
}
