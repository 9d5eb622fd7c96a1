package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/cli/logbook"
)

// showResponse writes r as Markdown. first is whether its conversation begins
// here.
func showResponse(c *cli.Context, w io.Writer, r *logbook.Response, first bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s    conversation: %s id: %s\n\n", r.Time.UTC().Format("2006-01-02T15:04:05"), r.Conversation.ID, r.ID)
	if first {
		fmt.Fprintf(&b, "Model: **%s**\n\n", r.Model)
	}
	section := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "## %s\n\n%s\n\n", title, strings.TrimRight(text, "\n"))
		}
	}
	section("Prompt", r.Prompt)
	section("Prompt fragments", fragmentsText(r.Fragments, c.Bool("expand")))
	if first {
		section("System", r.System)
		section("System fragments", fragmentsText(r.SystemFragments, c.Bool("expand")))
	}
	section("Schema", string(r.Schema))
	for _, result := range r.Results {
		section("Result of tool "+result.Name, result.Output)
	}
	section("Reasoning", r.Reasoning)
	section("Response", r.Text)
	for _, call := range r.Calls {
		section("Call of tool "+call.Name, call.Arguments)
	}
	if c.Bool("usage") {
		section("Token usage", fmt.Sprintf("%d input, %d output; %.2f s; %s", r.Input, r.Output, r.Duration.Seconds(), r.Details))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func fragmentsText(fragments []logbook.Fragment, whole bool) string {
	var parts []string
	for _, f := range fragments {
		if whole {
			parts = append(parts, f.Content)
			continue
		}
		parts = append(parts, strings.TrimSpace("- "+f.Hash[:12]+" "+f.Source))
	}
	return strings.Join(parts, "\n")
}

// showShort writes a few lines of YAML for each response.
func showShort(c *cli.Context, w io.Writer, list []logbook.Response) error {
	var b strings.Builder
	for _, r := range list {
		fmt.Fprintf(&b, "- model: %s\n  datetime: '%s'\n  conversation: %s\n", r.Model, r.Time.UTC().Format("2006-01-02T15:04:05"), r.Conversation.ID)
		if r.System != "" {
			fmt.Fprintf(&b, "  system: %q\n", shorten(r.System, truncated))
		}
		fmt.Fprintf(&b, "  prompt: %q\n", shorten(r.Prompt, truncated))
		if c.Bool("usage") {
			fmt.Fprintf(&b, "  usage:\n    input: %d\n    output: %d\n", r.Input, r.Output)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
