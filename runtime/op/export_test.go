package op

// LimitTensors bounds the results of a test's nodes, and returns what was before.
func LimitTensors(n int64) int64 {
	old := maxTensorBytes
	maxTensorBytes = n
	return old
}
