// Command moed runs Mixture-of-Experts language models. See package cli.
package main

import (
	"context"
	"os"

	"moed/cli"
)

func main() {
	os.Exit(cli.Main(context.Background(), os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
