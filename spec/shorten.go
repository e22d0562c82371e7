package spec

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits on the values from config.json that an error message repeats, in bytes.
const (
	// longest is the length of the longest word that is left alone. kept is the length to which a
	// longer word is cut.
	longest = 512
	kept    = 256
	// longestText bounds the whole message. Of a longer message, the beginning and keptEnd bytes of
	// the end remain.
	longestText = 8192
	keptEnd     = 1024
)

// Shorten cuts a message that repeats long values, such as paths from a config.json, to a readable
// length. It first cuts each word that is too long, and then the whole message.
func Shorten(message string) string {
	if len(message) <= longest {
		return message
	}
	var text strings.Builder
	for len(message) > 0 {
		word := message
		if i := strings.IndexAny(message, " \t\n\r"); i >= 0 {
			word = message[:i+1]
		}
		message = message[len(word):]
		if len(word) <= longest {
			text.WriteString(word)
			continue
		}
		// A trailing ": " or white space belongs to the message, not to the value.
		rest := strings.TrimRight(word, " \t\n\r:")
		fmt.Fprintf(&text, "%s… (%d bytes)%s", head(word, kept), len(rest), word[len(rest):])
	}
	short := text.String()
	if len(short) <= longestText {
		return short
	}
	return fmt.Sprintf("%s … (%d bytes left out) … %s", head(short, longestText-keptEnd), len(short)-longestText, tail(short, keptEnd))
}

// head returns the first n bytes of s, or fewer if the cut would split a character.
func head(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func tail(s string, n int) string {
	for n > 0 && !utf8.RuneStart(s[len(s)-n]) {
		n--
	}
	return s[len(s)-n:]
}
