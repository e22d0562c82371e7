package command

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/containerd/console"

	"github.com/berth-oci/berth/bundle/layer"
)

// progress shows how unpacking gets on: on a terminal in one line that changes, elsewhere in one
// line per layer. It is a bundle.Progress.
type progress struct {
	out   io.Writer
	quiet bool
	// width is the terminal's width in columns, or 0 if there is no terminal.
	width int

	mu         sync.Mutex
	name       string
	number, of int
	size, read int64
	begin      time.Time
	shown      time.Time
}

func newProgress(out io.Writer, quiet bool) *progress {
	p := &progress{out: out, quiet: quiet}
	if f, ok := out.(*os.File); ok {
		if terminal, err := console.ConsoleFromFile(f); err == nil {
			p.width = 80
			if size, err := terminal.Size(); err == nil && size.Width > 0 {
				p.width = int(size.Width)
			}
		}
	}
	return p
}

func (p *progress) Layer(name string, number, of int, size int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.name, p.number, p.of, p.size, p.read = name, number, of, size, 0
	p.begin = time.Now()
}

// refresh is how often the line on a terminal changes.
const refresh = 100 * time.Millisecond

func (p *progress) Read(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.read += int64(n)
	if p.quiet || p.width == 0 || time.Since(p.shown) < refresh {
		return
	}
	p.shown = time.Now()
	fmt.Fprint(p.out, "\r\x1b[K"+p.line())
}

// line returns what a terminal shows. It is shorter than the terminal is wide.
func (p *progress) line() string {
	done := layer.Bytes(p.read)
	bar := ""
	if p.size > 0 {
		const columns = 24
		share := min(float64(p.read)/float64(p.size), 1)
		full := int(share * columns)
		bar = fmt.Sprintf(" [%s%s] %3.0f%%", strings.Repeat("=", full), strings.Repeat(" ", columns-full), 100*share)
	}
	rate := float64(p.read) / max(time.Since(p.begin).Seconds(), 0.001)
	text := fmt.Sprintf("%d/%d%s %s, %s/s", p.number, p.of, bar, done, layer.Bytes(int64(rate)))
	return text[:min(len(text), p.width-1)]
}

func (p *progress) Done(entries int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet {
		return
	}
	p.clear()
	fmt.Fprintf(p.out, "%d/%d %s: %s, %s, %.1f s\n", p.number, p.of, p.name, layer.Bytes(p.read), count(int(entries), "file"), time.Since(p.begin).Seconds())
}

// Close clears an unfinished line, before an error is shown.
func (p *progress) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	p.quiet = true
}

func (p *progress) clear() {
	if p.width > 0 && !p.shown.IsZero() {
		fmt.Fprint(p.out, "\r\x1b[K")
		p.shown = time.Time{}
	}
}
