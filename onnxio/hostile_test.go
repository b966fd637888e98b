package onnxio

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostile is external_data that no reader may follow.
type hostile struct {
	why  string // a part of the error
	keys []string
}

// hostileTexts are locations that their text condemns, by the rules of any system, on every system.
var hostileTexts = map[string][]string{
	"outside of the model's folder": {
		"../secret", "sub/../../secret", "./../secret", "sub/..", "..", "../model/w", "sub/./../../secret", "../../../../../../etc/passwd",
		"/etc/passwd", "//host/share", "/proc/self/mem", "/dev/zero", "/dev/stdin", "C:/secret", "c:secret", "c:", "Z:w",
	},
	"backslash":   {`..\secret`, `\secret`, `\\host\share`, `\\?\C:\secret`, `\\.\pipe\x`, `C:\secret`, `sub\..\..\secret`, `sub\w`},
	"has a colon": {"file:///etc/passwd", "https://example.com/w", "sub/w:stream", "ww::$DATA", ":w", "sub:$I30:$INDEX_ALLOCATION/w", "sub/C:/w", "sub:w"},
	"is a device on Windows": {
		"CON", "nul", "PRN", "Aux", "COM1", "com9.data", "LPT1", "lpt9.bin", "NUL.tar.gz", "sub/CON", "CON/w", "CONIN$", "conout$", "COM¹", "LPT³.x", "COM0", "nul .txt",
	},
	"drops a dot or a space":  {"w.", "w ", "sub /w", "sub./w", "...", ".. /secret", "secret. .", "w . "},
	"has a zero byte":         {"w\x00", "..\x00/w", "\x00", "w\x00.data"},
	"has a control character": {"w\n", "w\x1b[2J", "\tw", "w\x7f", "sub/\rw"},
	"is not UTF-8":            {"w\xff", "\xc0\xae\xc0\xae/secret", "\xed\xa0\x80"},
	"is empty":                {""},
	"ends in a slash":         {"w/", "sub/", "/", "./"},
	"no such file": { // names like any other, which nothing decodes
		"missing", "sub/missing", "missing/w", "%2e%2e/secret", "..%2fsecret", "%2e%2e%2fsecret", "．．/secret", "․․/secret", "‥/secret", "..∕secret", "..／secret",
		"..⁄secret", "~/secret", "$HOME/secret", "%USERPROFILE%/secret", "`id`", "w|id", "\u202ew", "w\u200b", "ｗ",
	},
	"name too long":             {strings.Repeat("x", 300), "sub/" + strings.Repeat("ü", 200)},
	"more than a path may have": {strings.Repeat("y/", 3000) + "w", strings.Repeat("x", 5000)},
}

// hostileNumbers are places in the file w of 64 bytes where no 16 bytes can be, and keys that are not what the format says.
var hostileNumbers = []hostile{
	{"too few for 16 at offset 49", []string{"location", "w", "offset", "49"}},
	{"too few for 16 at offset 65", []string{"location", "w", "offset", "65"}},
	{"too few for 16 at offset 9223372036854775807", []string{"location", "w", "offset", "9223372036854775807", "length", "16"}},
	{"too few for 16 at offset 9223372036854775800", []string{"location", "w", "offset", "9223372036854775800"}},
	{"4 bytes, too few for 16", []string{"location", "short"}},
	{"0 bytes, too few for 16", []string{"location", "empty"}},
	{"needs 16 bytes, has 17", []string{"location", "w", "length", "17"}},
	{"needs 16 bytes, has 15", []string{"location", "w", "length", "15"}},
	{"needs 16 bytes, has 0", []string{"location", "w", "length", "0"}},
	{"too few for 9223372036854775807", []string{"location", "w", "length", "9223372036854775807"}},
	{"too few for 9223372036854775807", []string{"location", "w", "offset", "9223372036854775807", "length", "9223372036854775807"}},
	{"fits 63 bits", []string{"location", "w", "offset", "9223372036854775808"}},
	{"fits 63 bits", []string{"location", "w", "offset", "18446744073709551600"}},
	{"fits 63 bits", []string{"location", "w", "length", "99999999999999999999999"}},
	{`"-1" is not a whole number`, []string{"location", "w", "offset", "-1"}},
	{`"-16" is not a whole number`, []string{"location", "w", "length", "-16"}},
	{`"+1" is not a whole number`, []string{"location", "w", "offset", "+1"}},
	{`"1e3" is not a whole number`, []string{"location", "w", "length", "1e3"}},
	{`"1.0" is not a whole number`, []string{"location", "w", "offset", "1.0"}},
	{`"0x10" is not a whole number`, []string{"location", "w", "length", "0x10"}},
	{`"016" is not a whole number`, []string{"location", "w", "length", "016"}},
	{`" 16" is not a whole number`, []string{"location", "w", "length", " 16"}},
	{`"16 " is not a whole number`, []string{"location", "w", "length", "16 "}},
	{`"16\x00" is not a whole number`, []string{"location", "w", "length", "16\x00"}},
	{`"1_6" is not a whole number`, []string{"location", "w", "length", "1_6"}},
	{`"١٦" is not a whole number`, []string{"location", "w", "length", "١٦"}},
	{`"" is not a whole number`, []string{"location", "w", "offset", ""}},
	{`gives location twice: "w" and "short"`, []string{"location", "w", "location", "short"}},
	{"gives location twice", []string{"location", "w", "location", "w"}},
	{"gives offset twice", []string{"location", "w", "offset", "0", "offset", "4"}},
	{"gives length twice", []string{"location", "w", "length", "16", "length", "32"}},
	{"gives checksum twice", []string{"location", "w", "checksum", "a", "checksum", "b"}},
	{`the key "__class__"`, []string{"location", "w", "__class__", "x"}},
	{`the key "Location"`, []string{"location", "w", "Location", "short"}},
	{`the key "location "`, []string{"location", "w", "location ", "short"}},
	{`the key ""`, []string{"location", "w", "", "x"}},
	{`the key "prepacked_0"`, []string{"location", "w", "prepacked_0", "x|0|16|0"}},
	{`the basepath "/etc"`, []string{"location", "w", "basepath", "/etc"}},
	{`the basepath ".."`, []string{"location", "w", "basepath", ".."}},
	{`the basepath "sub"`, []string{"location", "w", "basepath", "sub"}},
	{"is empty", []string{"offset", "0"}},
	{"is empty", nil},
}

// hostileFolder makes a folder with a model's data files, a secret outside, and what may lead there. It returns the model's folder and
// the locations that this system can try.
func hostileFolder(t *testing.T) (dir string, cases []hostile) {
	base := t.TempDir()
	dir = filepath.Join(base, "model")
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o777))
	require.NoError(t, os.MkdirAll(filepath.Join(base, "other"), 0o777))
	for p, n := range map[string]int{"secret": 64, "other/w": 64, "model/w": 64, "model/sub/w": 64, "model/a b": 64, "model/short": 4, "model/empty": 0} {
		require.NoError(t, os.WriteFile(filepath.Join(base, filepath.FromSlash(p)), make([]byte, n), 0o666))
	}
	for why, list := range hostileTexts {
		for _, loc := range list {
			cases = append(cases, hostile{why, []string{"location", loc}})
		}
	}
	cases = append(cases, hostileNumbers...)
	add := func(why string, list ...string) {
		for _, loc := range list {
			cases = append(cases, hostile{why, []string{"location", loc}})
		}
	}
	add("outside", filepath.ToSlash(filepath.Join(base, "secret")), filepath.ToSlash(filepath.Join(dir, "w")))
	add("not a regular file", ".", "sub", "sub/.")
	add("not a directory", "w/w", "sub/w/x")
	if _, err := os.Stat(filepath.Join(dir, "W")); err != nil { // names differ by case here
		add("no such file", "W", "SUB/w", "Short")
	}
	links := map[string]string{
		"out": "../secret", "abs": filepath.Join(base, "secret"), "up": "..", "loop": "loop", "ping": "pong", "pong": "ping", "chain": "sub/step", "sub/step": "../../secret",
		"elsewhere": "../other", "back": "../model/w", "zero": "/dev/zero", "mem": "/proc/self/mem", "root": "/", "toFolder": "sub", "dangling": "nothing",
	}
	for name, target := range links {
		if err := os.Symlink(filepath.FromSlash(target), filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			t.Logf("no links here: %v", err)
			links = nil
			break
		}
	}
	if links != nil {
		add("escapes", "out", "abs", "up/secret", "up/model/w", "chain", "sub/step", "elsewhere/w", "back", "zero", "mem", "root/etc/passwd")
		add("not a regular file", "toFolder")
		add("no such file", "dangling")
		add("", "loop", "ping", "loop/w")
	}
	if os.Link(filepath.Join(base, "secret"), filepath.Join(dir, "hard")) == nil {
		add("hard links", "hard", "./hard")
		if os.Symlink("hard", filepath.Join(dir, "toHard")) == nil {
			add("hard links", "toHard")
		}
	}
	return dir, append(cases, hostileFiles(t, dir)...)
}

// What leads out of the model's folder, is no plain file, or says impossible places is refused wherever the tensor stands in the model,
// with an error that names the tensor and the reason.
func TestHostileExternalData(t *testing.T) {
	dir, cases := hostileFolder(t)
	require.Greater(t, len(cases), 60)
	refused := 0
	for carrier, build := range carriers {
		for _, c := range cases {
			data := build(refer(c.keys...))
			m, err := Load(writeModel(t, dir, data), LoadOptions{})
			require.Error(t, err, "%s: %q", carrier, c.keys)
			require.Nil(t, m)
			require.ErrorContains(t, err, c.why, "%s: %q", carrier, c.keys)
			require.ErrorContains(t, err, `tensor "w"`)
			refused++
		}
	}
	for _, c := range cases {
		_, err := Decode(carriers["initializer"](refer(c.keys...)), LoadOptions{})
		require.ErrorContains(t, err, `tensor "w"`, "from memory: %q", c.keys)
		refused++
	}
	t.Logf("%d hostile cases refused: %d of external data in %d places of a model, and from memory", refused, len(cases), len(carriers))
	require.GreaterOrEqual(t, refused, 420)
}

// The options that forbid external data, and a model without a folder, hold for every place where a tensor can stand.
func TestNoExternalData(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "w"), make([]byte, 64), 0o666))
	t.Chdir(dir)
	for carrier, build := range carriers {
		data := build(refer("location", "w"))
		path := writeModel(t, dir, data)
		_, err := Load(path, LoadOptions{External: ExternalRefuse})
		require.ErrorIs(t, err, ErrRefused, carrier)
		require.ErrorContains(t, err, `tensor "w"`, carrier)
		_, err = Decode(data, LoadOptions{})
		require.ErrorContains(t, err, "no folder", "%s: the working folder is not the model's", carrier)
		require.ErrorContains(t, err, `tensor "w"`, carrier)
		_, err = Decode(data, LoadOptions{ExternalRoot: dir, HardLinks: true})
		require.ErrorContains(t, err, "no folder", carrier)
		m, err := Decode(data, LoadOptions{External: ExternalSkip})
		require.NoError(t, err)
		require.Equal(t, []string{"w"}, Locations(m), carrier)
		require.ErrorContains(t, Save(m, filepath.Join(dir, "o.onnx"), SaveOptions{}), "not loaded", carrier)
		m, err = Load(path, LoadOptions{})
		require.NoError(t, err, carrier)
		require.NoError(t, m.Close())
	}
}

// The rules of names are the same on every system: what one of them reads in another way is refused on all, and nothing else is.
func TestLocationNames(t *testing.T) {
	for why, list := range hostileTexts {
		if why == "no such file" || why == "name too long" {
			continue // plain names
		}
		for _, loc := range list {
			require.ErrorContains(t, checkLocation(loc), why, "%q", loc)
		}
	}
	for _, loc := range append(hostileTexts["no such file"],
		"w", "a/b/c", "./w", "a//b", ".hidden", "..w", "w..bin", "a b", "COM10", "COM", "console", "nul1", "lptx.bin", "aux_weights", "communication/w", "COMA",
		"onnx__MatMul_1", "model.onnx.data", "模型/веса é", "w#1%20&(2)[3]{4}~'!@,;=+`^$") {
		require.NoError(t, checkLocation(loc), "%q", loc)
	}
	require.ErrorContains(t, checkLocation("model.layers.0.weight."), "drops a dot")
}
