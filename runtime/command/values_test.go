package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/backends"
	"github.com/berth-oci/berth/backends/crun"
)

func TestMemorySize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"0": 0, "-1": -1, "1": 1, "1b": 1, "1B": 1, "1k": 1 << 10, "1K": 1 << 10, "1kb": 1 << 10, "1KiB": 1 << 10, "64m": 64 << 20, "2 g": 2 << 30,
		"1.5g": 3 << 29, "3T": 3 << 40, "1p": 1 << 50, "0.5k": 512, "8191p": 8191 << 50, "9223372036854775807": 1<<63 - 1, "1e3": 1000,
	} {
		if got, err := memorySize(text); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "k", "-2", "-1k", "1x", "1kk", "1ki", "1bi", "1mbit", "m1", "1 2", "much", "nan", "NaN", "inf", "-inf", "8192p", "9223372036854775808", "99999999999999999999", "1e30", "0x", "1,5g",
	} {
		if got, err := memorySize(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestSize(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"1": 1, "512M": 512 << 20, "512m": 512 << 20, "10G": 10 << 30, "2T": 2 << 40, "3k": 3 << 10, "8388607T": 8388607 << 40} {
		if got, err := size("--x", text); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "G", "1.5G", "1GB", "1 G", "8388608T", "9223372036854775808", "x"} {
		if got, err := size("--x", text); err == nil || !strings.HasPrefix(err.Error(), "--x must be ") {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func TestParseSignal(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]syscall.Signal{
		"0": 0, "9": 9, "15": 15, "64": 64, "KILL": syscall.SIGKILL, "SIGKILL": syscall.SIGKILL, "sigterm": syscall.SIGTERM, "hup": syscall.SIGHUP, "Usr1": syscall.SIGUSR1,
	} {
		if got, err := parseSignal(text); got != want || err != nil {
			t.Errorf("%q: %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "65", "99999999999999999999", "SIG", "SIGSIGKILL", "9x", "KILL ", "RTMIN+99"} {
		if got, err := parseSignal(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestSubCgroup(t *testing.T) {
	t.Parallel()
	for words, want := range map[string]string{"": "", "a": "a", "a/b": "a/b", "/a": "/a", ":a": "a"} {
		if got, err := subCgroup(strings.Fields(words)); got != want || err != nil {
			t.Errorf("%q: %q, %v", words, got, err)
		}
	}
	for _, words := range []string{"a b", "cpu:a", "cpu,memory:/a"} {
		if got, err := subCgroup(strings.Fields(words)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %q, %v", words, got, err)
		}
	}
}

// TestWithCapabilities checks that a set of the container's own process is not changed.
func TestWithCapabilities(t *testing.T) {
	t.Parallel()
	own := &specs.LinuxCapabilities{Bounding: make([]string, 1, 9), Inheritable: []string{"CAP_A"}, Ambient: []string{"CAP_A"}}
	got := withCapabilities(own, []string{"CAP_B"})
	if fmt.Sprint(*got) != "{[ CAP_B] [CAP_B] [CAP_A] [CAP_B] [CAP_A CAP_B]}" {
		t.Errorf("%+v", *got)
	}
	if len(own.Bounding) != 1 || own.Bounding[:2][1] != "" || len(own.Ambient) != 1 {
		t.Errorf("the container's own are %+v", *own)
	}
	if got := withCapabilities(nil, []string{"CAP_B"}); len(got.Bounding) != 1 || got.Inheritable != nil || got.Ambient != nil {
		t.Errorf("%+v", *got)
	}
	if withCapabilities(own, nil) != own || withCapabilities(nil, nil) != nil {
		t.Error("nothing is added")
	}
	u := specs.User{AdditionalGids: make([]uint32, 1, 9)}
	groups := u.AdditionalGids
	if err := withGroups(&u, []string{"5"}); err != nil || len(u.AdditionalGids) != 2 || groups[:2][1] != 0 {
		t.Errorf("%v, %v, %v", u.AdditionalGids, groups[:2], err)
	}
}

func TestExitCode(t *testing.T) {
	// The messages go to stderr.
	stderr := os.Stderr
	defer func() { os.Stderr = stderr }()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	os.Stderr = w
	told := &crun.Reported{Program: "/bin/crun", Status: 42}
	var got []string
	for _, err := range []error{
		nil, errors.New("one\nline\r\n\nmore"), exitStatus(7), fmt.Errorf("a: %w", exitStatus(8)), &failure{255, errors.New("failed")}, told, fmt.Errorf("and more: %w", told),
	} {
		got = append(got, fmt.Sprint(exitCode(err)))
	}
	w.Close()
	if want := "0 1 7 8 255 42 42"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %s", got, want)
	}
	var text bytes.Buffer
	if _, err := text.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(text.String(), "\n"); len(lines) != 4 || lines[0] != "one; line; more" || lines[1] != "failed" || !strings.HasPrefix(lines[2], "and more: ") {
		t.Errorf("%q", lines)
	}
	if exitStatus(3).Error() != "exit status 3" {
		t.Error(exitStatus(3))
	}
	if failed := (&failure{1, os.ErrExist}); !errors.Is(failed, os.ErrExist) {
		t.Error(failed)
	}
}

func TestDefaultRoot(t *testing.T) {
	for _, c := range []struct{ dir, user, want string }{
		{"", "root", "/run/berth"}, {"/run/user/0", "root", "/run/berth"}, {"/run/user/0", "", "/run/berth"},
	} {
		t.Setenv("XDG_RUNTIME_DIR", c.dir)
		t.Setenv("USER", c.user)
		if got := strings.TrimPrefix(defaultRoot(), "/var"); os.Geteuid() == 0 && got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

func TestProgressLines(t *testing.T) {
	t.Parallel()
	took := regexp.MustCompile(`\d+\.\d s|[0-9.]+ ?[A-Za-z]*/s`)
	var out bytes.Buffer
	p := newProgress(&out, false)
	p.Layer("layer one", 1, 2, 2048)
	p.Read(1024)
	p.Done(1)
	p.Layer("layer two", 2, 2, 0)
	p.Read(10)
	p.Done(5)
	p.Close()
	p.Done(7) // is quiet now
	if got, want := took.ReplaceAllString(out.String(), "T"), "1/2 layer one: 1.0 KiB, 1 file, T\n2/2 layer two: 10 B, 5 files, T\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	out.Reset()
	quiet := newProgress(&out, true)
	quiet.Layer("x", 1, 1, 1)
	quiet.Read(1)
	quiet.Done(1)
	if out.Len() > 0 {
		t.Errorf("%q", out.String())
	}
	// A terminal's line is never wider than the terminal, and has no bar without a size.
	terminal := &progress{out: &out, width: 60, number: 3, of: 9, size: 100, begin: time.Now()}
	for _, c := range []struct {
		read, size int64
		want       string
	}{
		{0, 100, "3/9 [                        ]   0% 0 B, "},
		{50, 100, "3/9 [============            ]  50% 50 B, "},
		{200, 100, "3/9 [========================] 100% 200 B, "},
		{7, 0, "3/9 7 B, "},
	} {
		terminal.read, terminal.size = c.read, c.size
		if got := terminal.line(); !strings.HasPrefix(got, c.want) || len(got) > 59 {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	terminal.width, terminal.read, terminal.size = 10, 50, 100
	if got := terminal.line(); got != "3/9 [====" {
		t.Errorf("%q", got)
	}
	terminal.Read(1)
	terminal.Read(1) // too soon
	terminal.Close()
	if got := out.String(); strings.Count(got, "\r\x1b[K") != 2 || !strings.HasSuffix(got, "\r\x1b[K") {
		t.Errorf("%q", got)
	}
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	row := func(v backends.Verdict, fixed bool) diagnosed {
		return diagnosed{Finding: backends.Finding{Verdict: v}, Fixed: fixed}
	}
	for want, lists := range map[int][][]diagnosed{
		0: {nil, {row(backends.Pass, false)}, {row(backends.Fail, true), row(backends.Warn, true)}},
		1: {{row(backends.Warn, false)}, {row(backends.Fail, true), row(backends.Warn, false), row(backends.Pass, false)}},
		2: {{row(backends.Fail, false), row(backends.Warn, false)}, {row(backends.Warn, false), row(backends.Fail, false)}},
	} {
		for _, rows := range lists {
			if got := verdict(rows); got != want {
				t.Errorf("%+v: %d, want %d", rows, got, want)
			}
		}
	}
}

// TestMend checks what is printed about repairs.
func TestMend(t *testing.T) {
	var out bytes.Buffer
	fix := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	rows := []diagnosed{
		{Finding: backends.Finding{Check: "a", Looked: "left", Advice: "one\ntwo", Fix: fix(nil)}},
		{Finding: backends.Finding{Check: "bcd", Looked: "two\n  lines", Fix: fix(errors.New("no luck"))}},
		{Finding: backends.Finding{Check: "e", Verdict: backends.Pass}},
	}
	app := &cli.App{Writer: &out, Action: func(c *cli.Context) error {
		mend(c, rows)
		out.WriteString("--\n")
		printFindings(c, []backends.Finding{rows[0].Finding, rows[1].Finding})
		return nil
	}}
	if err := app.Run([]string{"x"}); err != nil {
		t.Fatal(err)
	}
	want := "fixed  a: left\nNOT fixed  bcd: no luck\n--\n      a    left\n           → one\n             two\n      bcd  two lines\n"
	if out.String() != want {
		t.Errorf("%q\nwant %q", out.String(), want)
	}
	if !rows[0].Fixed || rows[0].Error != "" || rows[1].Fixed || rows[1].Error != "no luck" || rows[2].Fixed {
		t.Errorf("%+v", rows)
	}
}

// TestFlagNames checks that no command has two flags of one name, and that flags of runc keep
// their short forms.
func TestFlagNames(t *testing.T) {
	t.Parallel()
	short := map[string]string{
		"create": "b", "run": "b d", "restore": "b d", "delete": "f", "exec": "e t u g p d c", "kill": "a", "list": "f q", "ps": "f", "spec": "b", "update": "r",
	}
	for _, command := range App().Commands {
		var names, letters []string
		for _, f := range command.Flags {
			for _, name := range f.Names() {
				if slices.Contains(names, name) {
					t.Errorf("%s has two flags --%s", command.Name, name)
				}
				names = append(names, name)
				if len(name) == 1 {
					letters = append(letters, name)
				}
			}
		}
		for letter := range strings.FieldsSeq(short[command.Name]) {
			if !slices.Contains(letters, letter) {
				t.Errorf("%s has no -%s", command.Name, letter)
			}
		}
	}
}

// TestSpec checks the file that the command writes.
func TestSpec(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.json")
	for _, flags := range [][]string{{"--bundle", dir}, {"--rootless", "--bundle", dir}} {
		if out, status := output(t, append([]string{"berth", "spec"}, flags...)...); out != "" || status != 0 {
			t.Errorf("%q, %d", out, status)
		}
		text, err := os.ReadFile(file)
		if err != nil || !bytes.HasSuffix(text, []byte("}\n")) || bytes.Contains(text, []byte(`"uidMappings"`)) != (len(flags) == 3) {
			t.Errorf("%s, %v", text, err)
		}
		if _, status := output(t, "berth", "spec", "--bundle", dir); status != 1 {
			t.Errorf("over a file that exists: exit status %d", status)
		}
		if again, err := os.ReadFile(file); err != nil || !bytes.Equal(again, text) {
			t.Errorf("the file has changed, %v", err)
		}
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}
