// Manual writes what users read about the commands and what shells complete, from the commands
// themselves: docs/cli.md, man pages, and completion for bash, zsh and fish.
//
//	go run ./docs/manual -markdown docs/cli.md -man DIR -completion DIR
package main

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/berth-oci/berth/runtime/command"
)

func main() {
	markdown := flag.String("markdown", "", "`file` for the reference in Markdown")
	man := flag.String("man", "", "`directory` for the man pages, compressed")
	completion := flag.String("completion", "", "`directory` for the completion of shells")
	flag.Parse()
	if err := write(app(), *markdown, *man, *completion); err != nil {
		fmt.Fprintln(os.Stderr, "manual:", err)
		os.Exit(1)
	}
}

// app returns the command line without what differs from one build to the next.
func app() *cli.App {
	a := command.App()
	a.Version = ""
	return a
}

func write(a *cli.App, markdown, man, completion string) error {
	files := map[string][]byte{}
	if markdown != "" {
		files[markdown] = markdownOf(a)
	}
	if man != "" {
		for name, text := range pages(a) {
			data, err := compressed(text)
			if err != nil {
				return err
			}
			files[filepath.Join(man, name+".gz")] = data
		}
	}
	if completion != "" {
		files[filepath.Join(completion, "berth.bash")] = bash(a)
		files[filepath.Join(completion, "_berth")] = zsh(a)
		files[filepath.Join(completion, "berth.fish")] = fish(a)
	}
	for name, data := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// compressed compresses data with gzip. It writes no time, so each build gives the same bytes.
func compressed(data []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
