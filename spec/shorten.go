package spec

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What an error repeats of values from config.json, in bytes.
const (
	// longest is the length that a word may have, and kept what is left of one that is
	// longer.
	longest = 512
	kept    = 256
	// longestText bounds all of it; of a longer one the beginning and the end are left.
	longestText = 8192
	keptEnd     = 1024
)

// Shorten cuts a message that repeats values of any length, such as paths from a
// config.json, so that it can be read: each word that is too long, and then the whole.
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
		// What follows it is of the message: ": ", or a blank.
		rest := strings.TrimRight(word, " \t\n\r:")
		fmt.Fprintf(&text, "%s… (%d bytes)%s", head(word, kept), len(rest), word[len(rest):])
	}
	short := text.String()
	if len(short) <= longestText {
		return short
	}
	return fmt.Sprintf("%s … (%d bytes left out) … %s", head(short, longestText-keptEnd), len(short)-longestText, tail(short, keptEnd))
}

// head is the beginning of a text, without a part of a character at its end.
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
