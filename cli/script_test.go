package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"moed/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"moed": func() {
			os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
	})
}

// TestScripts runs the command as users do, one file per command.
func TestScripts(t *testing.T) {
	golden, err := filepath.Abs("../testdata/golden")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GOLDEN", golden)
			env.Setenv("TRACES", filepath.Join(filepath.Dir(golden), "traces"))
			for name, dir := range map[string]string{"XDG_STATE_HOME": "state", "XDG_CONFIG_HOME": "config", "XDG_DATA_HOME": "data", "XDG_RUNTIME_DIR": "run"} {
				env.Setenv(name, filepath.Join(env.WorkDir, dir))
			}
			return nil
		},
	})
}
