package config

// Match is true if a pattern matches the whole text. In the pattern, * stands for any number of
// bytes, slashes included, and ? for one byte; \ takes the special meaning from the byte after it.
// Any other byte stands for itself.
func Match(pattern, text string) bool {
	p, t := 0, 0
	star, from := -1, 0 // the last star, and where it began to match
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
			continue
		case p < len(pattern) && pattern[p] == '?':
			p, t = p+1, t+1
			continue
		}
		if n := literal(pattern, p, text[t]); n > 0 {
			p, t = p+n, t+1
			continue
		}
		if star < 0 {
			return false
		}
		// Let the last star match one more byte. The stars before it need no more.
		from++
		p, t = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// literal returns the length of the pattern element at p if it stands for the byte b, else 0.
func literal(pattern string, p int, b byte) int {
	switch {
	case p >= len(pattern):
		return 0
	case pattern[p] == '\\' && p+1 < len(pattern):
		if pattern[p+1] == b {
			return 2
		}
	case pattern[p] == b:
		return 1
	}
	return 0
}
