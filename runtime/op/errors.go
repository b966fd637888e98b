package op

import "errors"

// ErrUnsupported is the cause of a refusal that only the values of a run can show, such as Dropout asked to train.
var ErrUnsupported = errors.New("not supported")

var errTraining = refusal("training mode")

type refused struct{ what string }

func refusal(what string) error { return &refused{what} }

func (e *refused) Error() string { return e.what + " is not supported" }

// Is makes errors.Is(err, ErrUnsupported) hold.
func (e *refused) Is(target error) bool { return target == ErrUnsupported }
