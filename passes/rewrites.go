package passes

// Rewrites lists the rewrites with their default options, for lists and help texts.
func Rewrites() Pipeline {
	return Pipeline{
		{Name: "inline", Run: inlineFunctions, Opt: true, Doc: "replace calls of functions by their nodes, sparse blocks excepted"},
		PruneNeurons(PruneOptions{}), TopKFFN(TopKOptions{}), SplitExperts(MoEOptions{}), ApplyMask(MaskOptions{}),
	}
}
