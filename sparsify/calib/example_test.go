package calib_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
	"github.com/onnx-rewrite/onnx-rewrite/passes"
	"github.com/onnx-rewrite/onnx-rewrite/runtime"
	"github.com/onnx-rewrite/onnx-rewrite/sparsify/calib"
	"github.com/onnx-rewrite/onnx-rewrite/testmodels/demo"
)

// Load a model, keep the tenth of the hidden values that is strongest for each token, run the result, save it.
func Example() {
	leave := inFolderWithModel()
	defer leave()

	// README: the lines from here on stand there, too.
	m, err := onnxio.Load("model.onnx", onnxio.LoadOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	data, err := calib.Open(m, []string{"calib_ids.npy"}, calib.Options{})
	if err != nil {
		log.Fatal(err)
	}
	env := calib.NewEnv(m, data)
	sparse, _, err := passes.Apply(env, m,
		passes.PruneNeurons(passes.PruneOptions{Keep: 0.75}),
		passes.TopKFFN(passes.TopKOptions{Keep: 0.1}))
	if err != nil {
		log.Fatal(err)
	}
	for _, row := range env.Report.Rows {
		fmt.Println(row.Pass, row.Status, row.Reason, row.FLOPsBefore, "->", row.FLOPsAfter, "FLOPs per token")
	}

	session, err := runtime.Compile(sparse, runtime.Options{Threads: 2})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	ids := tensor.Of([]int64{20, 43, 50, 50, 53}, 1, 5)
	out, err := session.Run(context.Background(), runtime.Feeds{"input_ids": ids})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("logits", out["logits"].Shape)

	if err := onnxio.Save(sparse, "sparse.onnx", onnxio.SaveOptions{}); err != nil {
		log.Fatal(err)
	}
	// README ends.

	// Output:
	// prune-neurons fired  147456 -> 110592 FLOPs per token
	// prune-neurons fired  147456 -> 110592 FLOPs per token
	// prune-neurons fired  147456 -> 110592 FLOPs per token
	// topk-ffn fired  110592 -> 60864 FLOPs per token
	// topk-ffn fired  110592 -> 60864 FLOPs per token
	// topk-ffn fired  110592 -> 60864 FLOPs per token
	// logits [1 5 65]
}

// inFolderWithModel enters a new folder that holds the demo's model and calibration data.
func inFolderWithModel() (leave func()) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	before, err := os.Getwd()
	if err != nil {
		log.Fatal(err)
	}
	if err := os.Chdir(dir); err != nil {
		log.Fatal(err)
	}
	m, err := demo.Trained()
	if err != nil {
		log.Fatal(err)
	}
	if err := onnxio.Save(m, "model.onnx", onnxio.SaveOptions{}); err != nil {
		log.Fatal(err)
	}
	if err := onnxio.WriteNPY("calib_ids.npy", demo.Calib()); err != nil {
		log.Fatal(err)
	}
	return func() {
		if err := os.Chdir(before); err != nil {
			log.Fatal(err)
		}
		os.RemoveAll(dir)
	}
}
