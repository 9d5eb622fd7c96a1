package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

// modelRow is a model in a list.
type modelRow struct {
	Name         string   `json:"model"`
	Aliases      []string `json:"aliases"`
	Default      bool     `json:"default"`
	Path         string   `json:"path,omitempty"`
	Size         int64    `json:"size"` // bytes
	Architecture string   `json:"architecture,omitempty"`
	Quantization string   `json:"quantization,omitempty"`
	Parameters   int64    `json:"parameters,omitempty"`
	Active       int64    `json:"active_parameters,omitempty"` // of a token, about
	Experts      int      `json:"experts"`
	TopK         int      `json:"top_k"`
	Capabilities []string `json:"capabilities"`
	Fits         string   `json:"fits"` // in memory, from disk, no; "" is not known
	State        string   `json:"state,omitempty"`
	Problem      string   `json:"problem,omitempty"`
	Options      []option `json:"options,omitempty"`
}

// models are those of the daemon, and unless it was asked for, also those of the
// models directory that it does not have.
func (p place) models(ctx context.Context) (rows []modelRow, err error) {
	if p.client != nil {
		rows, err = p.daemonModels(ctx)
		if p.asked || err == nil && ctx.Err() != nil {
			return rows, ofDaemon(err)
		}
	}
	s, err := shelf()
	if err != nil {
		return nil, err
	}
	defer s.Close()
	budget, _ := s.Budget()
	def, err := s.Find("")
	here := rows == nil && err == nil // else the daemon's default counts
	for _, m := range s.List() {
		if i := slices.IndexFunc(rows, func(r modelRow) bool { return r.Name == m.Name }); i >= 0 {
			if m.Report != nil && m.Size == rows[i].Size { // which the daemon does not tell
				rows[i].Active = active(m.Report)
			}
			continue
		}
		r := modelRow{Name: m.Name, Path: m.Path, Size: m.Size, Quantization: m.Quantization, Capabilities: m.Capabilities,
			Problem: m.Problem, Default: here && m.Name == def.Name}
		if report := m.Report; report != nil {
			r.Architecture, r.Parameters, r.Experts, r.TopK = report.Architecture, report.Parameters, report.Experts, report.TopK
			r.Active, r.Fits = active(report), fits(report, budget)
			if !report.Runs {
				r.Problem, r.Fits = strings.Join(report.Unsupported, "; "), "no"
			}
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b modelRow) int { return strings.Compare(a.Name, b.Name) })
	return rows, mark(rows)
}

func (p place) daemonModels(ctx context.Context) (rows []modelRow, err error) {
	models, err := p.client.Models(ctx)
	if err != nil {
		return nil, err
	}
	budget, err := p.client.Budget(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		r := modelRow{Name: m.Name, Path: m.Path, Size: m.Size, Architecture: m.Architecture, Quantization: m.Quantization, Parameters: m.Parameters,
			Experts: m.Experts, TopK: m.TopK, Capabilities: m.Capabilities, State: m.State, Problem: m.Problem, Default: m.Default}
		switch {
		case m.Problem != "":
			r.Fits = "no"
		case budget.Total > 0 && m.Size <= budget.Total:
			r.Fits = "in memory"
		case budget.Total > 0:
			r.Fits = "from disk"
		}
		rows = append(rows, r)
	}
	return rows, mark(rows)
}

// mark tells aliases, and the default that the user has set.
func mark(rows []modelRow) error {
	aliases, err := settingList[string](aliasesFile)
	if err != nil {
		return err
	}
	set, err := defaultModel()
	if err != nil {
		return err
	}
	for i := range rows {
		r := &rows[i]
		r.Aliases = []string{}
		for _, alias := range slices.Sorted(maps.Keys(aliases)) {
			if to := aliases[alias]; to == r.Name || to == r.Path && r.Path != "" {
				r.Aliases = append(r.Aliases, alias)
			}
		}
		if set != "" {
			r.Default = set == r.Name || set == r.Path
		}
	}
	return nil
}

// active is about how many parameters a token uses: of the experts those that it
// chooses, all parameters taken to be of one size.
func active(r *daemon.Report) int64 {
	weights := r.Sizes.Dense + r.Sizes.Experts
	if weights <= 0 || r.Experts == 0 {
		return r.Parameters
	}
	return int64(float64(r.Parameters) * float64(r.Sizes.Dense+r.Sizes.TokenExperts) / float64(weights))
}

// fits is whether a model runs in a budget of bytes, and how.
func fits(r *daemon.Report, budget int64) string {
	switch {
	case budget <= 0:
		return ""
	case r.Sizes.Dense+r.Sizes.Experts <= budget:
		return "in memory"
	case r.Sizes.Dense+r.Sizes.TokenExperts <= budget:
		return "from disk"
	}
	return "no"
}

// find is the model with the shortest name that has all terms in it.
func (p place) find(ctx context.Context, terms []string) (string, error) {
	rows, err := p.models(ctx)
	if err != nil {
		return "", err
	}
	var names []string
	for _, r := range rows {
		names = append(append(names, r.Name), r.Aliases...)
	}
	name, ok := matching(names, terms)
	if !ok {
		return "", withHint(fmt.Errorf("no model has %s in its name", strings.Join(terms, " and ")), "moed models lists what there is")
	}
	return name, nil
}

// lasting is a model's name that means the same in another directory.
func lasting(model string) (string, error) {
	if !isPath(model) {
		return model, nil
	}
	return filepath.Abs(model)
}

func modelsCommand(u *ui) *cli.Command {
	g := group("models", "the models there are, the default one, and their options",
		&cli.Command{Name: "list", Usage: "list them", ArgsUsage: "[flags]",
			Description: "Models are those of the daemon, where one runs, and the GGUF files of the directory that moed models path\n" +
				"names. FITS is whether all of a model would be in memory, or experts are read from disk as they are wanted;\n" +
				"moed plan FILE tells how fast that would be.",
			Flags: append(append(listFlags(), placeFlags()...),
				many("query", "those that have `TERM` in name or alias, repeatable", "q"),
				many("model", "the one of that `NAME` or alias, repeatable", "m"),
				switchFlag("options", "with the options that -o sets")),
			Action: func(c *cli.Context) error { return listModels(c, u) }},
		&cli.Command{Name: "default", Usage: "print the default model, or set it", ArgsUsage: "[MODEL]",
			Flags:  append(placeFlags(), switchFlag("clear", "set none")),
			Action: func(c *cli.Context) error { return modelsDefault(c, u) }},
		modelsOptionsCommand(u),
		pathCommand(u, "the directory of models", modelsPath),
	)
	g.Aliases = []string{"ls"}
	return g
}

func listModels(c *cli.Context, u *ui) error {
	if _, err := wantArgs(c, 0); err != nil {
		return err
	}
	where, err := placeOf(c)
	if err != nil {
		return err
	}
	all, err := where.models(c.Context)
	if err != nil {
		return err
	}
	var rows []modelRow
	for _, r := range all {
		names := append([]string{r.Name}, r.Aliases...)
		asked := c.StringSlice("model")
		if len(asked) > 0 && !slices.ContainsFunc(asked, func(m string) bool { return slices.Contains(names, m) }) || !hasAll(strings.Join(names, "\n"), c.StringSlice("query")) {
			continue
		}
		if c.Bool("options") {
			r.Options = options()
		}
		rows = append(rows, r)
	}
	if wantsJSON(c) {
		return writeList(u.std.Out, rows, c.Bool("nl"))
	}
	if err := writeModelRows(u.std.Out, rows); err != nil || !c.Bool("options") {
		return err
	}
	if _, err := fmt.Fprintln(u.std.Out, "\nOptions of all models:"); err != nil {
		return err
	}
	return writeOptions(u.std.Out)
}

func writeModelRows(w io.Writer, rows []modelRow) error {
	return writeTable(w, []string{"NAME", "SIZE", "QUANT", "PARAMETERS", "ACTIVE", "EXPERTS", "FITS", "ALIASES"}, len(rows), func(i int) []string {
		r := rows[i]
		name, experts, fits := r.Name, "dense", r.Fits
		if r.Default {
			name += " (default)"
		}
		if r.Experts > 0 {
			experts = fmt.Sprintf("%d of %d", r.TopK, r.Experts)
		}
		if r.State != "" {
			fits = strings.TrimPrefix(fits+", "+r.State, ", ")
		}
		if r.Problem != "" {
			fits = shorten(r.Problem, 60)
		}
		return []string{name, bytesText(r.Size), r.Quantization, shortCount(r.Parameters), shortCount(r.Active), experts, fits, strings.Join(r.Aliases, ", ")}
	})
}

// shortCount is n as people say how large a model is, "" for 0.
func shortCount(n int64) string {
	switch {
	case n == 0:
		return ""
	case n >= 1e9:
		return fmt.Sprintf("%.1fB", float64(n)/1e9)
	}
	return fmt.Sprintf("%.1fM", float64(n)/1e6)
}

// modelsDefault prints the default model, or sets it.
func modelsDefault(c *cli.Context, u *ui) error {
	if c.Bool("clear") {
		if _, err := wantArgs(c, 0); err != nil {
			return err
		}
		return removeSetting(defaultModelFile)
	}
	if c.NArg() > 1 {
		return usagef("models default wants one model, found %d words", c.NArg())
	}
	where, err := placeOf(c)
	if err != nil {
		return err
	}
	if name := c.Args().First(); name != "" {
		if err := where.has(c.Context, name); err != nil {
			return err
		}
		if name, err = lasting(name); err != nil {
			return err
		}
		return writeSetting(defaultModelFile, name+"\n")
	}
	name, err := defaultModel()
	if err != nil {
		return err
	}
	if name == "" {
		rows, err := where.models(c.Context)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(rows, func(r modelRow) bool { return r.Default }); i >= 0 {
			name = rows[i].Name
		}
	}
	_, err = fmt.Fprintln(u.std.Out, name)
	return err
}
