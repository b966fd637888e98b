package passes

// Rewrites lists the rewrites with their default options, for lists and help texts.
func Rewrites() Pipeline {
	return Pipeline{PruneNeurons(PruneOptions{}), TopKFFN(TopKOptions{}), SplitExperts(MoEOptions{}), ApplyMask(MaskOptions{})}
}
