package onnxio

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Garbage is a file that a save which did not come to its end left, or that may be one.
type Garbage struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
	Why   string `json:"why"`  // what it is
	Kept  string `json:"kept"` // why it must stay; "": it need not
}

// GCOptions say what GC does.
type GCOptions struct {
	DryRun bool            // find, remove nothing
	Ctx    context.Context // ends the search; nil: nothing does
}

// GC finds, and removes unless it is a dry run, what saves that were killed left in a folder, and returns all of it, in the order of the
// names. That is unfinished files, and data files that no model in the folder names. A data file counts as ours only if its name has the
// form that Save gives and its content has the checksum that the name begins with. Files of a save that is still running stay. So do data
// files that a model names, and all data files while there is a model (*.onnx) in the folder that cannot be read: it may need them.
// Subfolders are not looked into.
func GC(dir string, opt GCOptions) ([]Garbage, error) {
	if opt.Ctx == nil {
		opt.Ctx = context.Background()
	}
	c := collector{disk: osDisk{}, dir: dir, opt: opt}
	return c.run()
}

// Leftovers lists the unfinished files in a folder of saves that were killed. Nothing refers to them, and GC removes them.
func Leftovers(dir string) ([]string, error) {
	c := collector{disk: osDisk{}, dir: dir}
	list, err := c.find()
	var paths []string
	for _, g := range list {
		if g.Kept == "" && isTempName(filepath.Base(g.Path)) {
			paths = append(paths, g.Path)
		}
	}
	return paths, err
}

type collector struct {
	disk disk
	dir  string
	opt  GCOptions
}

func (c *collector) run() ([]Garbage, error) {
	list, err := c.find()
	if err != nil {
		return nil, err
	}
	users, _, err := references(c.disk, c.dir, "")
	if err != nil {
		return nil, err
	}
	for i := range list {
		g := &list[i]
		if name := filepath.Base(g.Path); !isTempName(name) && len(users[name]) == 0 {
			if err := c.hash(g); err != nil {
				return nil, err
			}
		}
	}
	unlock, err := c.disk.lock(c.dir) // no save begins or ends meanwhile
	if err != nil {
		return nil, err
	}
	defer unlock()
	var unread []*fs.PathError
	if users, unread, err = references(c.disk, c.dir, ""); err != nil {
		return nil, err
	}
	var errs []error
	kept := list[:0]
	for _, g := range list {
		name := filepath.Base(g.Path)
		if isTempName(name) {
			if g.Kept == "" && inUse(g.Path) {
				g.Kept = runningSave
			}
		} else if len(users[name]) > 0 {
			continue // no garbage
		} else if len(unread) > 0 && g.Kept == "" {
			g.Kept = fmt.Sprintf("%s cannot be read, and may need it: repair or move that first", filepath.Base(unread[0].Path))
		}
		if g.Kept == "" && !c.opt.DryRun {
			if err := c.disk.remove(g.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
				g.Kept = err.Error()
			}
		}
		kept = append(kept, g)
	}
	return kept, errors.Join(errs...)
}

const runningSave = "of a save that is running"

// find lists the files whose names say that they are ours.
func (c *collector) find() ([]Garbage, error) {
	entries, err := c.disk.list(c.dir)
	if err != nil {
		return nil, err
	}
	list := []Garbage{}
	for _, e := range entries {
		name := e.Name()
		temp := isTempName(name)
		if !e.Type().IsRegular() || !temp && ownHash(name) == "" {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		g := Garbage{Path: filepath.Join(c.dir, name), Bytes: info.Size(), Why: "data file that no model in the folder names"}
		if temp {
			g.Why = "unfinished file of a save that was ended"
			if inUse(g.Path) {
				g.Kept = runningSave
			}
		}
		list = append(list, g)
	}
	return list, nil
}

// hash keeps a data file whose content is not what its name says.
func (c *collector) hash(g *Garbage) error {
	f, err := os.Open(g.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		g.Kept = err.Error()
		return nil
	}
	defer f.Close()
	h := sha1.New()
	buf := make([]byte, copyChunk)
	for {
		if err := c.opt.Ctx.Err(); err != nil {
			return err
		}
		n, err := f.Read(buf)
		h.Write(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			g.Kept = err.Error()
			return nil
		}
	}
	if !strings.HasPrefix(hex.EncodeToString(h.Sum(nil)), ownHash(filepath.Base(g.Path))) {
		g.Kept = "its content is not what its name says, so it may be anybody's: look at it and remove it yourself"
	}
	return nil
}
