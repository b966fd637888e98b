// Package sparsify holds the numerics of sparsification: calibration statistics, scores, masks, expert partitions, routers, refits, lottery
// tickets and keep rules. It knows matrices and slices, no graph and no files of models; package passes applies its results to a graph, and
// sparsify/calib fills Stats by running one.
//
// Weights follow the order of ONNX MatMul: incoming [inputs, n] (Up, Gate), outgoing [n, outputs] (Down); activations are [tokens, n].
// Everything is deterministic: seeds are arguments, ties go to the lower index, and results do not depend on the number of goroutines.
//
//	matrices   Matrix{Rows, Cols, Data}, Matrix64, MatrixOf, T, SelectRows, SelectCols, RowNorms, ColNorms, Complement
//	statistics NewStats(Settings{Model, Data, Numerics, Taps}), NewLeaf/Observe/Add, Merge, Save/LoadStats, Digest,
//	           Tap -> TapStats: Mean, Variance, MeanSquare, AbsMax, FireRate, CoFireCount, Moments, Threshold, Multiplier
//	order      Blocks[T]: merge of anything whose result depends on the set of leaves, not on their order of arrival
//	moments    NewMoments(n, m), Observe, Merge, XX, XY, MeanX, MeanY, Centred
//	scores     MagnitudeScore, EnergyScore, VarianceScore, Score.Keep, KeepCount; GreedyKeep (optimal brain surgeon)
//	refit      Ridge (any features), RefitKeep (keep-set from the Gram matrix alone), MeanRefit; MaskedMean, MaskRows
//	masks      Mask: And, Density, Apply, Fits; MaskTop, MaskPerOutput, MaskNM, MaskGlobal; Magnitudes, WandaScore
//	experts    CoactivationFeatures, WeightFeatures, BalancedKMeans, BalancedAssign, SplitContiguous, SplitRandom, WithShared;
//	           Experts: Sizes, Members, Order, NeuronMask
//	routing    ExpertNorms, FitRouter, Router.Logits, SelectTop, OracleGreedy, Load, Recall, CapturedEnergy, MeanTable
//	keep rules KeepRule.Mask, PooledThreshold, PooledMultiplier, NormalQuantile, AbsScores
//	tickets    TicketMasks, PairScore, IterativeDensities, PruneStep; EliminateDead, EliminateDeadFFN
//
// Formulas and their sources stand at each function.
package sparsify
