package pages

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// nbsp stands between a number and its unit.
const nbsp = "\u00a0"

// line is a sentence that may hold one moment.
type line struct {
	Before string
	At     *moment
	After  string
}

// moment is a time on the page; the script shows it in the reader's own zone, in the shape As.
type moment struct {
	Machine, As, Text string
}

// Shapes of a moment: the script knows the same names.
var shapes = map[string]string{
	"clock":  "15:04",
	"second": "15:04:05",
	"day":    "2 Jan",
	"date":   "2 January",
	"full":   "2 Jan 2006, 15:04:05",
	"until":  "2 January, 15:04",
	"begin":  "2 January 2006",
}

func say(text string) *line { return &line{Before: text} }

// sayAt puts t, in the named shape, in place of %t.
func sayAt(text, shape string, t time.Time) *line {
	before, after, _ := strings.Cut(text, "%t")
	return &line{Before: before, At: &moment{Machine: t.UTC().Format(time.RFC3339), As: shape, Text: t.Local().Format(shapes[shape])}, After: after}
}

// about says a duration as coarsely as it is known, which also keeps an unchanged card unchanged.
func about(seconds float64) string {
	switch s := math.Max(1, math.Ceil(seconds)); {
	case s <= 10:
		return fmt.Sprintf("%.0f%ss", s, nbsp)
	case s < 60:
		return fmt.Sprintf("%.0f%ss", math.Ceil(s/5)*5, nbsp)
	case s < 3600:
		return fmt.Sprintf("%.0f%smin", math.Ceil(s/60), nbsp)
	default:
		return fmt.Sprintf("%.0f%sh", math.Ceil(s/3600), nbsp)
	}
}

func seconds(ms int64) string { return fmt.Sprintf("%.1f%ss", float64(ms)/1000, nbsp) }

func ordinal(n int) string {
	suffix := "th"
	if n%100 < 11 || n%100 > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}

// try names the n-th attempt.
func try(n int) string {
	if names := []string{"first", "second", "third"}; n >= 1 && n <= len(names) {
		return names[n-1]
	}
	return ordinal(n)
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return thousands(int64(n)) + " " + many
}

// span writes a range of seeds; of long ones the end shows its last two digits only, where the rest is the same.
func span(first, last int64) string {
	from, to := strconv.FormatInt(first, 10), strconv.FormatInt(last, 10)
	if cut := len(to) - 2; cut > 3 && len(from) == len(to) && from[:cut] == to[:cut] {
		to = to[cut:]
	}
	return from + "–" + to
}

func thousands(n int64) string {
	if n < 0 {
		return "−" + thousands(-n)
	}
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return plural(int(math.Round(d.Hours())), "hour", "hours")
	}
	return plural(int(math.Round(d.Hours()/24)), "day", "days")
}

func kilobytes(n int64) string {
	if n < 1_000_000 {
		return fmt.Sprintf("%d%skB", (n+999)/1000, nbsp)
	}
	return fmt.Sprintf("%.1f%sMB", float64(n)/1e6, nbsp)
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// beginning cuts a text to so many characters, at a space where one is near.
func beginning(text string, characters int) string {
	r := []rune(text)
	if len(r) <= characters {
		return text
	}
	r = r[:characters]
	for i := len(r) - 1; i > characters-20; i-- {
		if unicode.IsSpace(r[i]) {
			r = r[:i]
			break
		}
	}
	return strings.TrimSpace(string(r)) + "…"
}

func capital(s string) string {
	r := []rune(s)
	if len(r) > 0 {
		r[0] = unicode.ToUpper(r[0])
	}
	return string(r)
}
