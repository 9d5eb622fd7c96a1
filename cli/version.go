package cli

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"moed/daemon"
)

// release is the version that the next change log entry carries.
const release = "0.1.0"

func versionCommand(u *ui) *cli.Command {
	return &cli.Command{
		Name:      "version",
		Usage:     "print the version",
		ArgsUsage: "[--json]",
		Flags:     []cli.Flag{switchFlag("json", "print JSON")},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usagef("version takes no arguments")
			}
			revision := revision()
			if c.Bool("json") {
				return writeJSON(u.std.Out, map[string]string{
					"version": release, "revision": revision, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH, "kernels": daemon.Kernels(),
				})
			}
			_, err := fmt.Fprintf(u.std.Out, "moed %s (%s, %s/%s, kernels %s, revision %s)\n", release, runtime.Version(), runtime.GOOS, runtime.GOARCH, daemon.Kernels(), either(revision, "unknown"))
			return err
		},
	}
}

// revision is the commit that the binary was built from, with + for changes
// since, or "" where the build does not tell.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	commit, changed := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = "+"
		}
	}
	return commit + changed
}
