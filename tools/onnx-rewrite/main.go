package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	knobs "github.com/onnx-rewrite/onnx-rewrite/graph/debug"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/runtime/kernel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{ctx: ctx, out: os.Stdout, err: os.Stderr, env: os.Getenv(knobs.Env)}
	go leaveSoon(ctx, &a.saving)
	os.Exit(a.run(os.Args[1:]))
}

// leaveSoon ends the process within a second of a signal, wherever a computation is. A save in progress stops by itself and cleans up.
func leaveSoon(ctx context.Context, saving *atomic.Int32) {
	<-ctx.Done()
	time.Sleep(700 * time.Millisecond)
	for saving.Load() > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	fmt.Fprintln(os.Stderr, "onnx-rewrite: interrupted")
	os.Exit(exitInterrupted)
}

// commands are the verbs.
type commands struct {
	Demo        demoCmd          `cmd:"" help:"The main job in one command: rewrite a small trained model four ways, check, measure."`
	Inspect     inspectCmd       `cmd:"" help:"Show what a model holds: inputs, outputs, sizes, operators, feed-forward blocks, possible savings."`
	Check       checkCmd         `cmd:"" help:"Find what is wrong in a model, and what other tools will trip over."`
	Text        textCmd          `cmd:"" help:"Print a model as text."`
	Build       buildCmd         `cmd:"" help:"Make a model from text."`
	Diff        diffCmd          `cmd:"" help:"Show how two models differ: structure, attributes, weights with statistics, metadata."`
	Extract     extractCmd       `cmd:"" help:"Cut a part out of a model by the names of its values."`
	Set         setCmd           `cmd:"" help:"Set metadata, names of values and dimensions."`
	Convert     convertCmd       `cmd:"" help:"Convert a model to another opset, up or down."`
	External    externalCmd      `cmd:"" help:"Move weights into a data file beside the model."`
	Embed       embedCmd         `cmd:"" help:"Move weights from data files into the model."`
	Gc          gcCmd            `cmd:"" help:"List and remove what killed saves left in a folder."`
	Strip       stripCmd         `cmd:"" help:"Leave the weights out of a model, to share it without them."`
	Refill      refillCmd        `cmd:"" help:"Put the weights back that strip left out, found by hash in another model."`
	Run         runCmd           `cmd:"" help:"Run a model on recorded, given or random inputs, and compare with recorded outputs."`
	Conformance conformanceCmd   `cmd:"" help:"Run tests in the form of the ONNX backend test suite."`
	Rewrite     rewriteCmd       `cmd:"" help:"Apply passes to a model and write the result."`
	Prune       pruneCmd         `cmd:"" help:"Remove the hidden neurons that contribute least."`
	Topk        topkCmd          `cmd:"" help:"Keep only some hidden values of each token."`
	Moe         moeCmd           `cmd:"" help:"Cut feed-forward blocks into experts with a router."`
	Mask        maskCmd          `cmd:"" help:"Zero weights by magnitude or as a lottery ticket."`
	Calibrate   calibrateCmd     `cmd:"" help:"Gather statistics of hidden values over data, in files that merge."`
	Verify      verifyCmd        `cmd:"" help:"Compare two models on data: statistics for each output, first diverging value."`
	Eval        evalCmd          `cmd:"" help:"Measure quality: perplexity of a language model, accuracy of a classifier."`
	Bench       benchCmd         `cmd:"" help:"Measure latency and memory, alone or against another model."`
	Passes      passesCmd        `cmd:"" help:"List the passes and their options."`
	Ops         opsCmd           `cmd:"" help:"List the operators and which versions run."`
	Knobs       knobsCmd         `cmd:"" help:"List the debug switches of ONNXDEBUG."`
	Load        loadFlags        `embed:""`
	Version     kong.VersionFlag `short:"V" help:"Print the version and leave."`
}

const description = `Rewrites ONNX models into sparse ones, runs them, and measures what it cost and gained.

Start with:

  onnx-rewrite demo                      the whole path on a model that is built in
  onnx-rewrite inspect model.onnx        what is in a model and what could be saved
  onnx-rewrite VERB --help               each verb teaches by example

Exit codes: 0 fine, 1 a check failed or nothing was changed, 2 bad usage or bad input.`

// app is what every verb gets: where to write, when to stop, and the debug knobs.
type app struct {
	ctx    context.Context
	out    io.Writer // of what is shown: run makes it a visibleWriter
	plain  io.Writer // the same as it is, for text that another program reads
	err    io.Writer
	env    string // of ONNXDEBUG
	knobs  knobs.Knobs
	read   onnxio.LoadOptions // what the command line says about reading models
	saving atomic.Int32       // saves in progress
}

// leave carries an exit code out of kong's help and version flags.
type leave int

// run executes the command line and returns the exit code.
func (a *app) run(args []string) (code int) {
	defer func() {
		if r := recover(); r != nil {
			l, ok := r.(leave)
			if !ok {
				panic(r)
			}
			code = int(l)
		}
	}()
	a.plain, a.out = a.out, &visibleWriter{w: a.out}
	var c commands
	parser, err := kong.New(&c, kong.Name("onnx-rewrite"), kong.Description(description), kong.Writers(a.out, a.err),
		kong.Exit(func(code int) { panic(leave(code)) }), kong.Vars{"version": version(), "limits": limitNames()},
		kong.ExplicitGroups([]kong.Group{{Key: "load", Title: loadGroup}}),
		kong.ConfigureHelp(kong.HelpOptions{NoExpandSubcommands: true, WrapUpperBound: 130, NoAppDescFormat: true, Compact: true}))
	if err != nil {
		return a.fail(err)
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	k, err := parser.Parse(args)
	if err != nil {
		return a.fail(usageError(err, args))
	}
	if a.knobs, err = knobs.Parse(a.env); err != nil {
		return a.fail(hint(fmt.Errorf("%s: %w", knobs.Env, err), "see onnx-rewrite knobs"))
	}
	if a.read, err = c.Load.options(); err != nil {
		return a.fail(err)
	}
	restore, err := useLevel(a.knobs.Level)
	if err != nil {
		return a.fail(err)
	}
	defer restore()
	return a.fail(k.Run(a))
}

func useLevel(name string) (restore func(), err error) {
	if name == "" {
		return func() {}, nil
	}
	for _, l := range kernel.Levels() {
		if l.String() == name {
			return kernel.SetLevel(l), nil
		}
	}
	return nil, hint(fmt.Errorf("level=%s is not available on this machine", name), fmt.Sprintf("it has %v", kernel.Levels()))
}

// usageError adds the verb's help to what kong says.
func usageError(err error, args []string) error {
	verb := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		verb = args[0] + " "
	}
	if strings.HasPrefix(err.Error(), "unexpected argument "+strings.TrimSpace(verb)) {
		verb = ""
	}
	return hint(err, "see onnx-rewrite "+verb+"--help")
}

func version() string {
	v := "devel"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && v == "devel" {
				v += " " + s.Value[:min(12, len(s.Value))]
			}
		}
		v += " " + info.GoVersion
	}
	return "onnx-rewrite " + v + " " + kernel.ActiveLevel().String()
}

// fail prints the error and turns it into the exit code.
func (a *app) fail(err error) int {
	switch {
	case err == nil:
		return exitFine
	case a.ctx.Err() != nil:
		fmt.Fprintln(a.err, "onnx-rewrite: interrupted")
		return exitInterrupted
	}
	a.errorf("onnx-rewrite: %v\n", err)
	var f *failedError
	if errors.As(err, &f) {
		return exitFailed
	}
	return exitUsage
}
