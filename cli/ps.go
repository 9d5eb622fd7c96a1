package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"moed/daemon"
	"moed/daemon/api"
)

func psCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "ps",
		Usage:     "list the models that the daemon has loaded, and what they do",
		ArgsUsage: "[-w] [--json]",
		Description: "RESIDENT is the model's memory now and BUDGET what it may have; HIT% is how many of the experts\n" +
			"wanted were in memory, FLASH how fast others are read, CTX the longest request's tokens of those\n" +
			"that one may have.",
		Flags: []cli.Flag{
			switchFlag("watch", "show it again every second, until interrupted", "w"),
			hostFlag(),
			switchFlag("json", "print JSON"),
		},
		Action: func(c *cli.Context) error { return ps(c, u) },
	}
}

const watchPace = time.Second

func ps(c *cli.Context, u *ui) error {
	if c.NArg() > 0 {
		return usagef("ps takes no arguments")
	}
	client := &api.Client{Address: c.String("host")}
	for first := true; ; first = false {
		s, err := client.Status(c.Context)
		if err != nil {
			return ofDaemon(err)
		}
		if err := writePs(c, u, s, first); err != nil || !c.Bool("watch") {
			return err
		}
		select {
		case <-c.Context.Done():
			return errInterrupted
		case <-time.After(watchPace):
		}
	}
}

// writePs prints s once; where it is watched on a terminal, in place of the
// table before.
func writePs(c *cli.Context, u *ui, s *api.Status, first bool) error {
	if c.Bool("json") {
		models := api.Models{Models: append([]api.Model{}, s.Models...)}
		if c.Bool("watch") {
			return json.NewEncoder(u.std.Out).Encode(models) // a line each
		}
		return writeJSON(u.std.Out, models)
	}
	var table bytes.Buffer
	writeLoaded(&table, s, time.Now())
	switch {
	case c.Bool("watch") && drawable(u):
		table = *bytes.NewBufferString("\x1b[H\x1b[J" + table.String())
	case !first:
		table = *bytes.NewBufferString("\n" + table.String())
	}
	_, err := u.std.Out.Write(table.Bytes())
	return err
}

// writeLoaded prints the table of loaded models; now is when s was taken.
func writeLoaded(out io.Writer, s *api.Status, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tID\tSIZE\tRESIDENT\tBUDGET\tHIT%\tFLASH\tCTX\tTOK/S\tSTATE\tUNTIL")
	for i := range s.Models {
		m := &s.Models[i]
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			clean(m.Name), clean(idText(m.Digest)), bytesText(m.Size), bytesText(m.Resident), orDash(m.Budget > 0, bytesText(m.Budget)), hitText(m),
			orDash(m.FlashRate > 0, bytesText(int64(m.FlashRate))+"/s"), orDash(m.Context > 0, fmt.Sprintf("%d/%d", m.ContextUsed, m.Context)),
			orDash(m.Rate > 0, fmt.Sprintf("%.1f", m.Rate)), stateText(m, s.Requests), untilText(m, now))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for i := range s.Models {
		if text := elsewhereText(&s.Models[i]); text != "" {
			fmt.Fprintf(out, "%s: %s\n", clean(s.Models[i].Name), text)
		}
	}
	return nil
}

// elsewhereText is the hosts and disks that a model's experts come from, where
// there are several.
func elsewhereText(m *api.Model) string {
	var parts []string
	for i := range m.Hosts {
		parts = append(parts, fmt.Sprintf("host %s %s", clean(m.Hosts[i].Name), stateWhy(&m.Hosts[i])))
	}
	for i := range m.Disks {
		d, state := &m.Disks[i], "reads"
		if d.Down {
			state = "is not used"
		}
		parts = append(parts, fmt.Sprintf("disk %s %s", clean(cmp.Or(d.Name, "of the model")), state))
	}
	return strings.Join(parts, ", ")
}

func orDash(is bool, text string) string {
	if !is {
		return "-"
	}
	return text
}

// idText is the digits of a digest that are enough to tell models apart.
func idText(digest string) string {
	_, digits, _ := strings.Cut(digest, ":")
	return digits[:min(12, len(digits))]
}

func hitText(m *api.Model) string {
	return orDash(m.State == daemon.StateReady && m.Experts > 0, fmt.Sprintf("%.1f", 100*m.HitRatio))
}

// stateText is what m does: loading 43%, prefill 31%, decoding, queued,
// draining, ready or, where nobody uses it, idle. Of the requests only those
// that the caller may see are known.
func stateText(m *api.Model, requests []api.Request) string {
	switch m.State {
	case daemon.StateLoading:
		return fmt.Sprintf("loading %.0f%%", 100*m.Loaded)
	case daemon.StateUnload:
		return "draining"
	}
	read, prompt, prefill, decoding := 0, 0, false, false
	for _, r := range requests {
		switch {
		case r.Model != m.Name:
		case r.Phase == daemon.PhaseDecode:
			decoding = true
		case r.Phase == daemon.PhasePrefill:
			prefill = true
			read, prompt = read+r.Read, prompt+r.Prompt
		}
	}
	switch {
	case decoding:
		return "decoding"
	case prefill:
		return fmt.Sprintf("prefill %d%%", 100*read/max(1, prompt))
	case m.Running > 0:
		return "busy"
	case m.Queued > 0:
		return "queued"
	case m.InUse > 0:
		return daemon.StateReady
	}
	return "idle"
}

// untilText is how long m stays loaded.
func untilText(m *api.Model, now time.Time) string {
	switch left := m.Expires.Sub(now); {
	case m.State != daemon.StateReady:
		return "-"
	case m.Expires.IsZero() && m.InUse > 0:
		return "in use"
	case m.Expires.IsZero():
		return "never"
	case left <= 0:
		return "now"
	case left < 2*time.Minute:
		return fmt.Sprintf("%.0f s", left.Seconds())
	case left < 2*time.Hour:
		return fmt.Sprintf("%.0f min", left.Minutes())
	default:
		return fmt.Sprintf("%.0f h", left.Hours())
	}
}

// sleep waits, or ends with ctx.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return errInterrupted
	case <-time.After(d):
		return nil
	}
}
