package spec

import (
	"bytes"
	"encoding/json"
)

// cursor walks a document that json.Valid has accepted. It does not validate again: it checks only
// as much as it needs to find the ends of values.
type cursor struct {
	data []byte
	i    int
}

// peek skips white space and returns the first byte of the next value, key or closing bracket.
func (c *cursor) peek() byte {
	for {
		switch b := c.data[c.i]; b {
		case ' ', '\t', '\r', '\n':
			c.i++
		default:
			return b
		}
	}
}

// enter steps over the opening bracket. It returns false if the object or array is empty.
func (c *cursor) enter() bool {
	c.i++
	return c.more()
}

// more steps over a comma, if one is next, and returns true if a member follows. At the closing
// bracket it steps over the bracket and returns false.
func (c *cursor) more() bool {
	switch c.peek() {
	case ',':
		c.i++
		c.peek()
	case ']', '}':
		c.i++
		return false
	}
	return true
}

// key returns the name of the next member and steps over its colon.
func (c *cursor) key() string {
	c.peek()
	k := c.str()
	c.peek()
	c.i++
	return k
}

// str returns the string at the cursor and steps over it.
func (c *cursor) str() string {
	start := c.i
	if s := c.data[start+1 : start+1+bytes.IndexByte(c.data[start+1:], '"')]; bytes.IndexByte(s, '\\') < 0 {
		c.i += len(s) + 2
		return string(s)
	}
	c.skip()
	var s string
	if json.Unmarshal(c.data[start:c.i], &s) != nil {
		return ""
	}
	return s
}

// literal returns the number, true, false or null at the cursor and steps over it.
func (c *cursor) literal() []byte {
	start := c.i
	for ; c.i < len(c.data); c.i++ {
		switch c.data[c.i] {
		case ' ', '\t', '\r', '\n', ',', ']', '}':
			return c.data[start:c.i]
		}
	}
	return c.data[start:]
}

// skip steps over a value of any depth and returns it. It does not recurse.
func (c *cursor) skip() []byte {
	c.peek()
	start, depth := c.i, 0
	for {
		switch c.peek() {
		case '{', '[':
			depth++
			c.i++
		case '}', ']':
			depth--
			c.i++
		case '"':
			for c.i++; c.data[c.i] != '"'; c.i++ {
				if c.data[c.i] == '\\' {
					c.i++
				}
			}
			c.i++
		case ',', ':':
			c.i++
			continue
		default:
			c.literal()
		}
		if depth == 0 {
			return c.data[start:c.i]
		}
	}
}

// kind names the type of the value whose first byte is b.
func kind(b byte) string {
	switch b {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}
