package config

// Match says whether a pattern matches the whole of a text: * stands for any
// number of bytes, slashes too, ? for one byte, and \ takes the special meaning
// from what follows it. Any other byte stands for itself.
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
		// Let the last star have one byte more; the ones before it need none.
		from++
		p, t = star+1, from
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

// literal is the length of the element at p if it stands for the byte b, else 0.
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
