package main

import (
	"fmt"
	"os"

	"github.com/onnx-rewrite/onnx-rewrite/onnxio"
)

type gcCmd struct {
	Dir []string `arg:"" optional:"" help:"The folders; without any the current one."`
	Yes bool     `short:"y" help:"Remove the files. Without it they are only listed."`
	jsonFlag
}

func (*gcCmd) Help() string {
	return `Examples:

  onnx-rewrite gc                        list what killed saves left in the current folder
  onnx-rewrite gc models -y              remove it

A save that is killed can leave an unfinished file (.NAME.onnx-rewrite-HEX), or a data file (NAME-HASH.data) that no model in the folder names. The model at the save's path is whole all the same. Data files count as ours only if their content has the hash that is in their name. The files of a save that is running stay, and so do all data files while a model in the folder cannot be read, because it may need them. Subfolders are not looked into.`
}

// gcResult is what the verb reports.
type gcResult struct {
	Removed bool             `json:"removed"` // else nothing was touched
	Files   []onnxio.Garbage `json:"files"`
	Bytes   int64            `json:"bytes"` // of the files that are, or can be, removed
}

func (c *gcCmd) Run(a *app) error {
	dirs := c.Dir
	if len(dirs) == 0 {
		dirs = []string{"."}
	}
	res := gcResult{Removed: c.Yes, Files: []onnxio.Garbage{}}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			return hint(err, "give the folder that the models are in")
		}
		if !info.IsDir() {
			return hint(fmt.Errorf("%s is no folder", dir), "give the folder that the models are in")
		}
		list, err := onnxio.GC(dir, onnxio.GCOptions{DryRun: !c.Yes, Ctx: a.ctx})
		res.Files = append(res.Files, list...)
		if err != nil {
			return fmt.Errorf("gc %s: %w", dir, err)
		}
	}
	n := 0
	for _, g := range res.Files {
		if g.Kept == "" {
			n++
			res.Bytes += g.Bytes
		}
	}
	if c.JSON {
		return a.printJSON(res)
	}
	t := newTable("", "file", ">size", "what it is", "stays because")
	for _, g := range res.Files {
		t.AppendRow([]any{g.Path, bytesText(g.Bytes), g.Why, g.Kept})
	}
	printTable(a.out, t)
	switch {
	case n == 0:
		a.printf("nothing to remove\n")
	case c.Yes:
		a.printf("removed %s, %s\n", plural(n, "file"), bytesText(res.Bytes))
	default:
		a.printf("%s, %s can be removed: onnx-rewrite gc --yes\n", plural(n, "file"), bytesText(res.Bytes))
	}
	return nil
}
