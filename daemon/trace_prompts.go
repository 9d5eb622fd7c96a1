package daemon

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"moed/moe"
)

// maxPrompt is the longest line of a file of texts.
const maxPrompt = 32 << 20

// prompt is a text of a file and where it stands there.
type prompt struct {
	text string
	line int // 0 for the built-in text
}

// texts are those to record. In a file of texts each line is one, and empty
// lines are not. Where its first line is a JSON object with a key prompt, all
// are, so that a text can have lines of its own.
func (o *TraceOptions) texts() ([]prompt, error) {
	if o.Prompts == "" {
		return []prompt{{text: strings.TrimSpace(benchText)}}, nil
	}
	f, err := os.Open(o.Prompts)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, maxPrompt)
	var all []prompt
	isJSON := false
	for n := 1; lines.Scan(); n++ {
		line := bytes.TrimSpace(lines.Bytes())
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) == 0 {
			continue
		}
		text, err := promptIn(line)
		if len(all) == 0 {
			isJSON = err == nil
		}
		if isJSON && err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", o.Prompts, n, err)
		}
		if !isJSON {
			text = string(line)
		}
		all = append(all, prompt{text, n})
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			err = fmt.Errorf("a line is longer than %d bytes", maxPrompt)
		}
		return nil, fmt.Errorf("%s: %w", o.Prompts, err)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: no text in it, want one per line", o.Prompts)
	}
	return all, nil
}

// promptIn is the prompt of a line of JSON.
func promptIn(line []byte) (string, error) {
	var object struct{ Prompt *string }
	if err := json.Unmarshal(line, &object); err != nil {
		return "", fmt.Errorf(`want {"prompt": "..."} as in the first line: %w`, err)
	}
	if object.Prompt == nil || *object.Prompt == "" {
		return "", fmt.Errorf(`found no prompt, want {"prompt": "..."} as in the first line`)
	}
	return *object.Prompt, nil
}

// prompts turns texts into tokens as moed run would. One that leaves no room for
// a token is an error now and not after hours.
func (o *TraceOptions) prompts(ctx context.Context, e *Engine, texts []prompt) ([][]int32, error) {
	room := e.model.Options().Context
	all := make([][]int32, 0, len(texts))
	for _, p := range texts {
		ids, err := e.prompt(ctx, &Request{Prompt: p.text, Raw: o.Raw})
		switch {
		case err != nil:
		case len(ids) == 0:
			err = fmt.Errorf("the text has no tokens")
		case len(ids) >= room:
			err = fmt.Errorf("the text has %d tokens and leaves no room in a context of %d: %w", len(ids), room, moe.ErrContextFull)
		}
		if err != nil {
			if p.line > 0 {
				err = fmt.Errorf("%s: line %d: %w", o.Prompts, p.line, err)
			}
			return nil, err
		}
		all = append(all, ids)
	}
	return all, nil
}
