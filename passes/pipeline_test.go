package passes

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefaultKeepsItsOrder(t *testing.T) {
	at := func(name string) int {
		i := slices.IndexFunc(Default, func(p Pass) bool { return p.Name == name })
		require.NotEqual(t, -1, i, "%s is not in Default", name)
		return i
	}
	for _, rule := range before {
		require.Less(t, at(rule.first), at(rule.second), "%s comes before %s: %s", rule.first, rule.second, rule.because)
		require.NotEmpty(t, rule.because)
	}
}
