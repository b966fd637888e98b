package op

// IndexTable builds the index of the schema table anew.
func IndexTable() {
	if _, err := indexTable(schemaText); err != nil {
		panic(err)
	}
}

// Panics is how often a rule of this inference panicked.
func (e *Env) Panics() int { return e.run.panics }

// Run is Infer in a given environment.
func (e *Env) Run() InferReport {
	e.inferGraph(e.run.model.Graph)
	return e.run.report
}

// RuleKeys lists the operators that have a rule.
func RuleKeys() []Key {
	var keys []Key
	for k := range rules() {
		keys = append(keys, k)
	}
	return keys
}
