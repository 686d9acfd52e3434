package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// kind reads a setting's value from text, as flags and environment give it. The file
// gives typed values, which toText turns into the same text after checking their type.
type kind struct {
	read   func(into any, text string) error
	inFile string // the TOML type, as error messages name it
}

const (
	aString   = "a string"
	anInteger = "an integer"
	aList     = "a list of strings"
)

var (
	text = kind{inFile: aString, read: func(into any, text string) error {
		*into.(*string) = text
		return nil
	}}
	// list is separated by commas or spaces; no address holds either.
	list = kind{inFile: aList, read: func(into any, text string) error {
		*into.(*[]string) = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
		return nil
	}}
)

func oneOf(words ...string) kind {
	return kind{inFile: aString, read: func(into any, text string) error {
		if !slices.Contains(words, text) {
			return fmt.Errorf("want %s", strings.Join(words, " or "))
		}
		*into.(*string) = text
		return nil
	}}
}

func number(least, most int64) kind {
	return kind{inFile: anInteger, read: func(into any, text string) error {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < least || n > most {
			return fmt.Errorf("want a number from %d to %d", least, most)
		}
		*into.(*int64) = n
		return nil
	}}
}

func duration(least, most time.Duration) kind {
	return kind{inFile: aString, read: func(into any, text string) error {
		d, err := time.ParseDuration(text)
		if err != nil || d < least || d > most {
			return fmt.Errorf("want a time from %v to %v, for example 30s or 5m", least, most)
		}
		*into.(*time.Duration) = d
		return nil
	}}
}

const day = 24 * time.Hour

// period is a duration that may also be written in days: 30d.
func period(least, most time.Duration) kind {
	return kind{inFile: aString, read: func(into any, text string) error {
		d, err := time.ParseDuration(text)
		if days, whole := strings.CutSuffix(text, "d"); whole {
			var n int64
			n, err = strconv.ParseInt(days, 10, 64)
			d = time.Duration(min(n, int64(most/day)+1)) * day
		}
		if err != nil || d < least || d > most {
			return fmt.Errorf("want a time from %s to %s, for example 30d or 12h", periodText(least), periodText(most))
		}
		*into.(*time.Duration) = d
		return nil
	}}
}

// periodText writes whole days as days.
func periodText(d time.Duration) string {
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	return d.String()
}

// toText turns a value from the file into what read takes.
func (k kind) toText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		if k.inFile == aString {
			return v, nil
		}
	case int64:
		if k.inFile == anInteger {
			return strconv.FormatInt(v, 10), nil
		}
	case []any:
		if k.inFile != aList {
			break
		}
		var parts []string
		for _, part := range v {
			s, ok := part.(string)
			if !ok {
				return "", fmt.Errorf("want %s", aList)
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), nil
	}
	return "", fmt.Errorf("want %s", k.inFile)
}

// write is the value as TOML; fields of other types there are none.
func write(field any) string {
	switch v := field.(type) {
	case *string:
		return strconv.Quote(*v)
	case *int64:
		return strconv.FormatInt(*v, 10)
	case *time.Duration:
		return strconv.Quote(periodText(*v))
	case *[]string:
		quoted := make([]string, len(*v))
		for i, s := range *v {
			quoted[i] = strconv.Quote(s)
		}
		return "[" + strings.Join(quoted, ", ") + "]"
	}
	return ""
}
