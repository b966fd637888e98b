package passes

import "fmt"

// Default is the clean-up that every model may get. It changes no number beyond rounding.
var Default = Pipeline{
	{Name: "infer-types", Run: inferTypes, Doc: "fill element types and shapes"},
	{Name: "fold-constants", Run: foldConstants, Doc: "evaluate nodes with constant inputs"},
	{Name: "identity", Run: removeIdentities, Doc: "drop Identity, Dropout and casts that change nothing"},
	{Name: "dead-code", Run: deadCode, Doc: "drop nodes, initializers and functions that nothing uses"},
}

// before lists what must come before what, and why; a test checks Default against it.
var before = []struct{ first, second, because string }{
	{"infer-types", "fold-constants", "folding asks for types to know which casts are void"},
	{"fold-constants", "identity", "a folded Shape chain leaves Identity nodes behind"},
	{"identity", "dead-code", "identities leave values without use"},
}

// Named is the pass of that name among the defaults and the rewrites with their default options.
func Named(name string) (Pass, error) {
	for _, p := range append(append(Pipeline{}, Default...), Rewrites()...) {
		if p.Name == name {
			return p, nil
		}
	}
	return Pass{}, fmt.Errorf("no pass is called %q", name)
}
