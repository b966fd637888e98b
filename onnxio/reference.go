package onnxio

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/onnx-rewrite/onnx-rewrite/graph/tensor"
)

// reference is what external_data says.
type reference struct {
	location       string
	offset, length int64
	hasLength      bool
	checksum       string
}

// externalKeys are the keys that external_data may have (onnx.proto, TensorProto; the onnx loader takes no others).
var externalKeys = map[string]bool{"location": true, "offset": true, "length": true, "checksum": true, "basepath": true}

// parseReference reads external_data. odd is what a careful reader refuses and a lenient one can ignore: keys that are not known or given
// twice, and a basepath. The onnx loader ignores basepath, ONNX Runtime refuses it, and who joins it to the location reads another file:
// only one that changes nothing means the same to all. outside says that a location may lead out of the model's folder, for the caller
// to hold against another.
func parseReference(list []tensor.KeyValue, outside bool) (r reference, odd []string, err error) {
	seen := map[string]string{}
	for _, kv := range list {
		old, twice := seen[kv.Key]
		switch {
		case !externalKeys[kv.Key]:
			odd = append(odd, fmt.Sprintf("external_data has the key %s, which the format does not know", quote(kv.Key)))
			continue
		case twice && old != kv.Value:
			return r, odd, fmt.Errorf("external_data gives %s twice: %s and %s", kv.Key, quote(old), quote(kv.Value))
		case twice:
			odd = append(odd, fmt.Sprintf("external_data gives %s twice", kv.Key))
			continue
		}
		seen[kv.Key] = kv.Value
		switch kv.Key {
		case "location":
			r.location = kv.Value
		case "offset":
			r.offset, err = parseSize(kv.Value)
		case "length":
			r.length, err = parseSize(kv.Value)
			r.hasLength = true
		case "checksum":
			r.checksum = kv.Value
		case "basepath":
			if kv.Value != "" && kv.Value != "." {
				odd = append(odd, fmt.Sprintf("external_data has the basepath %s, of which readers make different files", quote(kv.Value)))
			}
		}
		if err != nil {
			return r, odd, fmt.Errorf("external_data %s: %w", kv.Key, err)
		}
	}
	err = checkNames(r.location)
	if err == nil && !outside {
		err = checkLocal(r.location)
	}
	if err != nil {
		return r, odd, fmt.Errorf("external_data location %s: %w", quote(r.location), err)
	}
	return r, odd, nil
}

// parseSize reads a number as all readers do: digits only, and no leading zero, which some take for octal.
func parseSize(s string) (int64, error) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, fmt.Errorf("%s is not a whole number", quote(s))
		}
	}
	if len(s) > 1 && s[0] == '0' {
		return 0, fmt.Errorf("%s is not a whole number: it begins with a zero", quote(s))
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is not a whole number that fits 63 bits", quote(s))
	}
	return n, nil
}

// checkLocation refuses what is not a plain relative path inside a folder. Links are the business of os.Root.
func checkLocation(loc string) error {
	if err := checkNames(loc); err != nil {
		return err
	}
	return checkLocal(loc)
}

// maxPath is the most bytes that a path can have on Linux, the system that allows most.
const maxPath = 4096

// quote is %q of a text that may be as long as the file allows: of a long one, the beginning.
func quote(s string) string {
	const most = 120
	if len(s) <= most {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%q... (%d bytes)", s[:most], len(s))
}

// checkNames refuses names that mean something else on some system, by the rules of all at once, so that a model is as safe on one as on
// another.
func checkNames(loc string) error {
	switch {
	case loc == "":
		return errors.New("is empty")
	case len(loc) > maxPath:
		return fmt.Errorf("has %d bytes, more than a path may have", len(loc))
	case strings.ContainsRune(loc, 0):
		return errors.New("has a zero byte")
	case !utf8.ValidString(loc):
		return errors.New("is not UTF-8")
	case strings.ContainsFunc(loc, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return errors.New("has a control character")
	case strings.ContainsRune(loc, '\\'):
		return errors.New("has a backslash; the separator is /")
	case len(loc) > 1 && loc[1] == ':':
		return fmt.Errorf("has a drive: %w", ErrOutside)
	case strings.ContainsRune(loc, ':'):
		return errors.New("has a colon, which on Windows names a stream inside another file")
	case strings.HasSuffix(loc, "/"):
		return errors.New("ends in a slash, so it names a folder")
	}
	for _, part := range strings.Split(loc, "/") {
		switch {
		case part == "." || part == "..":
		case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
			return fmt.Errorf("has %s, and Windows drops a dot or a space at the end of a name", quote(part))
		case isDevice(part):
			return fmt.Errorf("has %s, which is a device on Windows", quote(part))
		}
	}
	return nil
}

// isDevice reports whether Windows reads the name as that of a device, whatever extension it has.
func isDevice(name string) bool {
	name, _, _ = strings.Cut(name, ".")
	name = strings.ToUpper(strings.TrimRight(name, " "))
	if slices.Contains([]string{"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}, name) {
		return true
	}
	for _, port := range []string{"COM", "LPT"} {
		if digit, ok := strings.CutPrefix(name, port); ok && utf8.RuneCountInString(digit) == 1 && strings.Contains("0123456789¹²³", digit) {
			return true
		}
	}
	return false
}

// checkLocal refuses what leads out of the folder by its text.
func checkLocal(loc string) error {
	if path.IsAbs(loc) || filepath.IsAbs(loc) {
		return fmt.Errorf("is absolute: %w", ErrOutside)
	}
	if slices.Contains(strings.Split(loc, "/"), "..") {
		return fmt.Errorf("has ..: %w", ErrOutside)
	}
	if !filepath.IsLocal(filepath.FromSlash(loc)) {
		return errors.New("is not a path inside the model's folder")
	}
	return nil
}
