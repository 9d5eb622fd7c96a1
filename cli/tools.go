package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/logbook"
)

// tool is an executable that a model may have called. It gets its arguments as a
// JSON object on standard input, and what it prints is its result.
type tool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"`
	Path        string          `json:"path"`
}

// findTools are the tools of those names; no names are nil.
func findTools(names []string) (found []tool, err error) {
	for _, name := range names {
		t, err := readTool(name)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(found, func(f tool) bool { return f.Name == name }) {
			found = append(found, t)
		}
	}
	return found, nil
}

// readTool reads what NAME.json beside the executable says of it: description,
// and parameters as a JSON schema. There need not be one.
func readTool(name string) (tool, error) {
	dir, err := settingPath(toolsDir)
	if err != nil {
		return tool{}, err
	}
	t := tool{Name: name, Path: filepath.Join(dir, name)}
	info, err := os.Stat(t.Path)
	if !plainName.MatchString(name) || errors.Is(err, fs.ErrNotExist) {
		return t, withHint(fmt.Errorf("no tool is called %q", name), "moed tools lists them; they are executables in %s", dir)
	}
	if err != nil {
		return t, err
	}
	if !isExecutable(info) {
		return t, withHint(fmt.Errorf("tool %s: %s is no executable", name, t.Path), "chmod +x %s", t.Path)
	}
	content, err := os.ReadFile(t.Path + ".json")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return t, err
	}
	if err == nil {
		if err := json.Unmarshal(content, &t); err != nil {
			return t, fmt.Errorf("tool %s: %s.json: %w", name, t.Path, err)
		}
	}
	t.Name, t.Path = name, filepath.Join(dir, name)
	if t.Parameters == nil {
		t.Parameters = json.RawMessage(`{"type":"object"}`)
	}
	return t, nil
}

func isExecutable(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && (info.Mode()&0o111 != 0 || runtime.GOOS == "windows")
}

// describe is tools as OpenAI's API has them.
func describe(tools []tool) json.RawMessage {
	type function struct {
		Name        string          `json:"name"`
		Description string          `json:"description,omitempty"`
		Parameters  json.RawMessage `json:"parameters"`
	}
	type entry struct {
		Type     string   `json:"type"`
		Function function `json:"function"`
	}
	var all []entry
	for _, t := range tools {
		all = append(all, entry{"function", function{t.Name, t.Description, t.Parameters}})
	}
	return marshal(all)
}

// callTools calls what the model asked for. A call that fails, or that the user
// does not want, is a result too: the model is told.
func (t *talk) callTools(ctx context.Context, calls []logbook.ToolCall) (results []logbook.ToolResult, err error) {
	for _, call := range calls {
		if t.show.calls {
			t.u.sayf("tool %s %s", clean(call.Name), clean(call.Arguments))
		}
		output, err := t.callTool(ctx, call)
		if err != nil {
			return nil, err
		}
		if t.show.calls {
			t.u.sayf("tool %s gave back %s", clean(call.Name), clean(shorten(output, 200)))
		}
		results = append(results, logbook.ToolResult{Name: call.Name, Output: output, ID: call.ID})
	}
	return results, nil
}

func (t *talk) callTool(ctx context.Context, call logbook.ToolCall) (string, error) {
	i := slices.IndexFunc(t.tools, func(known tool) bool { return known.Name == call.Name })
	if i < 0 {
		return "error: there is no tool of that name", nil
	}
	if t.approve {
		yes, err := t.approves(call)
		if err != nil {
			return "", err
		}
		if !yes {
			return "error: the user does not want this call", nil
		}
	}
	return t.tools[i].run(ctx, call.Arguments)
}

// approves asks the user, on the terminal: standard input may be something else.
func (t *talk) approves(call logbook.ToolCall) (bool, error) {
	from, err := terminal(t.u.std.In)
	if err != nil {
		return false, withHint(fmt.Errorf("the model wants to call the tool %s, and there is no terminal to ask you at", clean(call.Name)),
			"--ta=false calls tools without asking")
	}
	if f, is := from.(io.Closer); is && from != t.u.std.In {
		defer f.Close()
	}
	if err := t.u.raw(fmt.Sprintf("moed: call the tool %s with %s? [y/N] ", clean(call.Name), clean(call.Arguments))); err != nil {
		return false, err
	}
	answer, err := t.u.lines(from).read()
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}

// terminal is in where it is one, else the one that the process belongs to.
func terminal(in io.Reader) (io.Reader, error) {
	if f, is := in.(*os.File); is && isTerminal(f) {
		return in, nil
	}
	name := "/dev/tty"
	if runtime.GOOS == "windows" {
		name = "CONIN$"
	}
	return os.Open(name)
}

// maxOutput is the most of a tool's output that a model is given, in bytes.
const maxOutput = 1 << 20

// run calls the tool. The error is that of ctx; all others are the result.
func (t *tool) run(ctx context.Context, arguments string) (string, error) {
	command := exec.CommandContext(ctx, t.Path)
	var complaint bytes.Buffer
	command.Stdin, command.Stderr = strings.NewReader(arguments), &complaint
	pipe, err := command.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := command.Start(); err != nil {
		return "error: " + err.Error(), nil
	}
	output, err := io.ReadAll(io.LimitReader(pipe, maxOutput+1))
	if len(output) > maxOutput {
		command.Process.Kill()
	}
	waited := command.Wait()
	switch {
	case ctx.Err() != nil:
		return "", errInterrupted
	case len(output) > maxOutput:
		return fmt.Sprintf("error: the tool printed more than %s", bytesText(maxOutput)), nil
	case err != nil:
		return "error: " + err.Error(), nil
	case waited != nil:
		return strings.TrimSpace(fmt.Sprintf("error: %v: %s", waited, shorten(complaint.String(), 1000))), nil
	}
	return strings.ToValidUTF8(string(output), "\uFFFD"), nil
}

func toolsCommand(u *ui) *cli.Command {
	return group("tools", "executables that models may call, for -T",
		&cli.Command{Name: "list", Usage: "list them", ArgsUsage: "[flags]", Flags: listFlags(),
			Action: func(c *cli.Context) error { return listTools(c, u) }},
		pathCommand(u, "the directory of tools", func() (string, error) { return settingPath(toolsDir) }),
	)
}

func listTools(c *cli.Context, u *ui) error {
	if _, err := wantArgs(c, 0); err != nil {
		return err
	}
	dir, err := settingPath(toolsDir)
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var list []tool
	for _, entry := range entries {
		info, err := os.Stat(filepath.Join(dir, entry.Name()))
		if err != nil || !isExecutable(info) || filepath.Ext(entry.Name()) == ".json" {
			continue
		}
		t, err := readTool(entry.Name())
		if err != nil {
			return err
		}
		list = append(list, t)
	}
	if wantsJSON(c) {
		return writeList(u.std.Out, list, c.Bool("nl"))
	}
	return writeTable(u.std.Out, []string{"NAME", "DESCRIPTION"}, len(list), func(i int) []string {
		return []string{list[i].Name, shorten(list[i].Description, 80)}
	})
}
