package spec

import (
	"bytes"
	"encoding/json"
)

// cursor walks a document that json.Valid has accepted; it checks nothing
// again and is only as strict as finding the ends of values needs.
type cursor struct {
	data []byte
	i    int
}

// peek skips white space and returns the byte that a value, key or closing
// bracket starts with.
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

// enter steps over the opening bracket and says if the value has a member.
func (c *cursor) enter() bool {
	c.i++
	return c.more()
}

// more steps over a comma, if one is next, and says if a member follows; at
// the closing bracket it steps over that and returns false.
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

// literal returns the number, true, false or null at the cursor and steps
// over it.
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

// skip steps over a value of any depth without recursion and returns it.
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

// kind names the type of the value that starts with b.
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
