//go:build unix

package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReadme runs the examples of the README that are marked as console, one
// after the other and each as its reader would, and compares what they print.
// An example is a line that begins with "$ ", with those that go on with it; what
// it prints follows. In that, … stands for any text, and a line of it alone for
// any lines; of JSON it shows some fields, whose texts and kinds must be those
// that come.
func TestReadme(t *testing.T) {
	for _, program := range []string{"sh", "curl", "grep"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the examples want %s: %v", program, err)
		}
	}
	content, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := examplesOf(string(content))
	if len(examples) < 10 {
		t.Fatalf("found %d examples", len(examples))
	}
	r := newReader(t)
	for _, e := range examples {
		t.Logf("$ %s", e.command)
		printed, err := r.run(e.command)
		if err == nil {
			err = matches(e.printed, printed)
		}
		if err != nil {
			t.Fatalf("README.md:%d: %v; printed:\n%s", e.line, err, printed)
		}
	}
}

// example is a command of the README and what it prints.
type example struct {
	line             int
	command, printed string
}

func examplesOf(content string) (all []example) {
	inside, printing := false, false
	for i, line := range strings.Split(content, "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside && line == "```console"
		case !inside:
		case isCommand:
			all = append(all, example{line: i + 1, command: command})
			printing = strings.Count(command, "'")%2 == 0
		case !printing: // a quotation of the command goes on
			last := &all[len(all)-1]
			last.command += "\n" + line
			printing = strings.Count(last.command, "'")%2 == 0
		default:
			all[len(all)-1].printed += line + "\n"
		}
	}
	return all
}

// reader follows the README in a directory of its own.
type reader struct {
	t    *testing.T
	dir  string
	env  []string
	port string // in place of the README's, which may be in use
	stop func() // ends the daemon that runs
}

func newReader(t *testing.T) *reader {
	t.Helper()
	dir, err := os.MkdirTemp("", "moed") // short: a socket's path has a limit
	if err != nil {
		t.Fatal(err)
	}
	r := &reader{t: t, dir: dir, port: freePort(t), stop: func() {}}
	t.Cleanup(func() {
		r.stop()
		os.RemoveAll(dir)
	})
	run, settings := filepath.Join(dir, "run"), filepath.Join(dir, "settings")
	for _, d := range []string{run, settings} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// Root's daemon listens elsewhere by default.
	listen := fmt.Sprintf("listen = [%q]\n", "unix://"+r.socket())
	if err := os.WriteFile(filepath.Join(settings, "moed.toml"), []byte(listen), 0o600); err != nil {
		t.Fatal(err)
	}
	r.env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "XDG_RUNTIME_DIR=" + run, "XDG_STATE_HOME=" + dir, "MOED_USER_PATH=" + settings}
	return r
}

func (r *reader) socket() string { return filepath.Join(r.dir, "run", "moed", "moed.sock") }

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

var assignment = regexp.MustCompile(`^([A-Z]+)=\S`)

// run does what command says, and is what it prints.
func (r *reader) run(command string) (string, error) {
	command = strings.ReplaceAll(command, "127.0.0.1:11435", "127.0.0.1:"+r.port)
	if daemon, ok := strings.CutSuffix(command, " &"); ok {
		return "", r.begin(daemon)
	}
	set := assignment.FindStringSubmatch(command)
	if set != nil {
		command += ` && printf %s "$` + set[1] + `"`
	}
	out, err := r.command(command).Output()
	if err != nil {
		if failed, ok := err.(*exec.ExitError); ok {
			err = fmt.Errorf("%w: %s", err, failed.Stderr)
		}
		return string(out), err
	}
	if set != nil {
		r.env = append(r.env, set[1]+"="+string(out))
		return "", nil
	}
	return string(out), nil
}

func (r *reader) command(text string) *exec.Cmd {
	c := exec.CommandContext(r.t.Context(), "sh", "-c", text)
	c.Dir, c.Env = r.dir, r.env
	return c
}

// begin starts a daemon in place of the one that runs, and waits until it
// listens.
func (r *reader) begin(command string) error {
	r.stop()
	c := r.command("exec " + command)
	var said bytes.Buffer
	c.Stderr = &said
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }() // ends with the daemon
	r.stop = func() {
		r.stop = func() {}
		c.Process.Signal(syscall.SIGTERM)
		<-ended
	}
	for {
		if conn, err := net.Dial("unix", r.socket()); err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			r.stop = func() {}
			return fmt.Errorf("the daemon has ended: %v: %s", err, &said)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// matches reports how printed differs from what an example shows.
func matches(shown, printed string) error {
	if shown == "" {
		return nil
	}
	var want, got any
	if json.Unmarshal([]byte(shown), &want) == nil {
		if err := json.Unmarshal([]byte(printed), &got); err != nil {
			return fmt.Errorf("not the JSON that is shown: %v", err)
		}
		return alike("", want, got)
	}
	return sameLines(strings.Split(strings.TrimSuffix(shown, "\n"), "\n"), strings.Split(strings.TrimSuffix(printed, "\n"), "\n"))
}

func sameLines(shown, printed []string) error {
	for i, line := range shown {
		if line != "…" {
			if len(printed) == 0 {
				return fmt.Errorf("there is no line like %q", line)
			}
			if err := sameLine(line, printed[0]); err != nil {
				return err
			}
			printed = printed[1:]
			if len(printed) > 0 && printed[0] == "" && strings.HasPrefix(line, "data: ") {
				printed = printed[1:] // the end of an event, which is not shown
			}
			continue
		}
		if i == len(shown)-1 {
			return nil
		}
		for ; len(printed) > 0; printed = printed[1:] {
			if sameLines(shown[i+1:], printed) == nil {
				return nil
			}
		}
		return fmt.Errorf("there is no line like %q", shown[i+1])
	}
	if len(printed) > 0 {
		return fmt.Errorf("more than is shown: %q", printed[0])
	}
	return nil
}

func sameLine(shown, printed string) error {
	var want, got any
	wantData, isData := strings.CutPrefix(shown, "data: ")
	gotData, _ := strings.CutPrefix(printed, "data: ")
	if !isData {
		wantData, gotData = shown, printed
	}
	if json.Unmarshal([]byte(wantData), &want) == nil && json.Unmarshal([]byte(gotData), &got) == nil {
		return alike("", want, got)
	}
	if !wildcard(shown, printed) {
		return fmt.Errorf("%q is not like %q", printed, shown)
	}
	return nil
}

// wildcard reports whether text is like pattern, in which … is any text.
func wildcard(pattern, text string) bool {
	expression := strings.ReplaceAll(regexp.QuoteMeta(pattern), "…", ".*")
	return regexp.MustCompile(`(?s)^` + expression + `$`).MatchString(text)
}

// alike reports where got lacks something of want, or has it otherwise. Numbers
// need not be the same.
func alike(at string, want, got any) error {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Errorf("%s is %T, want an object", at, got)
		}
		for key, value := range want {
			found, ok := object[key]
			if !ok {
				return fmt.Errorf("there is no %s.%s", at, key)
			}
			if err := alike(at+"."+key, value, found); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Errorf("%s is %v, want a list of %d", at, got, len(want))
		}
		for i := range want {
			if err := alike(fmt.Sprintf("%s[%d]", at, i), want[i], list[i]); err != nil {
				return err
			}
		}
		return nil
	case string:
		if text, ok := got.(string); !ok || !wildcard(want, text) {
			return fmt.Errorf("%s is %v, want %q", at, got, want)
		}
		return nil
	}
	if fmt.Sprintf("%T", got) != fmt.Sprintf("%T", want) {
		return fmt.Errorf("%s is %T, want %T", at, got, want)
	}
	return nil
}

// TestReadmeExamplesCanFail: what is compared tells answers of another shape.
func TestReadmeExamplesCanFail(t *testing.T) {
	for _, c := range []struct {
		shown, printed string
		same           bool
	}{
		{`{"a": [{"b": "…"}]}`, `{"a":[{"b":"x","c":1}],"d":2}`, true},
		{`{"a": 1}`, `{"a":2}`, true},
		{`{"a": 1}`, `{"a":"1"}`, false},
		{`{"a": 1}`, `{"b":1}`, false},
		{`{"a": []}`, `{"a":[1]}`, false},
		{`{"a": "stop"}`, `{"a":"length"}`, false},
		{`{"a": 1}`, `error`, false},
		{"data: {\"a\": 1}\n…\ndata: [DONE]\n", "data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: [DONE]\n\n", true},
		{"data: {\"a\": 1}\n…\ndata: [DONE]\n", "data: {\"a\":1}\n\ndata: {\"a\":2}\n\n", false},
		{"data: {\"a\": 1}\n…\n", "data: {\"b\":1}\n\n", false},
		{"{\"a\": 1}\n…\n{\"b\": 1}\n", "{\"a\":1}\n{\"a\":2}\n{\"b\":3}\n", true},
		{"one … three\n", "one 2 three\n", true},
		{"one … three\n", "one 2 four\n", false},
		{"one\n", "one\ntwo\n", false},
		{"one\n…\n", "one\ntwo\n", true},
	} {
		if err := matches(c.shown, c.printed); (err == nil) != c.same {
			t.Errorf("%q beside %q: %v", c.shown, c.printed, err)
		}
	}
}
