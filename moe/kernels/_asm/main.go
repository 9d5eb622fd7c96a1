// Command _asm writes the assembly of package kernels for amd64, with the Go
// declarations that belong to it. It is a module of its own, so that the
// generator's dependencies are not those of moed.
//
//	go run . -dir ..                     every format
//	go run . -dir .. -format dot_q8_0    one
//
// Each format becomes NAME_amd64.s and NAME_stub_amd64.go in the folder.
package main

//go:generate go run . -dir ..

import (
	"bytes"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// format is a group of kernels that shares one file.
type format struct {
	name string
	gen  func(*asm)
}

func main() {
	log.SetFlags(0)
	dir := flag.String("dir", ".", "folder to write to")
	only := flag.String("format", "", "the format to write; all when empty")
	flag.Parse()
	all := slices.Concat(wideFormats(), smallFormats())
	found := false
	for _, f := range all {
		if *only != "" && *only != f.name {
			continue
		}
		found = true
		if err := write(*dir, f); err != nil {
			log.Fatalf("%s: %v", f.name, err)
		}
	}
	if !found {
		log.Fatalf("no format %q", *only)
	}
}

// write compiles one format and writes its two files.
func write(dir string, f format) error {
	g := &asm{Context: build.NewContext()}
	g.ConstraintExpr("!purego")
	f.gen(g)
	file, err := g.Result()
	if err != nil {
		return err
	}
	if err := pass.Compile.Execute(file); err != nil {
		return err
	}
	cfg := printer.Config{Argv: []string{"go", "generate"}, Pkg: "kernels"}
	text, err := printer.NewGoAsm(cfg).Print(file)
	if err != nil {
		return err
	}
	stubs, err := printer.NewStubs(cfg).Print(file)
	if err != nil {
		return err
	}
	base := filepath.Join(dir, f.name)
	if err := os.WriteFile(base+"_amd64.s", untyped(text), 0o644); err != nil {
		return err
	}
	stubs = untyped(stubs)
	if bytes.Contains(stubs, []byte("unsafe.Pointer")) {
		stubs = bytes.Replace(stubs, []byte("package kernels\n"), []byte("package kernels\n\nimport \"unsafe\"\n"), 1)
	}
	return os.WriteFile(base+"_stub_amd64.go", stubs, 0o644)
}

// untyped puts unsafe.Pointer where the signatures have *byte, the nearest
// that avo's parser takes.
func untyped(text []byte) []byte {
	return bytes.ReplaceAll(text, []byte("*byte"), []byte("unsafe.Pointer"))
}

// must is for the one-off checks of a generator.
func must(ok bool, format string, args ...any) {
	if !ok {
		panic(fmt.Sprintf(format, args...))
	}
}
