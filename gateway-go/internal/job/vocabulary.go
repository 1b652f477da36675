package job

import (
	"fmt"
	"regexp"
	"strings"
)

const wordsNamed = 5

// word is a run of letters, marks and digits of any script, with apostrophes inside.
var word = regexp.MustCompile(`[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*`)

// littleWords carry no picture of their own; no catalogue has to list them.
var littleWords = setOf(strings.Fields(`a an the this that these those some any each every both all no not
	i you he she it we they me him her us them my your his its our their own
	is are was were be been being am has have had do does did can could will would shall should may might must
	and or but nor so yet if then than as while when where which who whose what how
	of on in at by to for from with without into onto over under above below up down out off through across along around about
	against between behind beside besides next near inside outside within front very just only also too there here please`))

// unknownWords of a prompt, each once and as it was written: those that are neither in the vocabulary nor in a preset's own words nor little.
func (m Model) unknownWords(prompt string) []string {
	if len(m.Vocabulary) == 0 {
		return nil
	}
	known := setOf(m.Vocabulary)
	for _, p := range m.Presets {
		for _, w := range word.FindAllString(strings.ToLower(strings.ReplaceAll(p.Template, "{product}", " ")), -1) {
			known[w] = true
		}
	}
	var unknown []string
	for _, w := range word.FindAllString(prompt, -1) {
		plain := strings.TrimSuffix(strings.ReplaceAll(strings.ToLower(w), "’", "'"), "'s")
		if !known[plain] && !littleWords[plain] {
			unknown = append(unknown, w)
			known[plain] = true
		}
	}
	return unknown
}

// enumerate quotes the first words, and counts the others.
func enumerate(words []string) string {
	quoted := make([]string, min(len(words), wordsNamed))
	for i := range quoted {
		quoted[i] = "“" + words[i] + "”"
	}
	text := strings.Join(quoted, ", ")
	if more := len(words) - len(quoted); more > 0 {
		return fmt.Sprintf("%s and %d more words", text, more)
	}
	return text
}

func setOf(words []string) map[string]bool {
	set := make(map[string]bool, len(words))
	for _, w := range words {
		set[w] = true
	}
	return set
}
