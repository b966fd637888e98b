package layout

import (
	"fmt"
	"strings"
)

// parseTable reads docs/imports.txt: package | of ours | from outside | job. Every name of ours must have a row.
func parseTable(text string) (map[string]allowed, error) {
	table := map[string]allowed{}
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		cells := strings.Split(line, "|")
		if len(cells) != 4 {
			return nil, fmt.Errorf("line %d has %d cells, want 4", i+1, len(cells))
		}
		names := func(cell string) []string {
			list := strings.Fields(cell)
			if len(list) == 1 && list[0] == "-" {
				return nil
			}
			return list
		}
		name := strings.TrimSpace(cells[0])
		if _, twice := table[name]; twice {
			return nil, fmt.Errorf("line %d: %s has a row already", i+1, name)
		}
		row := allowed{ours: names(cells[1]), outside: names(cells[2]), testsOnly: strings.HasPrefix(strings.TrimSpace(cells[3]), "tests only")}
		if len(row.ours) == 1 && row.ours[0] == "any" {
			row.ours, row.any = nil, true
		}
		table[name] = row
	}
	for name, row := range table {
		for _, dep := range row.ours {
			if _, ok := table[dep]; !ok {
				return nil, fmt.Errorf("%s may import %s, but %s has no row", name, dep, dep)
			}
		}
	}
	return table, nil
}
